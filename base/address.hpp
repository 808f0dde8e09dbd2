// Addresses as values: an IP address, an endpoint (IP and port, or a Unix socket path), a network in CIDR form.
// Parsing is strict (no octal, no short forms); text() is RFC 5952 for IPv6.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct sockaddr;
struct sockaddr_storage;

namespace genkan::base {

// IPv4 is kept as its IPv4-mapped IPv6 form, so that one comparison serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const noexcept;
  bool is_loopback() const noexcept;
  bool is_multicast() const noexcept;
  std::string text() const;
  auto operator<=>(const IpAddress&) const = default;

  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t host_order) noexcept;
  static IpAddress any_v4() noexcept { return v4(0); }
};

struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;
  std::string unix_path;  // not empty: a Unix socket, ip and port are unused

  bool is_unix() const noexcept { return !unix_path.empty(); }
  std::string text() const;  // 192.0.2.1:80, [2001:db8::1]:80, unix:/run/x.sock
  auto operator<=>(const Endpoint&) const = default;

  // "1.2.3.4:80", "[::1]:80", ":80" and "*:80" (any IPv4), "unix:/path". No host names: see net/resolver.hpp.
  static Result<Endpoint> parse(std::string_view text);
  static Endpoint from_sockaddr(const ::sockaddr* address) noexcept;
  // Fills `out`; returns the length to hand to the system.
  std::uint32_t to_sockaddr(::sockaddr_storage& out) const noexcept;
};

struct Cidr {
  IpAddress network;
  std::uint8_t prefix = 128;  // in the 128-bit form: IPv4 /24 is 120

  bool contains(const IpAddress& ip) const noexcept;
  std::string text() const;
  auto operator<=>(const Cidr&) const = default;
  static Result<Cidr> parse(std::string_view text);  // "10.0.0.0/8", "::1", host bits must be zero
};

}  // namespace genkan::base
