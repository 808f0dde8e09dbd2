// A token bucket for every network that strangers come from: /24 of IPv4, /64 of IPv6, since whoever has one address of
// those has them all. Bounded: the network seen longest ago is forgotten first. One thread's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "base/address.hpp"
#include "net/token_bucket.hpp"

namespace genkan::net {

base::IpAddress network_of(const base::IpAddress& ip) noexcept;  // the first address of its /24 or /64

class RateTable {
 public:
  RateTable(Rate rate, std::size_t max_networks);

  bool take(const base::IpAddress& ip, Time now, double n = 1);
  // How long the network has to wait. Remembers nothing.
  Duration wait(const base::IpAddress& ip, Time now, double n = 1) const;
  void set_rate(Rate rate) noexcept { rate_ = rate; }
  std::size_t size() const noexcept { return order_.size(); }

 private:
  struct Entry {
    base::IpAddress network;
    TokenBucket bucket;
  };
  struct Hash {
    std::uint64_t seed;  // a stranger must not choose whose entries share a slot
    std::size_t operator()(const base::IpAddress& ip) const noexcept;
  };

  Rate rate_;
  const std::size_t max_;
  std::list<Entry> order_;  // the one used last is in front
  std::unordered_map<base::IpAddress, std::list<Entry>::iterator, Hash> index_;
};

}  // namespace genkan::net
