#include "net/gathering.hpp"

#include <algorithm>

namespace genkan::net {
namespace {

constexpr int kMostFailures = 6;

}  // namespace

std::chrono::microseconds Gathering::before_wait() noexcept {
  napped_ = false;
  if (last_ <= 0 || last_ >= kFull) return {};
  if (rest_ > 0) {
    --rest_;
    return {};
  }
  napped_ = true;
  return nap_;
}

void Gathering::after_wait(int events) noexcept {
  last_ = events;
  if (!napped_) return;
  nap_ = events >= kMany ? kLong : kShort;
  if (events >= kWorth) {
    failures_ = 0;
  } else {
    failures_ = std::min(failures_ + 1, kMostFailures);
    rest_ = std::int32_t{16} << failures_;
  }
}

}  // namespace genkan::net
