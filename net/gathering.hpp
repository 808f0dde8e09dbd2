// When a loop should let events gather for a moment instead of sleeping until the very next one: a pure decision, as
// network cards moderate their interrupts.
//
// A worker that is faster than its clients and backends finds nothing to do after each event, sleeps, and is woken for
// one event: on a proxied request that is a quarter of the cost, and the one who wakes it pays too. Where events come
// so fast that several arrive within a nap, one sleep and one wake-up serve them all. docs/decisions/0012-gathering.md
// has the figures.
//
//   full batch last time  -> more is waiting: no nap
//   a nap brought many    -> the next one is long
//   a nap brought some    -> it pays: the next one is short
//   a nap brought less    -> rest for 32, 64 ... 1024 rounds: a lone client never waits for company that does not come
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace genkan::net {

class Gathering {
 public:
  static constexpr std::chrono::microseconds kShort{20}, kLong{40};  // what an event may wait for others
  static constexpr int kWorth = 3;  // events that make a nap worth its own timer and wake-up
  static constexpr int kMany = 8;   // more than this few connections could give
  static constexpr int kFull = 16;  // as many at once: there is no idle time to gather in

  // Before a wait that may sleep: how long the loop should nap first; 0: not. after_wait() then tells what that
  // brought.
  std::chrono::microseconds before_wait() noexcept;
  // After every wait: how many events it gave (negative: none, it was interrupted).
  void after_wait(int events) noexcept;

 private:
  int last_ = 0;
  int failures_ = 0;       // naps in a row that were not worth it, at most kMostFailures
  std::int32_t rest_ = 0;  // rounds without a nap
  std::chrono::microseconds nap_{kShort};
  bool napped_ = false;
};

}  // namespace genkan::net
