#include "cluster/health.hpp"

#include <gtest/gtest.h>

namespace genkan::cluster {
namespace {

class HealthTest : public testing::Test {
 protected:
  HealthPolicy policy{.rise = 2, .fall = 3, .eject_after = 4, .eject_for = 10s, .max_ejected_share = 0.5};
  HealthState state;
  Time now = Time{} + 1000s;

  bool check(bool good) { return on_check(state, policy, good, now += 1s); }
  bool request(bool good, bool allowed = true) { return on_request(state, policy, good, allowed, now); }
  void fail_requests(int n) {
    for (int i = 0; i < n; ++i) request(false);
  }
};

TEST_F(HealthTest, ABackendIsUpUntilSomethingSaysOtherwise) { EXPECT_EQ(state.health, Health::up); }

TEST_F(HealthTest, TheVeryFirstCheckAloneCanTakeItDown) {
  EXPECT_TRUE(check(false));
  EXPECT_EQ(state.health, Health::down);
}

TEST_F(HealthTest, AfterAGoodCheckItTakesFallBadOnesInARow) {
  check(true);
  EXPECT_FALSE(check(false));
  EXPECT_FALSE(check(false));
  EXPECT_FALSE(check(true));
  EXPECT_FALSE(check(false));
  EXPECT_FALSE(check(false));
  EXPECT_TRUE(check(false));
  EXPECT_EQ(state.health, Health::down);
  EXPECT_EQ(state.since, now);
}

TEST_F(HealthTest, ItTakesRiseGoodChecksInARowToComeBack) {
  check(false);
  EXPECT_FALSE(check(true));
  EXPECT_FALSE(check(false));
  EXPECT_FALSE(check(true));
  EXPECT_TRUE(check(true));
  EXPECT_EQ(state.health, Health::up);
}

TEST_F(HealthTest, ConsecutiveFailedRequestsEject) {
  fail_requests(3);
  EXPECT_EQ(state.health, Health::up);
  EXPECT_TRUE(request(false));
  EXPECT_EQ(state.health, Health::ejected);
  EXPECT_EQ(state.until, now + 10s);
}

TEST_F(HealthTest, ASuccessBetweenFailuresStartsTheCountAgain) {
  fail_requests(3);
  request(true);
  fail_requests(3);
  EXPECT_EQ(state.health, Health::up);
}

TEST_F(HealthTest, NothingIsEjectedWhenThePoolForbidsItAndTheNextFailureAsksAgain) {
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(request(false, false));
  EXPECT_EQ(state.health, Health::up);
  EXPECT_TRUE(request(false, true));
}

TEST_F(HealthTest, ZeroMeansNeverEject) {
  policy.eject_after = 0;
  fail_requests(1000);
  EXPECT_EQ(state.health, Health::up);
}

TEST_F(HealthTest, AfterTheEjectionTheDoorIsHalfOpenAndOneSuccessOpensIt) {
  fail_requests(4);
  now += 9999ms;
  EXPECT_FALSE(on_time(state, now));
  now += 1ms;
  EXPECT_TRUE(on_time(state, now));
  EXPECT_EQ(state.health, Health::half_open);
  EXPECT_TRUE(request(true));
  EXPECT_EQ(state.health, Health::up);
}

TEST_F(HealthTest, EachFailedReturnDoublesTheEjectionUpToSixteenTimes) {
  fail_requests(4);
  const int expected[] = {10, 20, 40, 80, 160, 160, 160};
  for (const int seconds : expected) {
    ASSERT_EQ(state.health, Health::ejected);
    EXPECT_EQ(state.until - now, std::chrono::seconds(seconds));
    now = state.until;
    ASSERT_TRUE(on_time(state, now));
    ASSERT_TRUE(request(false)) << "one failure is enough in the half-open state";
  }
}

TEST_F(HealthTest, AShortReturnKeepsTheCountAndALongOneForgetsIt) {
  fail_requests(4);
  on_time(state, now = state.until);
  request(true);
  now += 5s;
  fail_requests(4);
  EXPECT_EQ(state.until - now, 20s);
  on_time(state, now = state.until);
  request(true);
  now += 21s;
  fail_requests(4);
  EXPECT_EQ(state.until - now, 10s);
}

TEST_F(HealthTest, AStragglerOfAnEjectedBackendChangesNothing) {
  fail_requests(4);
  const auto until = state.until;
  EXPECT_FALSE(request(true));
  EXPECT_FALSE(request(false));
  EXPECT_EQ(state.health, Health::ejected);
  EXPECT_EQ(state.until, until);
}

TEST_F(HealthTest, AGoodCheckDoesNotEndAnEjectionButAReturnFromDownDoes) {
  check(true);
  fail_requests(4);
  check(true);
  check(true);
  EXPECT_EQ(state.health, Health::ejected);
  check(false);
  check(false);
  check(false);
  EXPECT_EQ(state.health, Health::down);
  EXPECT_FALSE(on_time(state, now += 1000s)) << "down does not end by waiting";
  check(true);
  check(true);
  EXPECT_EQ(state.health, Health::up);
  EXPECT_EQ(state.ejections, 0u);
}

TEST(MayEjectTest, KeepsTheShareAndNeverTakesTheLastOne) {
  EXPECT_FALSE(may_eject(0, 0, 0.5));
  EXPECT_FALSE(may_eject(0, 1, 1.0)) << "the only one";
  EXPECT_TRUE(may_eject(0, 2, 0.5));
  EXPECT_FALSE(may_eject(1, 2, 1.0)) << "the last one";
  EXPECT_FALSE(may_eject(1, 3, 0.5)) << "half of three, rounded down, is one";
  EXPECT_TRUE(may_eject(1, 4, 0.5));
  EXPECT_FALSE(may_eject(0, 100, 0.0));
}

TEST(HealthPropertyTest, AnyStoryKeepsTheInvariants) {
  std::uint64_t random = 88172645463325252ull;
  const HealthPolicy policy{.rise = 2, .fall = 3, .eject_after = 3, .eject_for = 1s, .max_ejected_share = 0.5};
  HealthState s;
  Time now = Time{} + 1s;
  for (int i = 0; i < 100'000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    now += std::chrono::milliseconds(random % 500);
    const auto before = s.health;
    const bool good = (random >> 20 & 3) != 0;
    bool changed = false;
    switch (random >> 32 & 7) {
      case 0:
        changed = on_check(s, policy, good, now);
        break;
      case 1:
        changed = on_time(s, now);
        break;
      default:
        changed = on_request(s, policy, (random >> 21 & 1) != 0, (random >> 22 & 1) != 0, now);
    }
    ASSERT_EQ(changed, before != s.health);
    ASSERT_TRUE(!changed || s.since == now);
    ASSERT_TRUE(s.health != Health::ejected || s.until - s.since <= kLongestEjection * policy.eject_for);
    ASSERT_LE(s.good_checks, policy.rise);
    ASSERT_LE(s.bad_checks, policy.fall);
    ASSERT_FALSE(before == Health::down && s.health == Health::half_open);
    ASSERT_FALSE(before == Health::ejected && s.health == Health::up);
  }
}

}  // namespace
}  // namespace genkan::cluster
