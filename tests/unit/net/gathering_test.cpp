#include "net/gathering.hpp"

#include <gtest/gtest.h>

namespace genkan::net {
namespace {

// Rounds until the next nap, each of which gives `events`.
int rounds_to_nap(Gathering& g, int events) {
  int rounds = 0;
  while (g.before_wait() == 0us) {
    g.after_wait(events);
    if (++rounds > 5000) return -1;
  }
  return rounds;
}

TEST(Gathering, does_not_nap_before_anything_has_happened) {
  Gathering g;
  EXPECT_EQ(g.before_wait(), 0us);
  g.after_wait(0);  // a deadline, no event
  EXPECT_EQ(g.before_wait(), 0us);
  g.after_wait(-1);
  EXPECT_EQ(g.before_wait(), 0us);
}

TEST(Gathering, goes_on_as_long_as_naps_bring_company) {
  Gathering g;
  g.after_wait(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(g.before_wait(), Gathering::kShort);
    g.after_wait(Gathering::kWorth);
  }
}

TEST(Gathering, a_nap_that_brings_many_is_followed_by_a_longer_one) {
  Gathering g;
  g.after_wait(1);
  EXPECT_EQ(g.before_wait(), Gathering::kShort);
  g.after_wait(Gathering::kMany);
  EXPECT_EQ(g.before_wait(), Gathering::kLong);
  g.after_wait(Gathering::kMany - 1);
  EXPECT_EQ(g.before_wait(), Gathering::kShort);
}

TEST(Gathering, a_full_batch_means_that_there_is_no_idle_time) {
  Gathering g;
  g.after_wait(Gathering::kFull);
  EXPECT_EQ(g.before_wait(), 0us);
  g.after_wait(Gathering::kFull - 1);
  EXPECT_EQ(g.before_wait(), Gathering::kShort);
}

TEST(Gathering, a_lone_client_waits_ever_more_rarely) {
  Gathering g;
  g.after_wait(1);
  int longest = 0;
  for (int expected : {0, 32, 64, 128, 256, 512, 1024, 1024}) {
    EXPECT_EQ(rounds_to_nap(g, 1), expected);
    g.after_wait(1);
    longest = expected;
  }
  EXPECT_EQ(longest, 1024);
}

TEST(Gathering, one_success_ends_the_caution) {
  Gathering g;
  g.after_wait(1);
  for (int i = 0; i < 8; ++i) {
    rounds_to_nap(g, 1);
    g.after_wait(1);
  }
  EXPECT_EQ(rounds_to_nap(g, 5), 1024);
  g.after_wait(5);
  EXPECT_EQ(g.before_wait(), Gathering::kShort);
  g.after_wait(1);
  EXPECT_EQ(rounds_to_nap(g, 1), 32);
}

}  // namespace
}  // namespace genkan::net
