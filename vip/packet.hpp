// The VRRP advertisement on the wire (RFC 9568 section 5; version 2: RFC 3768 section 5), as pure functions.
//
// Version 3:  0                   1                   2                   3
//            |Version| Type  | Virtual Rtr ID|   Priority    |IPvX Addr Count|
//            |(rsvd) |  Max Advertise Int    |          Checksum             |
//            |                       IPvX Address(es)                        |
//
// The checksum trap: RFC 5798 could be read both ways for version 3 over IPv4. RFC 9568 5.2.8 leaves the pseudo-header
// out, keepalived and FRR put it in (and drop the other form). So both forms are accepted always, and decode() says
// which one came, for a sender that wants to be understood. Version 2 never has it, IPv6 always does.
//
// Must stay true: nothing here allocates more than 255 addresses, reads past `payload`, or depends on the machine's
// state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/address.hpp"

namespace genkan::vip {

constexpr int kVrrpProtocol = 112;
constexpr std::uint8_t kVrrpTtl = 255;            // sent, and required of what is received (5.1.1.3)
constexpr std::uint32_t kVrrpGroup = 0xE0000012;  // 224.0.0.18
constexpr std::uint16_t kMaxInterval = 4095;      // centiseconds: 12 bits
constexpr std::uint8_t kPriorityStop = 0;         // "I stop taking part"
constexpr std::uint8_t kPriorityOwner = 255;
constexpr std::uint8_t kAdvertisement = 1;  // the only type there is

enum class ChecksumForm : std::uint8_t { rfc9568, pseudo_header };
std::string_view name_of(ChecksumForm form) noexcept;

struct Advert {
  std::uint8_t version = 3;
  std::uint8_t vrid = 0;
  std::uint8_t priority = 0;
  std::uint16_t interval = 100;  // centiseconds in both versions; version 2 carries whole seconds
  std::vector<base::IpAddress> addresses;
};

// Why a packet was dropped, in the order in which it is checked (RFC 9568 7.1; errata 8298, 8299, 8301).
enum class Drop : std::uint8_t {
  none,
  ip_header,  // not an IPv4 packet of protocol 112
  ttl,
  version,
  type,
  length,
  checksum,
  authentication,  // version 2 with authentication: RFC 3768 has none
  vrid,
  owner,      // we own the address; someone else advertises it
  interval,   // zero; or, in version 2, other than ours
  count,      // no address
  addresses,  // not the addresses that we serve
  peer,       // unicast, and the sender is not in our list
};
constexpr std::size_t kDropReasons = static_cast<std::size_t>(Drop::peer) + 1;
std::string_view name_of(Drop drop) noexcept;

// A VRRP message and what the IP layer said of it. `payload` is a view into the caller's buffer.
struct Datagram {
  base::IpAddress source;
  base::IpAddress destination;
  std::uint8_t ttl = 0;
  std::span<const std::uint8_t> payload;
};

// What a raw socket delivers: the IPv4 header, then the message.
Drop parse_ipv4(std::span<const std::uint8_t> packet, Datagram& out) noexcept;

// TTL, version, type, length, checksum, authentication: what needs no configuration.
Drop decode(const Datagram& datagram, std::uint8_t version, Advert& out, ChecksumForm& form);

struct Expectation {
  std::uint8_t vrid = 0;
  bool owner = false;
  std::uint16_t interval = 100;                     // compared in version 2 only; version 3 adopts the sender's
  std::span<const base::IpAddress> addresses = {};  // empty: any list will do
};
// VRID, owner, interval, count, addresses: what depends on the virtual router that it is for.
Drop check(const Advert& advert, const Expectation& expected) noexcept;

// The family is that of `source`; addresses of the other family are a broken invariant of the caller and abort.
std::vector<std::uint8_t> encode(const Advert& advert, ChecksumForm form, const base::IpAddress& source,
                                 const base::IpAddress& destination);

}  // namespace genkan::vip
