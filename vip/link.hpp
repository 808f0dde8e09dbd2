// The system below VRRP: facts of an interface, addresses (rtnetlink), news of links, and the two raw sockets.
// Every function is one or a few system calls, none blocks for longer than the kernel takes. Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/address.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace genkan::vip {

Error last_error() noexcept;  // errno as an Error

struct LinkFacts {
  int index = 0;
  bool running = false;  // up, with a carrier
  std::array<std::uint8_t, 6> mac{};
  base::IpAddress primary;  // any_v4() when it has no IPv4 address
};
Result<LinkFacts> read_link(const std::string& interface);

// Requests to rtnetlink, each waiting for the kernel's answer.
class Netlink {
 public:
  static Result<Netlink> open();
  Result<> add_address(int index, const base::IpAddress& ip, std::uint8_t prefix);     // there already: success
  Result<> remove_address(int index, const base::IpAddress& ip, std::uint8_t prefix);  // not there: success
  Result<> set_up(int index);

 private:
  explicit Netlink(base::UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> request(std::span<std::uint8_t> message);
  Result<> change_address(int type, int index, const base::IpAddress& ip, std::uint8_t prefix);
  base::UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

// Readable when a link or an IPv4 address changed somewhere.
Result<base::UniqueFd> watch_links();
void drain(int fd) noexcept;

// Protocol 112 on one interface: joined to 224.0.0.18, TTL 255 on what it sends, no loopback of it. Needs CAP_NET_RAW.
Result<base::UniqueFd> open_vrrp(const std::string& interface, const LinkFacts& facts);
Result<> send_vrrp(int fd, const LinkFacts& facts, const base::IpAddress& to, std::span<const std::uint8_t> message);

// A packet socket for ARP on one interface. The kernel's filter lets only replies in. Needs CAP_NET_RAW.
Result<base::UniqueFd> open_arp(const LinkFacts& facts);
// ARP announcement (RFC 5227 section 3): a broadcast request whose sender and target are both `ip`.
Result<> send_gratuitous_arp(int fd, const LinkFacts& facts, const base::IpAddress& ip);
// Who has `ip`? Tell the interface's primary address.
Result<> send_arp_question(int fd, const LinkFacts& facts, const base::IpAddress& ip);
// The sender of an ARP reply that is meant for `self`, or nothing.
std::optional<base::IpAddress> read_arp_reply(std::span<const std::uint8_t> packet,
                                              const base::IpAddress& self) noexcept;

}  // namespace genkan::vip
