// A hierarchical timer wheel: arm, re-arm and cancel in constant time, no allocation, 10 ms steps. For deadlines, where
// a few milliseconds late is fine and early is not. Owned by one loop and used on its thread only.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"

namespace genkan::net {

class Wheel;

// A timer is a member of what it watches over; destroying it cancels it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const noexcept { return next_ != nullptr; }
  Time due() const noexcept { return due_; }

 protected:
  virtual ~Timer() { unlink(); }
  virtual void on_timer() noexcept = 0;  // disarmed when called; may arm itself again

 private:
  friend class Wheel;
  void unlink() noexcept {
    if (!next_) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }
  Timer* next_ = nullptr;
  Timer* prev_ = nullptr;
  std::uint64_t tick_ = 0;
  Time due_{};
};

class Wheel {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(10);

  explicit Wheel(Time start);
  ~Wheel();

  void arm(Timer& timer, Time due) noexcept;  // moves it if armed
  void cancel(Timer& timer) noexcept { timer.unlink(); }
  void advance(Time now) noexcept;  // calls what is due
  // When advance() should be called next; Time::max() when nothing is armed. May be early (a cascade), never late.
  Time next_due() const noexcept;

 private:
  static constexpr int kLevels = 4, kBits = 6, kSlots = 1 << kBits;
  struct Head final : Timer {
    void on_timer() noexcept override {}
  };
  void place(Timer& timer) noexcept;
  void cascade(int level) noexcept;
  void fire(int slot) noexcept;
  bool empty(int level, int slot) const noexcept;

  Time start_;
  std::uint64_t now_ = 0;  // ticks since start_
  std::array<std::array<Head, kSlots>, kLevels> slots_;
  std::array<std::uint64_t, kLevels> maybe_{};  // bit: the slot may hold timers (cleared lazily)
};

}  // namespace genkan::net
