#include "vip/health.hpp"

#include <algorithm>

namespace genkan::vip {

bool ServiceLevel::report(int raw, Time now) {
  raw = std::clamp(raw, 0, 100);
  const bool first = !last_report_;
  last_report_ = now;
  silent_ = false;
  if (first) {
    level_ = raw;
    return true;
  }
  if (raw <= level_ - kStep || (raw == 0 && level_ != 0)) return fall(raw, now);
  return rise(raw, now);
}

bool ServiceLevel::tick(Time now) {
  if (!last_report_ || silent_ || now - *last_report_ < kSilence) return false;
  silent_ = true;
  return level_ != 0 && fall(0, now);
}

bool ServiceLevel::fall(int raw, Time now) {
  const bool recent = last_fall_ && now - *last_fall_ < kForget;
  // A slide through several levels is one fall: it is over when a rise has begun.
  const bool same_slide = last_fall_ && last_rise_ < *last_fall_ && recent;
  if (!same_slide) hold_ = recent ? std::min<Duration>(hold_ * 2, kLongestHold) : kFirstHold;
  last_fall_ = now;
  better_since_.reset();
  level_ = raw;
  return true;
}

bool ServiceLevel::rise(int raw, Time now) {
  const bool better = raw >= level_ + kStep || (raw == 100 && level_ < 100);
  if (!better) {
    better_since_.reset();
    return false;
  }
  if (!better_since_) better_since_ = now;
  if (now - *better_since_ < hold_ || now - last_rise_ < kBetweenSteps) return false;
  level_ = std::min(level_ + kStep, raw);
  last_rise_ = now;
  return true;
}

std::optional<Time> ServiceLevel::next_due() const noexcept {
  if (!last_report_ || silent_) return std::nullopt;
  return *last_report_ + kSilence;
}

std::uint8_t scaled_priority(std::uint8_t configured, int level) noexcept {
  if (configured == 255) return 255;
  const int scaled = (configured * std::clamp(level, 0, 100) + 50) / 100;
  return static_cast<std::uint8_t>(std::clamp(scaled, 1, 254));
}

}  // namespace genkan::vip
