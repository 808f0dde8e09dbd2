// What the guardian needs to know, checked and in the units of the wire; made from the configuration before the fork.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "vip/packet.hpp"

namespace genkan::conf {
struct Vip;
}

namespace genkan::vip {

constexpr std::size_t kMaxRouters = 64;
constexpr std::size_t kMaxPeers = 64;

// One virtual router: one address on one interface.
struct RouterOptions {
  std::string name;
  std::string interface;
  base::IpAddress address;
  std::uint8_t prefix = 32;
  std::uint8_t vrid = 0;
  std::uint8_t priority = 100;
  std::uint16_t interval = 100;  // centiseconds
  bool preempt = true;
  bool probe = true;                     // see suspicion.hpp
  std::optional<ChecksumForm> checksum;  // empty: as the peer does, and pseudo_header until one is heard
  std::vector<base::IpAddress> peers;    // unicast; empty: multicast
};

struct GuardianOptions {
  std::vector<RouterOptions> routers;
  bool realtime = true;  // SCHED_RR and locked memory, where permitted
  bool tun = true;       // hold addresses on a TUN device, where there is one
};

// On failure `why` is a sentence that names the entry and the value.
Result<GuardianOptions> options_from(std::span<const conf::Vip> vips, std::string& why);

}  // namespace genkan::vip
