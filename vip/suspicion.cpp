#include "vip/suspicion.hpp"

#include <algorithm>

namespace genkan::vip {

using namespace std::chrono_literals;

Suspicion::Verdict Suspicion::heard(const base::IpAddress& peer, Duration interval, Time now) {
  const bool fresh = peer != peer_;
  if (fresh) {
    *this = {};
    peer_ = peer;
  }
  asked_ = 0;
  due_.reset();
  if (interval < kShortest) return Verdict::nothing;
  // An eighth more than the interval: adverts come a little late on a busy network.
  expected_ = now + interval + std::max<Duration>(interval / 8, 5ms);
  if (answers_) due_ = expected_;
  if (!fresh && now - checked_ < kCheckEvery) return Verdict::nothing;
  checked_ = now;
  if (++missed_ > kMayMiss) {
    answers_ = false;
    due_.reset();
  }
  return Verdict::ask;
}

Suspicion::Verdict Suspicion::tick(Time now) {
  if (!due_ || *due_ > now) return Verdict::nothing;
  if (asked_ < kQuestions) {
    ++asked_;
    due_ = now + kBetween;
    return Verdict::ask;
  }
  due_.reset();
  return Verdict::unreachable;
}

bool Suspicion::answered(const base::IpAddress& peer) {
  if (peer != peer_) return false;
  if (!answers_) due_ = expected_;
  answers_ = true;
  missed_ = 0;
  const bool suspected = asked_ > 0;
  asked_ = 0;
  if (suspected) due_.reset();
  return suspected;
}

}  // namespace genkan::vip
