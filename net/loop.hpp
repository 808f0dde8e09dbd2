// The event loop of one worker: one epoll descriptor with persistent edge-triggered registrations, one timer wheel, one
// queue for work from other threads. Everything but post() and stop() belongs to the thread that runs it.
//
// Why not Asio's reactor: it re-arms per operation (an extra failing recv or an epoll_ctl each time). With persistent
// readiness a proxied request costs two recv and two send; see docs/decisions/0002-event-loop.md.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "net/gathering.hpp"
#include "net/task.hpp"
#include "net/wheel.hpp"

namespace genkan::net {

// Something with a descriptor on a loop.
class Pollable {
 public:
  // `events` are epoll's. Runs on the loop's thread. May destroy this and other Pollables.
  virtual void on_ready(std::uint32_t events) noexcept = 0;

 protected:
  ~Pollable() = default;
};

class Loop {
 public:
  // `slot`: the metric slot of its thread (base/slot.hpp), 1.. for workers.
  explicit Loop(int slot);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // on the owning thread, until stop()
  void stop();  // thread-safe; run() returns after the current round
  void post(
      std::function<void()> job);  // thread-safe; runs on the loop's thread, in order. Dropped after the loop ended.
  bool on_thread() const noexcept;

  Time now() const noexcept { return now_; }        // read once a round; good to some milliseconds
  WallTime wall() const noexcept { return wall_; }  // likewise
  Wheel& wheel() noexcept { return wheel_; }
  int slot() const noexcept { return slot_; }

  // Registers for everything, edge-triggered, once. False with errno when the system refuses.
  bool watch(int fd, Pollable& pollable) noexcept;
  // Registers another object for a descriptor, for everything or for reading alone. What is ready is reported to it
  // anew.
  bool rewatch(int fd, Pollable& from, Pollable& to, bool reading_alone) noexcept;
  void unwatch(int fd, Pollable& pollable) noexcept;  // before closing fd; later events of this round are dropped

  // Resumes `handle` later in this round (or the next): completes operations without recursion.
  void defer(std::coroutine_handle<> handle) { deferred_.push_back(handle); }

  // Per-worker scratch for heads and relays: valid until the next suspension of whoever uses it.
  static constexpr std::size_t kScratch = 256 * 1024;
  std::span<char> scratch() noexcept { return scratch_; }

  // Detached coroutines that have not ended. Thread-safe, for waiting; only the loop's thread changes it.
  std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  void add_live(std::ptrdiff_t n) noexcept {
    live_.store(live() + static_cast<std::size_t>(n), std::memory_order_relaxed);
  }
  // The longest time one round took since the last call: what a request may have waited for others.
  Duration take_lag() noexcept { return Duration(lag_.exchange(0, std::memory_order_relaxed)); }

  // HTTP dates are made once a second.
  std::string_view http_date();

 private:
  // Once a second while there is something to do, and after that until nothing is left.
  struct Trimmer final : Timer {
    explicit Trimmer(Loop& l) : loop(l) {}
    void on_timer() noexcept override;
    Loop& loop;
  };
  void drop_events(const Pollable& pollable) noexcept;  // of this round
  void run_jobs();
  void run_deferred();

  const int slot_;
  base::UniqueFd epoll_, wake_;
  Time now_;
  WallTime wall_;
  Wheel wheel_;
  Trimmer trimmer_{*this};
  Gathering gathering_;
  std::vector<std::coroutine_handle<>> deferred_, resuming_;
  std::vector<char> scratch_;
  std::atomic<std::size_t> live_{0};
  std::atomic<Duration::rep> lag_{0};
  std::atomic<bool> stopping_{false};

  void* events_ = nullptr;  // the epoll_event batch in work, for unwatch()
  int next_event_ = 0, event_count_ = 0;

  std::mutex mutex_;  // guards jobs_ and ended_; held for a push or a swap
  std::vector<std::function<void()>> jobs_;
  bool ended_ = false;

  char date_[32] = {};
  std::int64_t date_second_ = -1;
  std::atomic<const void*> thread_{nullptr};
};

// Runs a task on its own until it ends. On the loop's thread; from others: loop.post([...] { spawn(loop, ...); }).
void spawn(Loop& loop, Task<void> task);

// co_await sleep_until(loop, t): resumes on the loop within about 10 ms after t.
class SleepUntil final : private Timer {
 public:
  SleepUntil(Loop& loop, Time due) : loop_(loop), due_(due) {}
  bool await_ready() const noexcept { return due_ <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle_ = h;
    loop_.wheel().arm(*this, due_);
  }
  void await_resume() const noexcept {}

 private:
  void on_timer() noexcept override { loop_.defer(handle_); }
  Loop& loop_;
  Time due_;
  std::coroutine_handle<> handle_;
};
inline SleepUntil sleep_until(Loop& loop, Time due) { return {loop, due}; }
inline SleepUntil sleep_for(Loop& loop, Duration d) { return {loop, loop.now() + d}; }

// Waits for notify(); an early notify() is remembered. One waiter. Same thread.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  void notify() {
    set_ = true;
    if (waiter_) loop_.defer(std::exchange(waiter_, nullptr));
  }
  bool await_ready() const noexcept { return set_; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiter_ = h; }
  void await_resume() noexcept { set_ = false; }

 private:
  Loop& loop_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

// One round of yielding: lets others run.
class Yield {
 public:
  explicit Yield(Loop& loop) : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) { loop_.defer(h); }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
};

}  // namespace genkan::net
