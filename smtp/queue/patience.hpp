// How long the commit thread holds a batch back for senders whose content is on its way, so that they share its sync.
// Pure.
//
// On a disk that syncs in a tenth of a millisecond a batch would hold one message; a few milliseconds more make it ten,
// and no sender notices. But a sender may also sit in the middle of its content for minutes: when waiting brought
// nothing the next batches go at once, twice as many each time, until one try pays again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace genkan::smtp {

class Patience {
 public:
  static constexpr Duration kMax = std::chrono::milliseconds(4);

  // `arriving`: senders inside their content. None: nobody to wait for.
  Duration hold(std::uint32_t arriving) noexcept {
    if (arriving == 0) return Duration(0);
    if (skip_ > 0) {
      --skip_;
      return Duration(0);
    }
    return kMax;
  }
  // After a wait: did any message come in time?
  void learn(bool gained) noexcept {
    penalty_ = gained ? 0 : std::clamp(2 * penalty_, 1u, kMaxSkip);
    skip_ = penalty_;
  }

 private:
  static constexpr std::uint32_t kMaxSkip = 64;
  std::uint32_t skip_ = 0, penalty_ = 0;
};

}  // namespace genkan::smtp
