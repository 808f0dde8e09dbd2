// A loop that a test runs on its own thread until one task has ended.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "net/loop.hpp"

// As EXPECT, and ends the coroutine when it fails.
#define CO_REQUIRE(condition)                       \
  if (const bool held_ = bool(condition); !held_) { \
    ADD_FAILURE() << "not so: " #condition;         \
    co_return;                                      \
  } else                                            \
    static_cast<void>(0)

namespace genkan::net::test {

inline Task<void> stop_after(Loop& loop, Task<void> task) {
  co_await task;
  loop.stop();
}

class Overdue final : public Timer {
 public:
  explicit Overdue(Loop& loop) : loop_(loop) { loop_.wheel().arm(*this, loop_.now() + 60s); }

 private:
  void on_timer() noexcept override {
    ADD_FAILURE() << "the task did not end within a minute";
    loop_.stop();
  }
  Loop& loop_;
};

// Once per loop: a stopped loop does not run again.
inline void run(Loop& loop, Task<void> task) {
  Overdue overdue(loop);
  spawn(loop, stop_after(loop, std::move(task)));
  loop.run();
}

// Awaits a condition that something else on the loop, or another thread, makes true.
inline Task<bool> until(Loop& loop, std::function<bool()> condition, Duration limit = 20s) {
  const Time end = loop.now() + limit;
  while (!condition()) {
    if (loop.now() > end) co_return false;
    auto pause = sleep_for(loop, 5ms);
    co_await pause;
  }
  co_return true;
}

// Waits for it from the test's own thread.
inline bool eventually(const std::function<bool()>& condition, Duration limit = 20s) {
  for (const Time end = Clock::now() + limit; Clock::now() < end; std::this_thread::sleep_for(2ms)) {
    if (condition()) return true;
  }
  return condition();
}

}  // namespace genkan::net::test
