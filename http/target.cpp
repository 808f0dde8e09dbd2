#include "http/target.hpp"

#include <array>
#include <vector>

#include "base/address.hpp"
#include "base/text.hpp"

namespace genkan::http {
namespace {

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool unreserved(char c) noexcept {
  return alpha(c) || digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
constexpr bool sub_delim(char c) noexcept { return std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos; }
constexpr auto kNameChars = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const auto as_char = static_cast<char>(c);
    table[static_cast<std::size_t>(c)] = unreserved(as_char) || sub_delim(as_char);
  }
  return table;
}();

// Is there anything that normalising could change or refuse?
bool looks_normal(std::string_view path) noexcept {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' || path[i] == '\\') return false;
    if (path[i] == '/' && i + 1 < path.size() && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

Result<void> decode_unreserved(std::string_view path, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out.clear();
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\') {
      out += "%5C";
      continue;
    }
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    if (i + 2 >= path.size()) return Errc::malformed;
    const int high = hex_value(path[i + 1]), low = hex_value(path[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return Errc::malformed;
    const char c = static_cast<char>(high * 16 + low);
    if (unreserved(c)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<std::size_t>(high)];
      out += kDigits[static_cast<std::size_t>(low)];
    }
    i += 2;
  }
  return {};
}

// Would a server that decodes %2F or %5C, or cuts parameters off a segment, find ".." in here? `segment` is decoded as
// far as we do, and not ".." itself.
bool hides_a_climb(std::string_view segment) noexcept {
  while (!segment.empty()) {
    std::size_t end = 0, skip = 0;
    for (; end < segment.size(); ++end) {
      const std::string_view rest = segment.substr(end);
      if (rest.starts_with("%2F") || rest.starts_with("%5C")) skip = 3;
      if (skip) break;
    }
    std::string_view part = segment.substr(0, end);
    part = part.substr(0, std::min(part.find(';'), part.find("%3B")));
    if (part == "..") return true;
    segment.remove_prefix(std::min(end + skip, segment.size()));
  }
  return false;
}

// '.', '/' and '\\' in more bytes than UTF-8 allows.
bool has_overlong(std::string_view path) noexcept {
  for (const std::string_view bad : {"%C0%AE", "%C0%AF", "%C1%9C", "%E0%80%AE", "%E0%80%AF", "%E0%81%9C"}) {
    if (path.find(bad) != std::string_view::npos) return true;
  }
  return false;
}

// RFC 3986 5.2.4. A climb above the root is an error and not silently the root.
Result<void> remove_dots(std::string& path, bool merge_slashes) {
  std::vector<std::string_view> kept;
  const std::string text = std::move(path);
  bool folder = false;
  std::size_t at = 1;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string_view segment(text.data() + at, end - at);
    folder = segment.empty() || segment == "." || segment == "..";
    const bool last = end == text.size();
    if (segment == "..") {
      if (kept.empty()) return Errc::malformed;
      kept.pop_back();
    } else if (!folder) {
      if (hides_a_climb(segment)) return Errc::malformed;
      kept.push_back(segment);
    } else if (segment.empty() && !merge_slashes && !last) {
      kept.push_back(segment);
    }
    at = end + 1;
  }
  path.clear();
  for (auto segment : kept) (path += '/') += segment;
  if (folder || path.empty()) path += '/';
  return {};
}

}  // namespace

Result<Target> split_target(std::string_view target) {
  if (target.empty()) return Errc::malformed;
  for (const char c : target) {
    if (c <= 0x20 || c >= 0x7f || c == '#') return Errc::malformed;  // signed char: bytes over 0x7F are below 0
  }
  Target out;
  if (target == "*") {
    out.form = TargetForm::asterisk;
    out.path = target;
    return out;
  }
  std::string_view rest = target;
  if (target.front() != '/') {
    const std::size_t colon = target.find("://");
    if (colon == std::string_view::npos) {
      out.form = TargetForm::authority;
      out.authority = target;
      return out;
    }
    out.form = TargetForm::absolute;
    out.scheme = target.substr(0, colon);
    if (!base::iequals(out.scheme, "http") && !base::iequals(out.scheme, "https")) return Errc::malformed;
    rest = target.substr(colon + 3);
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    out.authority = rest.substr(0, end);
    rest = rest.substr(end);
    if (out.authority.empty()) return Errc::malformed;  // RFC 9110 4.2.1
    if (rest.empty()) out.bare = true;
  }
  const std::size_t mark = rest.find('?');
  out.path = rest.substr(0, std::min(mark, rest.size()));
  if (out.path.empty()) out.path = "/";
  if (mark != std::string_view::npos) {
    out.has_query = true;
    out.query = rest.substr(mark + 1);
  }
  return out;
}

Result<std::string_view> normalise_path(std::string_view path, std::string& store, bool merge_slashes) {
  if (looks_normal(path)) return path;
  if (auto r = decode_unreserved(path, store); !r) return r.error();
  if (has_overlong(store)) return Errc::malformed;
  if (auto r = remove_dots(store, merge_slashes); !r) return r.error();
  return std::string_view(store);
}

Result<Authority> parse_authority(std::string_view text) {
  Authority out;
  std::size_t end = 0;
  if (!text.empty() && text.front() == '[') {
    end = text.find(']');
    if (end == std::string_view::npos) return Errc::malformed;
    const auto literal = text.substr(1, end - 1);
    if (literal.find(':') == std::string_view::npos || !base::IpAddress::parse(literal)) return Errc::malformed;
    ++end;
  } else {
    for (; end < text.size() && text[end] != ':'; ++end) {
      const char c = text[end];
      if (c == '%') {
        if (end + 2 >= text.size() || hex_value(text[end + 1]) < 0 || hex_value(text[end + 2]) < 0)
          return Errc::malformed;
        const int octet = hex_value(text[end + 1]) * 16 + hex_value(text[end + 2]);
        if (octet < 0x20 || octet == 0x7f) return Errc::malformed;  // whoever decodes it would find the name's end
      } else if (!kNameChars[static_cast<unsigned char>(c)]) {
        return Errc::malformed;
      }
    }
  }
  out.host = text.substr(0, end);
  if (out.host.empty() || out.host.size() > 255) return Errc::malformed;
  if (end == text.size()) return out;
  if (text[end] != ':') return Errc::malformed;
  out.port = text.substr(end + 1);
  if (out.port.empty()) return out;  // "host:" is allowed by the grammar
  const auto port = base::parse_uint(out.port);
  if (!port || *port > 65535) return Errc::malformed;
  return out;
}

}  // namespace genkan::http
