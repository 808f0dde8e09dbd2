// Macros of SPF (RFC 7208 7).
#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "smtp/auth/spf.hpp"

namespace genkan::smtp {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";

std::string dotted_ip(const base::IpAddress& ip) {
  if (ip.is_v4()) return ip.text();
  std::string out;
  for (const auto byte : ip.bytes) {
    if (!out.empty()) out += '.';
    out += kHex[byte >> 4];
    out += '.';
    out += kHex[byte & 15];
  }
  return out;
}

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char l = base::lower(c);
    if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kUpperHex[static_cast<unsigned char>(c) >> 4];
      out += kUpperHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

std::string value_of(char letter, const SpfMacros& m, std::string_view domain) {
  switch (letter) {
    case 's':
      return m.local + "@" + m.sender_domain;
    case 'l':
      return m.local;
    case 'o':
      return m.sender_domain;
    case 'd':
      return std::string(domain);
    case 'i':
      return dotted_ip(m.ip);
    case 'p':
      return m.validated;
    case 'v':
      return m.ip.is_v4() ? "in-addr" : "ip6";
    case 'h':
      return m.helo;
    case 'c':
      return m.ip.text();
    case 'r':
      return m.receiver.empty() ? "unknown" : m.receiver;
    case 't':
      return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(m.now.time_since_epoch()).count());
    default:
      return {};
  }
}

std::string transformed(const std::string& value, std::string_view delimiters, std::size_t keep, bool reverse) {
  std::vector<std::string_view> parts;
  const std::string_view text = value;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && delimiters.find(text[i]) == std::string_view::npos) continue;
    parts.push_back(text.substr(from, i - from));
    from = i + 1;
  }
  if (reverse) std::reverse(parts.begin(), parts.end());
  const auto first = keep != 0 && keep < parts.size() ? parts.size() - keep : 0;
  std::string out;
  for (std::size_t i = first; i < parts.size(); ++i) {
    if (i > first) out += '.';
    out += parts[i];
  }
  return out;
}

// The macro "{...}" that `text` starts with, behind its '%'; its length goes to `used`.
std::string expand_one(std::string_view text, const SpfMacros& macros, std::string_view domain, std::size_t& used) {
  const auto end = text.find('}');
  used = end + 1;
  const char letter = text[1];
  auto rest = text.substr(2, end - 2);
  std::size_t keep = 0;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    keep = keep * 10 + static_cast<std::size_t>(rest.front() - '0');
    rest.remove_prefix(1);
  }
  const bool reverse = !rest.empty() && base::lower(rest.front()) == 'r';
  if (reverse) rest.remove_prefix(1);
  const auto value = value_of(base::lower(letter), macros, domain);
  const auto out = transformed(value, rest.empty() ? std::string_view(".") : rest, keep, reverse);
  return letter >= 'A' && letter <= 'Z' ? url_escaped(out) : out;
}

}  // namespace

std::string expand_macros(std::string_view text, const SpfMacros& macros, std::string_view domain, bool name) {
  constexpr std::size_t kMaxExpansion = 4096;
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < kMaxExpansion;) {
    if (text[i] != '%' || i + 1 >= text.size()) {
      out += text[i++];
      continue;
    }
    const char next = text[i + 1];
    if (next == '{' && text.find('}', i) != std::string_view::npos) {
      std::size_t used = 0;
      out += expand_one(text.substr(i + 1), macros, domain, used);
      i += 1 + used;
    } else {
      out += next == '_' ? " " : next == '-' ? "%20" : "%";
      i += 2;
    }
  }
  if (!name) return out;
  constexpr std::size_t kMaxName = 253;
  while (out.size() > kMaxName) {
    const auto dot = out.find('.');
    if (dot == std::string::npos) return {};
    out.erase(0, dot + 1);
  }
  return out;
}

}  // namespace genkan::smtp
