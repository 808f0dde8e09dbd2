#include "vip/health.hpp"

#include <gtest/gtest.h>

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

class Level : public ::testing::Test {
 protected:
  ServiceLevel level;
  Time now = Time(1000s);
  int changes = 0;

  // Reports `raw` every 50 ms for `time`.
  void say(int raw, Duration time) {
    for (const Time until = now + time; now < until; now += 50ms) {
      changes += level.report(raw, now);
      level.tick(now);
    }
  }
};

TEST_F(Level, TheFirstReportIsTakenAsItIs) {
  EXPECT_FALSE(level.started());
  EXPECT_FALSE(level.tick(now));
  EXPECT_TRUE(level.report(73, now));
  EXPECT_EQ(level.level(), 73);
  EXPECT_TRUE(level.started());
}

TEST_F(Level, AFallCountsWithTheFirstReport) {
  say(100, 1s);
  EXPECT_TRUE(level.report(20, now));
  EXPECT_EQ(level.level(), 20);
}

TEST_F(Level, SmallChangesAreNotFollowed) {
  say(80, 1s);
  changes = 0;
  for (int i = 0; i < 1000; ++i) say(i % 2 ? 71 : 89, 50ms);
  EXPECT_EQ(changes, 0);
  EXPECT_EQ(level.level(), 80);
}

TEST_F(Level, ZeroIsAlwaysFollowed) {
  say(5, 1s);
  EXPECT_TRUE(level.report(0, now));
}

TEST_F(Level, ARiseWaitsAndThenTakesOneStepASecond) {
  say(100, 1s);
  say(0, 50ms);
  say(100, 2900ms);
  EXPECT_EQ(level.level(), 0);
  say(100, 200ms);
  EXPECT_EQ(level.level(), 10);
  say(100, 4s);
  EXPECT_EQ(level.level(), 50);
  say(100, 6s);
  EXPECT_EQ(level.level(), 100);
}

TEST_F(Level, ARiseMustNotBeInterrupted) {
  say(100, 1s);
  say(0, 50ms);
  for (int i = 0; i < 10; ++i) {
    say(100, 2s);
    say(0, 50ms);
  }
  EXPECT_EQ(level.level(), 0);
}

TEST_F(Level, EveryRelapseDoublesTheWait) {
  say(100, 1s);
  say(0, 50ms);  // waits 3 s
  say(100, 3500ms);
  ASSERT_EQ(level.level(), 10);
  say(0, 50ms);  // now 6 s
  say(100, 5s);
  EXPECT_EQ(level.level(), 0);
  say(100, 1500ms);
  EXPECT_EQ(level.level(), 10);
}

TEST_F(Level, AServiceThatFailsWheneverItIsTrustedMovesRarely) {
  say(100, 1s);
  changes = 0;
  for (const Time until = now + 600s; now < until;) say(level.level() >= 10 ? 0 : 100, 50ms);
  // 3 + 6 + 12 + 24 + 48 s, then once a minute: two changes each
  EXPECT_LE(changes, 2 * (5 + 9) + 2);
  EXPECT_GE(changes, 10);
}

TEST_F(Level, FiveQuietMinutesForgetARelapse) {
  say(100, 1s);
  say(0, 50ms);
  say(100, 3500ms);
  say(0, 50ms);
  say(100, 330s);
  ASSERT_EQ(level.level(), 100);
  say(0, 50ms);
  say(100, 3500ms);
  EXPECT_EQ(level.level(), 10);
}

TEST_F(Level, SilenceIsLevelZeroAndNoticedOnce) {
  say(100, 1s);
  now = *level.next_due() - 1ns;
  EXPECT_FALSE(level.tick(now));
  now += 1ns;
  EXPECT_TRUE(level.tick(now));
  EXPECT_EQ(level.level(), 0);
  EXPECT_FALSE(level.next_due());
  EXPECT_FALSE(level.tick(now + 10s));
  EXPECT_FALSE(level.report(100, now + 10s));  // and coming back is a rise like any other
  EXPECT_EQ(level.level(), 0);
}

TEST_F(Level, NonsenseIsClamped) {
  level.report(1'000'000, now);
  EXPECT_EQ(level.level(), 100);
  level.report(-5, now);
  EXPECT_EQ(level.level(), 0);
}

TEST(ScaledPriority, IsProportionalAndNeverZeroNorTheOwners) {
  EXPECT_EQ(scaled_priority(150, 100), 150);
  EXPECT_EQ(scaled_priority(150, 50), 75);
  EXPECT_EQ(scaled_priority(150, 0), 1);
  EXPECT_EQ(scaled_priority(1, 1), 1);
  EXPECT_EQ(scaled_priority(254, 1000), 254);
  EXPECT_EQ(scaled_priority(255, 0), 255);
  EXPECT_EQ(scaled_priority(100, -1), 1);
}

}  // namespace
}  // namespace genkan::vip
