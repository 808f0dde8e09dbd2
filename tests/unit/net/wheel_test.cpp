#include "net/wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace genkan::net {
namespace {

const Time kStart{std::chrono::hours(5)};

struct Probe final : Timer {
  void on_timer() noexcept override {
    ++fired;
    if (then) then();
  }
  int fired = 0;
  std::function<void()> then;
};

TEST(WheelTest, FiresAtItsTimeNeverBefore) {
  Wheel wheel(kStart);
  Probe probe;
  wheel.arm(probe, kStart + 35ms);
  EXPECT_TRUE(probe.armed());
  wheel.advance(kStart + 34ms);
  EXPECT_EQ(probe.fired, 0);
  wheel.advance(kStart + 45ms);
  EXPECT_EQ(probe.fired, 1);
  EXPECT_FALSE(probe.armed());
  wheel.advance(kStart + 1h);
  EXPECT_EQ(probe.fired, 1);
}

TEST(WheelTest, ATimeThatIsOverComesWithTheNextStep) {
  Wheel wheel(kStart);
  wheel.advance(kStart + 5s);
  Probe probe;
  wheel.arm(probe, kStart);
  EXPECT_EQ(probe.fired, 0);
  wheel.advance(kStart + 5s + Wheel::kTick);
  EXPECT_EQ(probe.fired, 1);
}

TEST(WheelTest, ArmingAgainMovesATimer) {
  Wheel wheel(kStart);
  Probe probe;
  wheel.arm(probe, kStart + 1s);
  wheel.arm(probe, kStart + 3s);
  wheel.advance(kStart + 2s);
  EXPECT_EQ(probe.fired, 0);
  wheel.arm(probe, kStart + 2500ms);
  wheel.advance(kStart + 2600ms);
  EXPECT_EQ(probe.fired, 1);
}

TEST(WheelTest, ADestroyedTimerIsForgotten) {
  Wheel wheel(kStart);
  {
    Probe probe;
    wheel.arm(probe, kStart + 1s);
  }
  wheel.advance(kStart + 2s);
  EXPECT_EQ(wheel.next_due(), Time::max());
}

TEST(WheelTest, ATimerMayArmItselfOrCancelAnotherWhileItFires) {
  Wheel wheel(kStart);
  Probe again, killer, victim;
  again.then = [&] {
    if (again.fired < 3) wheel.arm(again, kStart);  // over already: not in this step again
  };
  killer.then = [&] { wheel.cancel(victim); };
  wheel.arm(again, kStart + 10ms);
  wheel.arm(killer, kStart + 500ms);
  wheel.arm(victim, kStart + 500ms);
  wheel.advance(kStart + 10ms);
  EXPECT_EQ(again.fired, 1);
  wheel.advance(kStart + 600ms);
  EXPECT_EQ(again.fired, 3);
  EXPECT_EQ(killer.fired, 1);
  EXPECT_EQ(victim.fired, 0);
}

TEST(WheelTest, ALongSleepIsNoPoll) {
  Wheel wheel(kStart);
  EXPECT_EQ(wheel.next_due(), Time::max());
  Probe probe;
  wheel.arm(probe, kStart + 3h);
  int wakes = 0;
  while (probe.fired == 0) {
    wheel.advance(wheel.next_due());
    ++wakes;
    ASSERT_LT(wakes, 100);
  }
  EXPECT_LT(wakes, 10);
}

TEST(WheelTest, HoldsTimersBeyondItsLastLevel) {
  Wheel wheel(kStart);  // 64^4 steps of 10 ms are about 46 hours
  Probe week, month;
  wheel.arm(month, kStart + 24h * 30);
  wheel.arm(week, kStart + 24h * 7);
  Time now = kStart;
  while (month.fired == 0) {
    now = std::max(wheel.next_due(), now + 1ms);
    ASSERT_LE(now, kStart + 24h * 30 + 1s);
    wheel.advance(now);
    if (week.fired == 1 && now < kStart + 24h * 7) FAIL() << "early";
  }
  EXPECT_EQ(week.fired, 1);
  EXPECT_GE(now, kStart + 24h * 30);
}

// Random arms, cancels and advances, by seconds and by days, against a plain sorted set.
class WheelAgainstReference : public testing::TestWithParam<unsigned> {};

TEST_P(WheelAgainstReference, FiresTheSameTimersAtTheSameTimes) {
  std::mt19937_64 random(GetParam());
  const auto number = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  struct Entry final : Timer {
    void on_timer() noexcept override { fired_at.push_back(*clock); }
    const Time* clock = nullptr;
    Time due{};
    bool waiting = false;
    std::vector<Time> fired_at;
  };
  Time now = kStart;
  Wheel wheel(kStart);
  std::vector<std::unique_ptr<Entry>> entries;
  for (int i = 0; i < 300; ++i) {
    entries.push_back(std::make_unique<Entry>());
    entries.back()->clock = &now;
  }
  const std::array<std::uint64_t, 5> scales = {50, 5'000, 500'000, 50'000'000, 500'000'000};  // ms: to six days
  std::int64_t fired = 0;
  for (int step = 0; step < 5'000; ++step) {
    Entry& entry = *entries[static_cast<std::size_t>(number(300))];
    const auto action = number(10);
    if (action < 6) {
      const auto scale = scales[static_cast<std::size_t>(number(scales.size()))];
      entry.due = now + std::chrono::microseconds(number(scale * 1000)) - 1ms;
      entry.waiting = true;
      wheel.arm(entry, entry.due);
    } else if (action < 7) {
      entry.waiting = false;
      wheel.cancel(entry);
      EXPECT_FALSE(entry.armed());
    } else {
      // Either some while, or just to where the wheel wants to be called: it must never want that too late.
      const Time due = wheel.next_due();
      Time earliest = Time::max();
      for (const auto& e : entries) {
        if (e->waiting) earliest = std::min(earliest, e->due);
      }
      if (earliest != Time::max()) {
        ASSERT_LE(due, std::max(earliest, now) + 2 * Wheel::kTick);
      }
      const auto scale = scales[static_cast<std::size_t>(number(4))];
      now += std::chrono::microseconds(number(scale * 100));
      if (action == 9 && due != Time::max()) now = std::max(now, due);
      wheel.advance(now);
      for (const auto& e : entries) {
        if (!e->fired_at.empty()) {
          ASSERT_EQ(e->fired_at.size(), 1u) << "fired twice";
          ASSERT_TRUE(e->waiting) << "fired after it was cancelled";
          ASSERT_LE(e->due, now) << "fired early";
          e->waiting = false;
          e->fired_at.clear();
          ++fired;
        } else if (e->waiting) {
          ASSERT_GT(e->due + 2 * Wheel::kTick, now) << "not fired";
          ASSERT_TRUE(e->armed());
        }
      }
    }
  }
  EXPECT_GT(fired, 1000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, WheelAgainstReference, testing::Values(1u, 2u, 3u, 4u, 5u));

}  // namespace
}  // namespace genkan::net
