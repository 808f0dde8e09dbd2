// A control loop on its own thread, for tests.
#pragma once

#include <functional>
#include <future>
#include <thread>

#include "base/clock.hpp"
#include "base/slot.hpp"
#include "net/loop.hpp"

namespace genkan::cluster::test {

// Waits until `condition` holds, or ten seconds.
inline bool eventually(const std::function<bool()>& condition) {
  for (const auto end = Clock::now() + 10s; Clock::now() < end; std::this_thread::sleep_for(2ms)) {
    if (condition()) return true;
  }
  return condition();
}

class ControlLoop {
 public:
  ControlLoop()
      : thread_([this] {
          base::this_slot = loop_.slot();
          loop_.run();
        }) {}
  ~ControlLoop() {
    eventually([this] {
      bool idle = false;
      on([&] { idle = loop_.live() == 0; });
      return idle;
    });
    loop_.stop();
    thread_.join();
  }
  net::Loop& loop() noexcept { return loop_; }
  // Runs f on the loop's thread and waits for it.
  void on(const std::function<void()>& f) {
    std::promise<void> done;
    loop_.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  net::Loop loop_{1};
  std::thread thread_;
};

}  // namespace genkan::cluster::test
