#include "net/address_counter.hpp"

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"

namespace genkan::net {
namespace {

base::IpAddress key_of(base::IpAddress ip) noexcept {
  if (!ip.is_v4()) std::fill(ip.bytes.begin() + 8, ip.bytes.end(), std::uint8_t{0});
  return ip;
}

}  // namespace

std::size_t AddressCounter::Hash::operator()(const base::IpAddress& ip) const noexcept {
  std::uint64_t high = 0, low = 0;
  std::memcpy(&high, ip.bytes.data(), 8);
  std::memcpy(&low, ip.bytes.data() + 8, 8);
  static const std::uint64_t seed = base::random_u64();  // a stranger must not choose who shares a slot with whom
  std::uint64_t h = (low ^ seed ^ (high * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
  return static_cast<std::size_t>(h ^ (h >> 32));
}

bool AddressCounter::enter(const base::IpAddress& ip, std::uint32_t max) {
  const auto key = key_of(ip);
  Shard& s = shard(key);
  std::lock_guard lock(s.mutex);
  auto& count = s.counts[key];
  if (count >= max) {
    if (count == 0) s.counts.erase(key);
    return false;
  }
  ++count;
  return true;
}

void AddressCounter::leave(const base::IpAddress& ip) {
  const auto key = key_of(ip);
  Shard& s = shard(key);
  std::lock_guard lock(s.mutex);
  const auto found = s.counts.find(key);
  if (found != s.counts.end() && --found->second == 0) s.counts.erase(found);
}

std::size_t AddressCounter::size() const {
  std::size_t n = 0;
  for (const auto& s : shards_) {
    std::lock_guard lock(s.mutex);
    n += s.counts.size();
  }
  return n;
}

}  // namespace genkan::net
