#include "base/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/text.hpp"

namespace genkan::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// First and length of the longest run of at least two zero groups; the first of equals (RFC 5952 4.2.3).
std::pair<int, int> longest_zero_run(const std::array<unsigned, 8>& groups) {
  int best = -1, best_length = 1;
  for (int i = 0; i < 8;) {
    int j = i;
    while (j < 8 && groups[static_cast<std::size_t>(j)] == 0) ++j;
    if (j - i > best_length) {
      best = i;
      best_length = j - i;
    }
    i = j + 1;
  }
  return {best, best < 0 ? 0 : best_length};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  auto port = parse_uint(text);
  if (!port || *port > 65535 || text.size() > 5) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

bool IpAddress::is_v4() const noexcept { return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0; }

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  IpAddress one;
  one.bytes[15] = 1;
  return *this == one;
}

bool IpAddress::is_multicast() const noexcept { return is_v4() ? bytes[12] >> 4 == 14 : bytes[0] == 0xff; }

std::string IpAddress::text() const {
  std::string out;
  if (is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) out += '.';
      out += std::to_string(bytes[i]);
    }
    return out;
  }
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  auto [zero, length] = longest_zero_run(groups);
  for (int i = 0; i < 8; ++i) {
    if (i == zero) {
      out += "::";
      i += length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    char digits[4];
    auto end = std::to_chars(digits, digits + 4, groups[static_cast<std::size_t>(i)], 16).ptr;
    out.append(digits, end);
  }
  return out;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return Errc::malformed;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  IpAddress ip;
  if (text.find(':') == std::string_view::npos) {
    std::memcpy(ip.bytes.data(), kMapped.data(), kMapped.size());
    if (::inet_pton(AF_INET, copy, ip.bytes.data() + 12) != 1) return Errc::malformed;
    return ip;
  }
  if (::inet_pton(AF_INET6, copy, ip.bytes.data()) != 1) return Errc::malformed;
  return ip;
}

IpAddress IpAddress::v4(std::uint32_t host_order) noexcept {
  IpAddress ip;
  std::memcpy(ip.bytes.data(), kMapped.data(), kMapped.size());
  for (std::size_t i = 0; i < 4; ++i) ip.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return ip;
}

std::string Endpoint::text() const {
  if (is_unix()) return "unix:" + unix_path;
  auto host = ip.is_v4() ? ip.text() : "[" + ip.text() + "]";
  return host + ":" + std::to_string(port);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  Endpoint out;
  if (text.starts_with("unix:")) {
    auto path = text.substr(5);
    if (path.empty() || path.find('\0') != std::string_view::npos) return Errc::malformed;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return Errc::too_large;
    out.unix_path = path;
    return out;
  }
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return Errc::malformed;
  auto port = parse_port(text.substr(colon + 1));
  auto host = text.substr(0, colon);
  if (!port) return Errc::malformed;
  out.port = *port;
  if (host.empty() || host == "*") {
    out.ip = IpAddress::any_v4();
    return out;
  }
  bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  // Brackets belong to IPv6 and to nothing else: "::1:80" would be ambiguous.
  if (brackets != (host.find(':') != std::string_view::npos)) return Errc::malformed;
  auto ip = IpAddress::parse(host);
  if (!ip) return ip.error();
  out.ip = *ip;
  return out;
}

Endpoint Endpoint::from_sockaddr(const ::sockaddr* address) noexcept {
  Endpoint out;
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    out.ip = IpAddress::v4(ntohl(in.sin_addr.s_addr));
    out.port = ntohs(in.sin_port);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(out.ip.bytes.data(), &in.sin6_addr, 16);
    out.port = ntohs(in.sin6_port);
  } else if (address->sa_family == AF_UNIX) {
    const auto* path = reinterpret_cast<const char*>(address) + offsetof(sockaddr_un, sun_path);
    out.unix_path.assign(path, ::strnlen(path, sizeof(sockaddr_un::sun_path)));
  }
  return out;
}

std::uint32_t Endpoint::to_sockaddr(::sockaddr_storage& out) const noexcept {
  std::memset(&out, 0, sizeof out);
  if (is_unix()) {
    auto* un = reinterpret_cast<sockaddr_un*>(&out);
    un->sun_family = AF_UNIX;
    auto length = std::min(unix_path.size(), sizeof un->sun_path - 1);
    std::memcpy(un->sun_path, unix_path.data(), length);
    return static_cast<std::uint32_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  }
  if (ip.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, ip.bytes.data() + 12, 4);
    return sizeof *in;
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(&out);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  std::memcpy(&in->sin6_addr, ip.bytes.data(), 16);
  return sizeof *in;
}

namespace {

// True when `a` and `b` agree in their first `prefix` bits.
bool same_prefix(const IpAddress& a, const IpAddress& b, unsigned prefix) noexcept {
  auto whole = prefix / 8;
  if (std::memcmp(a.bytes.data(), b.bytes.data(), whole) != 0) return false;
  auto rest = prefix % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((a.bytes[whole] ^ b.bytes[whole]) & mask) == 0;
}

}  // namespace

bool Cidr::contains(const IpAddress& ip) const noexcept {
  // ::/0 means every IPv6 address: that IPv4 is kept in mapped form is our affair, not the operator's.
  if (prefix < 96 && ip.is_v4()) return false;
  return same_prefix(network, ip, prefix);
}

std::string Cidr::text() const {
  bool v4 = network.is_v4() && prefix >= 96;
  return network.text() + "/" + std::to_string(v4 ? prefix - 96 : prefix);
}

Result<Cidr> Cidr::parse(std::string_view text) {
  auto slash = text.find('/');
  auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return ip.error();
  Cidr out{*ip, 128};
  if (slash == std::string_view::npos) return out;
  auto digits = text.substr(slash + 1);
  auto bits = parse_uint(digits);
  bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  if (!bits || digits.size() > 3 || *bits > (dotted ? 32u : 128u)) return Errc::malformed;
  if (digits.size() > 1 && digits[0] == '0') return Errc::malformed;
  out.prefix = static_cast<std::uint8_t>(*bits + (dotted ? 96 : 0));
  IpAddress host_bits = *ip;
  for (unsigned i = 0; i < out.prefix; ++i) host_bits.bytes[i / 8] &= static_cast<std::uint8_t>(~(0x80u >> (i % 8)));
  if (host_bits != IpAddress{}) return Errc::malformed;
  return out;
}

}  // namespace genkan::base
