// Rate limits as token buckets: so many a second on average, so many at once. Pure: the caller says what time it is.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace genkan::net {

struct Rate {
  double per_second = 0;  // 0: nothing flows back
  double burst = 1;       // the most that a bucket holds
};

// A full bucket at first. Time that goes backwards counts as standing still.
class TokenBucket {
 public:
  TokenBucket(const Rate& rate, Time now) noexcept : tokens_(rate.burst), at_(now) {}

  // Takes `n` tokens if there are as many; else none.
  bool take(const Rate& rate, Time now, double n = 1) noexcept {
    refill(rate, now);
    if (tokens_ < n) return false;
    tokens_ -= n;
    return true;
  }

  // How long until take(n) would succeed; Duration::max() when it never will.
  Duration wait(const Rate& rate, Time now, double n = 1) const noexcept {
    TokenBucket then = *this;
    then.refill(rate, now);
    if (then.tokens_ >= n) return Duration::zero();
    if (n > rate.burst || rate.per_second <= 0) return Duration::max();
    const std::chrono::duration<double> seconds((n - then.tokens_) / rate.per_second);
    if (seconds > std::chrono::hours(24 * 365)) return Duration::max();
    return std::chrono::ceil<std::chrono::milliseconds>(seconds);  // up, so that it is not asked too early
  }

  // Nothing is remembered: it is as good as a new one.
  bool full(const Rate& rate, Time now) const noexcept {
    TokenBucket then = *this;
    then.refill(rate, now);
    return then.tokens_ >= rate.burst;
  }

 private:
  void refill(const Rate& rate, Time now) noexcept {
    if (now > at_) {
      tokens_ += std::chrono::duration<double>(now - at_).count() * rate.per_second;
      at_ = now;
    }
    tokens_ = std::min(tokens_, rate.burst);  // the rate may have been lowered since
  }

  double tokens_;
  Time at_;
};

}  // namespace genkan::net
