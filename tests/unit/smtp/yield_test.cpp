// When mail yields to HTTP, how far, and how it comes back.
#include "smtp/yield.hpp"

#include <gtest/gtest.h>

namespace genkan::smtp {
namespace {

using namespace std::chrono_literals;

YieldLoad busy(double load_percent) {
  YieldLoad load;
  load.load_percent = load_percent;
  load.requests_per_second = 100;
  return load;
}

// A second of measuring for each value; the level afterwards.
struct Days {
  YieldRules rules;
  YieldState state;
  Time now{1000s};
  YieldLevel pass(const YieldLoad& load, int seconds) {
    for (int i = 0; i < seconds; ++i) state = next_yield(state, rules, load, now += 1s);
    return state.level;
  }
};

TEST(Yield, OnePeakIsNoReason) {
  Days days;
  EXPECT_EQ(days.pass(busy(1000), 1), YieldLevel::none);
  EXPECT_EQ(days.pass(busy(10), 1), YieldLevel::none);
  EXPECT_EQ(days.pass(busy(1000), 1), YieldLevel::none);
}

TEST(Yield, ItGoesUpStepByStepAsFarAsThePressureSays) {
  Days days;
  EXPECT_EQ(days.pass(busy(210), 2), YieldLevel::slow);
  EXPECT_EQ(days.state.why, "load");
  EXPECT_EQ(days.pass(busy(210), 60), YieldLevel::slow);
  EXPECT_EQ(days.pass(busy(310), 60), YieldLevel::slower);
  EXPECT_EQ(days.pass(busy(410), 2), YieldLevel::refuse);
}

TEST(Yield, ItComesBackStepByStepWhenItWasBetterForAWhile) {
  Days days;
  days.pass(busy(1000), 10);
  EXPECT_EQ(days.pass(busy(330), 60), YieldLevel::refuse) << "between leaving and entering nothing changes";
  EXPECT_EQ(days.pass(busy(10), 10), YieldLevel::refuse);
  EXPECT_EQ(days.pass(busy(1000), 1), YieldLevel::refuse);
  EXPECT_EQ(days.pass(busy(10), 10), YieldLevel::refuse) << "counted anew";
  EXPECT_EQ(days.pass(busy(10), 1), YieldLevel::slower);
  EXPECT_EQ(days.pass(busy(10), 22), YieldLevel::none);
}

TEST(Yield, WithoutHttpThereIsNobodyToYieldTo) {
  Days days;
  auto load = busy(1000);
  load.requests_per_second = 4;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::none);
  load.requests = 8;
  EXPECT_EQ(days.pass(load, 4), YieldLevel::slower) << "few and slow requests are people too";
  load.requests = 0;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::none);
}

TEST(Yield, EachMeasureHasItsLimitAndTheWorstCounts) {
  Days days;
  auto load = busy(100);
  load.lag = 210ms;
  EXPECT_EQ(days.pass(load, 10), YieldLevel::refuse);
  EXPECT_EQ(days.state.why, "lag");
  days = {};
  load = busy(0);
  load.busy_percent = 100;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::slow) << "a full processor alone turns no mail away";
  days = {};
  days.rules.requests = 100;
  load = busy(0);
  load.requests = 150;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::slower);
  days.rules.requests = 0;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::none);
}

TEST(Yield, BackendsThatAreGoneSlowMailAndDoNotTurnItAway) {
  Days days;
  auto load = busy(0);
  load.backends_percent = 40;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::none);
  load.backends_percent = 100;
  EXPECT_EQ(days.pass(load, 60), YieldLevel::slower);
  EXPECT_EQ(days.state.why, "backends");
}

TEST(Yield, SwitchedOffItEndsAtOnce) {
  Days days;
  days.pass(busy(1000), 10);
  days.rules.on = false;
  EXPECT_EQ(days.pass(busy(1000), 1), YieldLevel::none);
}

TEST(Yield, EveryLevelLeavesOneDelivery) {
  EXPECT_EQ(yield_share(YieldLevel::none, 20), 20u);
  EXPECT_EQ(yield_share(YieldLevel::slow, 20), 10u);
  EXPECT_EQ(yield_share(YieldLevel::slower, 20), 5u);
  EXPECT_EQ(yield_share(YieldLevel::refuse, 20), 1u);
  EXPECT_EQ(yield_share(YieldLevel::slow, 1), 1u);
  EXPECT_EQ(yield_delay(YieldLevel::none, 1s), 0s);
  EXPECT_EQ(yield_delay(YieldLevel::slow, 1s), 1s);
  EXPECT_EQ(yield_delay(YieldLevel::refuse, 1s), 2s);
}

}  // namespace
}  // namespace genkan::smtp
