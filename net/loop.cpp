#include "net/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "base/slot.hpp"
#include "base/text.hpp"

namespace genkan::net {
namespace {

constexpr int kBatch = 256;
constexpr Duration kTrim = std::chrono::seconds(1);
constexpr std::uint32_t kEverything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
thread_local char thread_mark;  // its address names the thread

// Owns a task until it ends; the frame frees itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    static void* operator new(std::size_t size) { return detail::allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { detail::free_frame(frame, size); }
  };
};

void nap(std::chrono::nanoseconds time) noexcept {
  if (time.count() == 0) return;
  const timespec left{0, time.count()};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, nullptr);
}

// To some milliseconds, as Loop::wall() promises, without reading a clock.
WallTime coarse_wall() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return WallTime(std::chrono::duration_cast<WallClock::duration>(std::chrono::seconds(now.tv_sec) +
                                                                  std::chrono::nanoseconds(now.tv_nsec)));
}

Detached run_detached(Loop& loop, Task<void> task) {
  loop.add_live(1);
  co_await task;
  loop.add_live(-1);
}

}  // namespace

Loop::Loop(int slot)
    : slot_(slot),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(Clock::now()),
      wall_(WallClock::now()),
      wheel_(now_),
      scratch_(kScratch) {
  if (!epoll_ || !wake_) std::abort();  // no descriptors at start: nothing can work
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) std::abort();
}

Loop::~Loop() = default;

bool Loop::on_thread() const noexcept { return thread_.load(std::memory_order_relaxed) == &thread_mark; }

bool Loop::watch(int fd, Pollable& pollable) noexcept {
  epoll_event event{};
  event.events = kEverything;
  event.data.ptr = &pollable;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::rewatch(int fd, Pollable& from, Pollable& to, bool reading_alone) noexcept {
  epoll_event event{};
  event.events = reading_alone ? kEverything & ~static_cast<std::uint32_t>(EPOLLOUT) : kEverything;
  event.data.ptr = &to;
  drop_events(from);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

void Loop::unwatch(int fd, Pollable& pollable) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  drop_events(pollable);
}

void Loop::drop_events(const Pollable& pollable) noexcept {
  auto* events = static_cast<epoll_event*>(events_);
  for (int i = next_event_; i < event_count_; ++i) {
    if (events[i].data.ptr == &pollable) events[i].events = 0;
  }
}

void Loop::post(std::function<void()> job) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    wake = jobs_.empty();
    jobs_.push_back(std::move(job));
  }
  if (wake) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
  }
}

void Loop::stop() {
  stopping_.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
}

void Loop::run_jobs() {
  std::vector<std::function<void()>> jobs;
  {
    std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  for (auto& job : jobs) job();
}

void Loop::Trimmer::on_timer() noexcept {
  if (detail::trim_frames()) loop.wheel_.arm(*this, loop.now_ + kTrim);
}

void Loop::run_deferred() {
  // One pass: what these defer in turn waits for the next round, so that sockets are not starved.
  resuming_.swap(deferred_);
  for (auto handle : resuming_) handle.resume();
  resuming_.clear();
}

void Loop::run() {
  base::this_slot = slot_;
  thread_.store(&thread_mark, std::memory_order_relaxed);
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // nanoseconds: the system's 50 us would more than double a nap
  std::array<epoll_event, kBatch> events;
  Time round_end = Clock::now();
  while (!stopping_.load(std::memory_order_relaxed)) {
    int wait_ms = -1;
    if (!deferred_.empty()) {
      wait_ms = 0;
    } else if (const Time due = wheel_.next_due(); due != Time::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - round_end).count();
      wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
    }
    if (wait_ms != 0) nap(gathering_.before_wait());
    event_count_ = ::epoll_wait(epoll_.get(), events.data(), kBatch, wait_ms);
    gathering_.after_wait(event_count_);
    const Time start = now_ = Clock::now();
    wall_ = coarse_wall();
    if (event_count_ > 0 && !trimmer_.armed()) wheel_.arm(trimmer_, now_ + kTrim);
    events_ = events.data();
    bool woken = false;
    for (next_event_ = 0; next_event_ < event_count_;) {
      const epoll_event& event = events[static_cast<std::size_t>(next_event_++)];
      if (event.data.ptr == nullptr) {
        woken = true;
      } else if (event.events != 0) {
        static_cast<Pollable*>(event.data.ptr)->on_ready(event.events);
      }
    }
    event_count_ = next_event_ = 0;
    if (woken) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
      run_jobs();
    }
    wheel_.advance(now_);
    if (!deferred_.empty()) run_deferred();
    round_end = Clock::now();
    const Duration spent = round_end - start;
    if (spent.count() > lag_.load(std::memory_order_relaxed)) lag_.store(spent.count(), std::memory_order_relaxed);
  }
  run_jobs();
  std::lock_guard lock(mutex_);
  ended_ = true;
  jobs_.clear();
}

std::string_view Loop::http_date() {
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(wall_.time_since_epoch()).count();
  if (second != date_second_) {
    date_second_ = second;
    const std::string text = base::http_date(wall_);
    text.copy(date_, sizeof date_ - 1);
  }
  return {date_, 29};
}

void spawn(Loop& loop, Task<void> task) { run_detached(loop, std::move(task)); }

}  // namespace genkan::net
