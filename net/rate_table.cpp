#include "net/rate_table.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>

namespace genkan::net {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

std::uint64_t mix(std::uint64_t x) noexcept {  // the finalizer of splitmix64
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

}  // namespace

base::IpAddress network_of(const base::IpAddress& ip) noexcept {
  base::IpAddress network = ip;
  std::fill(network.bytes.begin() + (ip.is_v4() ? 15 : 8), network.bytes.end(), std::uint8_t{0});
  return network;
}

std::size_t RateTable::Hash::operator()(const base::IpAddress& ip) const noexcept {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, ip.bytes.data(), 8);
  std::memcpy(&low, ip.bytes.data() + 8, 8);
  return mix(mix(mix(high ^ seed) ^ low) + seed);
}

RateTable::RateTable(Rate rate, std::size_t max_networks)
    : rate_(rate), max_(std::max<std::size_t>(max_networks, 1)), index_(0, Hash{random_seed()}) {}

bool RateTable::take(const base::IpAddress& ip, Time now, double n) {
  const base::IpAddress network = network_of(ip);
  if (const auto found = index_.find(network); found != index_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (order_.size() >= max_) {
      index_.erase(order_.back().network);
      order_.pop_back();
    }
    order_.push_front(Entry{network, TokenBucket(rate_, now)});
    index_.emplace(network, order_.begin());
  }
  return order_.front().bucket.take(rate_, now, n);
}

Duration RateTable::wait(const base::IpAddress& ip, Time now, double n) const {
  const auto found = index_.find(network_of(ip));
  const TokenBucket bucket = found == index_.end() ? TokenBucket(rate_, now) : found->second->bucket;
  return bucket.wait(rate_, now, n);
}

}  // namespace genkan::net
