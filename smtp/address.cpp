#include "smtp/address.hpp"

#include "base/address.hpp"
#include "base/text.hpp"

#include <cstdint>

namespace genkan::smtp {
namespace {

bool is_alnum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_high(char c) noexcept { return static_cast<unsigned char>(c) >= 0x80; }

bool is_atext(char c) noexcept {
  return is_alnum(c) || is_high(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// Length of the dot-string or quoted string at the start of `text`; 0 when there is none.
std::size_t local_part_length(std::string_view text) noexcept {
  if (!text.empty() && text.front() == '"') {
    for (std::size_t i = 1; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (c == '"') return i + 1;
      if (c == '\\') {
        if (++i >= text.size()) return 0;
        const auto escaped = static_cast<unsigned char>(text[i]);
        if (escaped < 0x20 || escaped > 0x7e) return 0;
      } else if (c < 0x20 || c == 0x7f) {
        return 0;
      }
    }
    return 0;
  }
  std::size_t i = 0;
  bool after_dot = true;
  for (; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (after_dot) return 0;
      after_dot = true;
    } else if (is_atext(text[i])) {
      after_dot = false;
    } else {
      break;
    }
  }
  return after_dot ? 0 : i;
}

// Length of the domain or address literal at the start of `text`; 0 when there is none.
std::size_t domain_length(std::string_view text) noexcept {
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return 0;
    return valid_address_literal(text.substr(0, end + 1)) ? end + 1 : 0;
  }
  std::size_t i = 0;
  while (i < text.size() &&
         (is_alnum(text[i]) || is_high(text[i]) || text[i] == '-' || text[i] == '.' || text[i] == '_'))
    ++i;
  return i;
}

// local "@" domain at the start of `text`; `used` is how far it went.
AddressFault parse_address(std::string_view text, AddressView& out, std::size_t& used) {
  const auto local = local_part_length(text);
  if (local == 0 || local >= text.size() || text[local] != '@') return AddressFault::syntax;
  if (local > kMaxLocalPart) return AddressFault::local_too_long;
  const auto domain = domain_length(text.substr(local + 1));
  if (domain == 0) return AddressFault::syntax;
  if (domain > kMaxDomain) return AddressFault::domain_too_long;
  out.local = text.substr(0, local);
  out.domain = text.substr(local + 1, domain);
  out.text = text.substr(0, local + 1 + domain);
  if (out.domain.front() != '[' && !valid_domain(out.domain, true)) return AddressFault::syntax;
  for (const char c : out.text) out.non_ascii = out.non_ascii || is_high(c);
  if (out.non_ascii && !valid_utf8(out.text)) return AddressFault::syntax;
  if (out.text.size() + 2 > kMaxPath) return AddressFault::path_too_long;
  used = out.text.size();
  return AddressFault::none;
}

// "@one.example,@two.example:" at the start; how many octets it takes, 0 when it is broken.
std::size_t source_route_length(std::string_view text) noexcept {
  std::size_t i = 0;
  for (;;) {
    if (i >= text.size() || text[i] != '@') return 0;
    const auto domain = domain_length(text.substr(i + 1));
    if (domain == 0) return 0;
    i += 1 + domain;
    if (i >= text.size()) return 0;
    if (text[i] == ':') return i + 1;
    if (text[i] != ',') return 0;
    ++i;
  }
}

}  // namespace

bool valid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || i + more >= text.size()) return false;
    std::uint32_t value = c & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      value = (value << 6) | (next & 0x3fu);
    }
    const bool overlong = (more == 2 && value < 0x800) || (more == 3 && value < 0x10000);
    if (overlong || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return false;
    i += more + 1;
  }
  return true;
}

bool valid_domain(std::string_view text, bool allow_utf8) noexcept {
  if (text.empty() || text.size() > kMaxDomain) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '.') {
      if (label == 0 || label > 63 || text[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const char c = text[i];
    // '_' is no let-dig, but hosts with it exist and every peer takes them.
    if (!is_alnum(c) && c != '_' && !(c == '-' && label > 0) && !(is_high(c) && allow_utf8)) return false;
    ++label;
  }
  return true;
}

bool valid_address_literal(std::string_view text) noexcept {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  const auto inner = text.substr(1, text.size() - 2);
  if (base::istarts_with(inner, "IPv6:")) {
    const auto ip = base::IpAddress::parse(inner.substr(5));
    return ip.has_value() && inner.find(':', 5) != std::string_view::npos;
  }
  const auto ip = base::IpAddress::parse(inner);
  return ip.has_value() && inner.find(':') == std::string_view::npos;
}

AddressFault parse_path(std::string_view text, AddressView& out, std::string_view& rest) {
  out = {};
  if (text.empty() || text.front() != '<') return AddressFault::syntax;
  auto inner = text.substr(1);
  if (!inner.empty() && inner.front() == '>') {
    rest = inner.substr(1);
    return AddressFault::none;
  }
  if (!inner.empty() && inner.front() == '@') {
    const auto route = source_route_length(inner);
    if (route == 0) return AddressFault::syntax;
    inner.remove_prefix(route);
  }
  constexpr std::string_view kPostmaster = "postmaster";
  if (base::istarts_with(inner, "postmaster>")) {
    out.text = out.local = inner.substr(0, kPostmaster.size());
    rest = inner.substr(kPostmaster.size() + 1);
    return AddressFault::none;
  }
  std::size_t used = 0;
  if (const auto fault = parse_address(inner, out, used); fault != AddressFault::none) return fault;
  if (used >= inner.size() || inner[used] != '>') return AddressFault::syntax;
  rest = inner.substr(used + 1);
  return AddressFault::none;
}

AddressFault parse_mailbox(std::string_view text, AddressView& out) {
  out = {};
  std::size_t used = 0;
  const auto fault = parse_address(text, out, used);
  if (fault != AddressFault::none) return fault;
  return used == text.size() ? AddressFault::none : AddressFault::syntax;
}

std::string_view domain_of(std::string_view address) noexcept {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

std::string local_of(std::string_view address) {
  auto local = address.substr(0, address.rfind('@'));
  std::string plain;
  if (local.size() >= 2 && local.front() == '"') {
    local = local.substr(1, local.size() - 2);
    for (std::size_t i = 0; i < local.size(); ++i) {
      if (local[i] == '\\' && i + 1 < local.size()) ++i;
      plain += base::lower(local[i]);
    }
    return plain;
  }
  return base::to_lower(local);
}

bool is_postmaster(const AddressView& address) noexcept { return base::iequals(address.local, "postmaster"); }

}  // namespace genkan::smtp
