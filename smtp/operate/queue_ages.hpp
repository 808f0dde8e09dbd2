// How old what waits is, by destination, as Postfix's qshape shows it. Counted by the sweeper while it walks the queue,
// so that nobody has to hold the index for a million items at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace genkan::smtp {

// Upper bounds in minutes; the last bucket has none.
constexpr std::array<std::int64_t, 9> kAgeBounds = {5, 10, 20, 40, 80, 160, 320, 640, 1280};
using AgeCounts = std::array<std::uint64_t, kAgeBounds.size() + 1>;
using AgesByDestination = std::map<std::string, AgeCounts>;

constexpr std::size_t age_bucket(std::int64_t seconds) noexcept {
  std::size_t i = 0;
  while (i < kAgeBounds.size() && seconds >= kAgeBounds[i] * 60) ++i;
  return i;
}

// The last whole count. Thread-safe.
class QueueAges {
 public:
  void publish(AgesByDestination ages) {
    std::lock_guard lock(mutex_);
    ages_ = std::move(ages);
  }
  AgesByDestination last() const {
    std::lock_guard lock(mutex_);
    return ages_;
  }

 private:
  mutable std::mutex mutex_;  // guards ages_; held to move or copy it
  AgesByDestination ages_;
};

}  // namespace genkan::smtp
