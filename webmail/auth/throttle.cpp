#include "webmail/auth/throttle.hpp"

#include <algorithm>

namespace genkan::webmail {

namespace {

constexpr int kPairLimit = 5, kAddressLimit = 30, kNameLimit = 100;

// '\n' can't stand in a name (names are checked before), so keys can't meet.
std::string pair_key(std::string_view name, std::string_view address) {
  return "p" + std::string(name) + "\n" + std::string(address);
}
std::string name_key(std::string_view name) { return "n" + std::string(name); }
std::string address_key(std::string_view address) { return "a" + std::string(address); }

}  // namespace

std::int64_t LoginThrottle::wait_for(const std::string& key, int limit, std::int64_t now) const {
  const auto found = counts_.find(key);
  if (found == counts_.end() || found->second.failures < limit) return 0;
  return std::max<std::int64_t>(0, found->second.since + kWindow - now);
}

std::int64_t LoginThrottle::wait(std::string_view name, std::string_view address, std::int64_t now) const {
  return std::max({wait_for(pair_key(name, address), kPairLimit, now), wait_for(name_key(name), kNameLimit, now),
                   wait_for(address_key(address), kAddressLimit, now)});
}

void LoginThrottle::add(const std::string& key, std::int64_t now) {
  if (counts_.size() >= kMaxEntries) {
    if (now >= next_sweep_) {
      std::erase_if(counts_, [&](const auto& entry) { return entry.second.since + kWindow <= now; });
      next_sweep_ = now + 60;
    }
    if (counts_.size() >= kMaxEntries) counts_.erase(counts_.begin());
  }
  auto& count = counts_[key];
  if (count.since + kWindow <= now) count = {now, 0};
  ++count.failures;
}

void LoginThrottle::failed(std::string_view name, std::string_view address, std::int64_t now) {
  add(pair_key(name, address), now);
  add(name_key(name), now);
  add(address_key(address), now);
}

void LoginThrottle::succeeded(std::string_view name, std::string_view address) {
  counts_.erase(pair_key(name, address));
  for (const auto& key : {name_key(name), address_key(address)}) {
    const auto found = counts_.find(key);
    if (found != counts_.end() && --found->second.failures <= 0) counts_.erase(found);
  }
}

}  // namespace genkan::webmail
