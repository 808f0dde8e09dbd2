// The pace of a client over one body: how much it sent or took while somebody waited for it. Instead of a fixed time
// for a body, which is too short for a large one on a slow line and too long for an attacker who sends a byte a second.
// Pure: the caller says how long it waited.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace genkan::http {

class Pace {
 public:
  // After each wait, with all bytes of the body so far. True: over the last `window` of waiting it was fewer than
  // `rate` bytes a second. Windows follow each other, so that a fast beginning buys no slow end.
  bool too_slow(Duration waited, std::uint64_t bytes, std::uint64_t rate, Duration window) noexcept {
    waited_ += waited;
    if (rate == 0 || waited_ <= window) return false;
    const double seconds = std::chrono::duration<double>(waited_).count();
    const bool slow = static_cast<double>(bytes - counted_) < static_cast<double>(rate) * seconds;
    waited_ = {};
    counted_ = bytes;
    return slow;
  }

 private:
  Duration waited_{};
  std::uint64_t counted_ = 0;
};

}  // namespace genkan::http
