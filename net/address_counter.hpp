// How many connections each client address has: IPv4 by address, IPv6 by /64, which is what one client is given. Shared
// by all workers: a few locks, each held for one look-up. It is as large as there are connections.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/address.hpp"

namespace genkan::net {

class AddressCounter {
 public:
  // False: it has `max` already; nothing was counted.
  bool enter(const base::IpAddress& ip, std::uint32_t max);
  void leave(const base::IpAddress& ip);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  struct Hash {
    std::size_t operator()(const base::IpAddress& ip) const noexcept;
  };
  struct Shard {
    mutable std::mutex mutex;  // guards counts
    std::unordered_map<base::IpAddress, std::uint32_t, Hash> counts;
  };
  Shard& shard(const base::IpAddress& key) noexcept { return shards_[Hash()(key) % kShards]; }
  std::array<Shard, kShards> shards_;
};

}  // namespace genkan::net
