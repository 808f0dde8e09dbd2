#include "cluster/choice.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace genkan::cluster {
namespace {

const Time kNow = Time{} + 1000s;

Candidate candidate(std::uint32_t index, std::uint32_t load_milli = 0) {
  Candidate c;
  c.index = index;
  c.figures.known = true;
  c.figures.heard = kNow;
  c.figures.load_milli = load_milli;
  c.figures.load_hwm = 4;
  c.figures.memory_total = 1000;
  c.figures.memory_available = 500;
  return c;
}

Candidates many(std::uint32_t n) {
  Candidates c;
  for (std::uint32_t i = 0; i < n; ++i) c.add(candidate(i, i * 100));
  return c;
}

std::vector<std::uint32_t> order(const Candidates& c) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < c.size(); ++i) out.push_back(c.at(i).index);
  return out;
}

using Order = std::vector<std::uint32_t>;

TEST(ByAgeTest, DropsTheSilentAndTheNeverHeardAndKeepsTheOrder) {
  auto c = many(4);
  c.all[1].figures.heard = kNow - 5s;
  c.all[2].figures.heard = kNow - 5001ms;
  c.all[3].figures.known = false;
  by_age(c, 5s, kNow);
  EXPECT_EQ(order(c), (Order{0, 1})) << "exactly as old as the limit is still young enough";
}

TEST(ByRandomTest, IsAPermutationAndEveryPlaceIsEquallyLikely) {
  Random random(42);
  constexpr int kRounds = 60'000;
  constexpr std::uint32_t kN = 6;
  std::array<std::array<int, kN>, kN> seen{};
  for (int round = 0; round < kRounds; ++round) {
    auto c = many(kN);
    by_random(c, random);
    const auto got = order(c);
    ASSERT_EQ(std::set<std::uint32_t>(got.begin(), got.end()).size(), kN);
    for (std::uint32_t place = 0; place < kN; ++place) ++seen[place][got[place]];
  }
  // Binomial: mean 10,000, deviation 91; six of them leave a fair generator alone.
  for (const auto& row : seen) {
    for (const int count : row) EXPECT_NEAR(count, kRounds / kN, 550);
  }
}

TEST(ByLogWindowTest, KeepsTheFirstLogTwoOfTheList) {
  for (std::uint32_t n = 1; n <= 200; ++n) {
    auto c = many(n);
    by_log_window(c);
    const auto expected = std::max<std::size_t>(1, static_cast<std::size_t>(std::floor(std::log2(n))));
    ASSERT_EQ(c.size(), expected) << n;
    for (std::uint32_t i = 0; i < c.size(); ++i) ASSERT_EQ(c.at(i).index, i) << "the first of them, in order";
  }
  auto seventeen = many(17);
  by_log_window(seventeen);
  EXPECT_EQ(seventeen.size(), 4u);
  Candidates none;
  by_log_window(none);
  EXPECT_EQ(none.size(), 0u);
}

TEST(ByLogWindowTest, AfterByRandomTheWorstOfTheWindowIsNeverChosenByLoad) {
  // mod_backhand's reason for the window: of n machines, those whose load is among the (window - 1) highest never win.
  Random random(7);
  const Chain chain{{Function::by_random}, {Function::by_log_window}, {Function::by_load}};
  std::map<std::uint32_t, int> wins;
  for (int i = 0; i < 20'000; ++i) {
    auto c = many(16);  // window of 4
    ++wins[c.all[run_chain(chain, c, random, kNow).place].index];
  }
  EXPECT_EQ(wins.count(15) + wins.count(14) + wins.count(13), 0u);
  // The best is in the window with probability 4/16 and then wins.
  EXPECT_NEAR(wins[0], 5000, 350);
  EXPECT_EQ(wins.size(), 13u) << "every other one wins sometimes: different proxies contend for different machines";
  EXPECT_GT(wins[0], wins[6]);
}

TEST(ByLoadTest, SortsAscendingStableAndUnknownLast) {
  Candidates c;
  c.add(candidate(0, 900));
  c.add(candidate(1, 100));
  c.add(candidate(2, 500));
  c.add(candidate(3, 100));
  c.add(Candidate{.index = 4});
  by_load(c, 0);
  EXPECT_EQ(order(c), (Order{1, 3, 2, 0, 4}));
}

TEST(ByLoadTest, TheBiasFavoursThisNodeAndALargeNegativeOneNeverTakesIt) {
  auto make = [] {
    Candidates c;
    c.add(candidate(0, 200));
    c.add(candidate(1, 600));
    c.all[1].self = true;
    return c;
  };
  auto c = make();
  by_load(c, 0);
  EXPECT_EQ(order(c), (Order{0, 1}));
  c = make();
  by_load(c, 0.5);
  EXPECT_EQ(order(c), (Order{1, 0}));
  c = make();
  c.all[1].figures.load_milli = 0;
  by_load(c, -1000);
  EXPECT_EQ(order(c), (Order{0, 1}));
}

TEST(PredictionTest, ARequestCountsItsShareOfTheInterval) {
  auto c = candidate(0);
  c.sent = 100;
  c.figures.service_us = 50'000;  // a twentieth of a second
  EXPECT_EQ(predicted_milli(c), 5000u);
  c.figures.service_us = 0;
  EXPECT_EQ(predicted_milli(c), 100u) << "unknown: the least that breaks ties";
  c.figures.service_us = 30'000'000;
  EXPECT_EQ(predicted_milli(c), 100'000u) << "never more than one processor each";
  c.sent = 0;
  EXPECT_EQ(predicted_milli(c), 0u);
  c.sent = 0xffffffff;
  EXPECT_EQ(predicted_milli(c), 4'000'000'000u) << "no overflow";
}

TEST(PredictionTest, BetweenTwoAnnouncementsRequestsSpreadInsteadOfHerding) {
  // Two machines, one slightly less loaded; 1,000 requests of 10 ms within one interval.
  Random random(1);
  const Chain chain{{Function::by_load}};
  std::array<std::uint32_t, 2> sent{};
  for (int i = 0; i < 1000; ++i) {
    Candidates c;
    for (std::uint32_t k = 0; k < 2; ++k) {
      auto one = candidate(k, k == 0 ? 500 : 1500);
      one.figures.service_us = 10'000;
      one.sent = sent[k];
      c.add(one);
    }
    ++sent[c.all[run_chain(chain, c, random, kNow).place].index];
  }
  EXPECT_NEAR(sent[0], 550, 2) << "the first gets the hundred that level the loads, then they share";
  EXPECT_EQ(sent[0] + sent[1], 1000u);
}

TEST(ByCpuTest, MostIdleFirst) {
  auto c = many(3);
  c.all[0].figures.cpu_idle_permille = 100;
  c.all[1].figures.cpu_idle_permille = 900;
  c.all[2].figures.known = false;
  c.all[2].figures.cpu_idle_permille = 1000;
  by_cpu(c);
  EXPECT_EQ(order(c), (Order{1, 0, 2}));
}

TEST(ByBusyChildrenTest, FewestRequestsInFlightFirstByTheLargerOfBothViews) {
  auto c = many(3);
  c.all[0].figures.node_inflight = 10;
  c.all[1].figures.node_inflight = 2;
  c.all[1].inflight = 20;
  c.all[2].inflight = 5;
  by_busy_children(c, 0);
  EXPECT_EQ(order(c), (Order{2, 0, 1}));
}

TEST(ByCostTest, PrefersTheIdleTheStrongAndTheRoomy) {
  auto c = many(2);
  c.all[0].figures.load_milli = 3000;
  c.all[1].figures.load_milli = 1000;
  by_cost(c);
  EXPECT_EQ(order(c), (Order{1, 0})) << "less loaded";

  c = many(2);
  c.all[0].figures.load_milli = c.all[1].figures.load_milli = 1000;
  c.all[1].figures.ncpu = 4;
  by_cost(c);
  EXPECT_EQ(order(c), (Order{1, 0})) << "same load, more processors";

  c = many(2);
  c.all[0].figures.load_milli = c.all[1].figures.load_milli = 1000;
  c.all[0].figures.memory_available = 10;
  by_cost(c);
  EXPECT_EQ(order(c), (Order{1, 0})) << "same load, more free memory";
}

TEST(ByCostTest, AlmostFullMemoryOutweighsSomewhatMoreLoad) {
  auto c = many(2);
  c.all[0].figures.load_milli = 800;
  c.all[0].figures.memory_available = 0;
  c.all[1].figures.load_milli = 1200;
  c.all[1].figures.memory_available = 900;
  by_cost(c);
  EXPECT_EQ(order(c), (Order{1, 0}));
}

TEST(ByCostTest, TheHighWaterMarkScalesWhatALoadMeans) {
  // Loads of 3 and 1 matter when 4 is the most that was ever seen, and hardly when it was 1024.
  auto cost_wins = [](std::uint32_t hwm) {
    auto c = many(2);
    c.all[0].figures.load_milli = 3000;
    c.all[0].figures.memory_available = 520;
    c.all[1].figures.load_milli = 1000;
    c.all[1].figures.memory_available = 500;
    for (auto& x : c.all) x.figures.load_hwm = hwm;
    by_cost(c);
    return order(c)[0];
  };
  EXPECT_EQ(cost_wins(4), 1u);
  EXPECT_EQ(cost_wins(1024), 0u);
}

TEST(ByCostTest, ExtremeFiguresDoNotHangOrBreakTheOrder) {
  auto c = many(3);
  c.all[0].figures.load_milli = 0xffffffff;
  c.all[0].figures.speed = 1;
  c.all[1].figures.ncpu = 65536;
  c.all[1].figures.speed = 0xffffffff;
  c.all[1].figures.load_hwm = 1u << 31;
  c.all[2].figures.memory_total = 0;
  by_cost(c);
  const auto got = order(c);
  EXPECT_EQ(std::set<std::uint32_t>(got.begin(), got.end()).size(), 3u);
  EXPECT_EQ(got[0], 1u);
}

TEST(ChainTest, AStepThatLeavesNobodyFallsBackToTheLeastConnected) {
  auto c = many(3);
  for (auto& x : c.all) x.figures.known = false;
  c.all[0].inflight = 5;
  c.all[1].inflight = 1;
  c.all[2].inflight = 3;
  Random random(1);
  const Chain chain{{Function::by_age, 0, 5s}, {Function::by_load}};
  const auto result = run_chain(chain, c, random, kNow);
  EXPECT_EQ(result.place, 1u);
  EXPECT_TRUE(result.emptied);
  EXPECT_EQ(result.at, Function::by_age);
}

TEST(ChainTest, WorksBeyondTheInlineSize) {
  auto c = many(200);
  Random random(3);
  const Chain chain{{Function::by_random}, {Function::by_load}};
  EXPECT_EQ(c.all[run_chain(chain, c, random, kNow).place].index, 0u);
}

TEST(ChainParserTest, ReadsEveryFunctionWithItsArgument) {
  const std::vector<std::string> text{"byAge 5s",         "byRandom", "byLogWindow", "byLoad -1000", "bycpu",
                                      "byBusyChildren 2", "byCost",   "byAge 3",     "byAge",        "byLoad"};
  std::string why;
  const auto chain = parse_chain(text, 20s, why);
  ASSERT_TRUE(chain) << why;
  ASSERT_EQ(chain->size(), 10u);
  EXPECT_EQ((*chain)[0].age, Duration(5s));
  EXPECT_EQ((*chain)[3].argument, -1000);
  EXPECT_EQ((*chain)[4].function, Function::by_cpu);
  EXPECT_EQ((*chain)[7].age, Duration(3s)) << "bare seconds, as in mod_backhand";
  EXPECT_EQ((*chain)[8].age, Duration(20s));
  EXPECT_EQ(name_of(Function::by_cost), "byCost");
  EXPECT_EQ(name_of(Function::by_age), "byAge");
}

TEST(ChainParserTest, SaysWhatIsWrongInASentence) {
  std::string why;
  const auto fails = [&](std::string text) {
    why.clear();
    const std::vector<std::string> one{std::move(text)};
    return !parse_chain(one, 5s, why);
  };
  EXPECT_TRUE(fails("byLod"));
  EXPECT_EQ(why, "no candidacy function is called `byLod`; did you mean `byLoad`?");
  EXPECT_TRUE(fails("byRandom 3"));
  EXPECT_EQ(why, "byRandom takes no argument, not `3`");
  EXPECT_TRUE(fails("byAge soon"));
  EXPECT_EQ(why, "byAge takes an age such as 5s, not `soon`");
  EXPECT_TRUE(fails("byAge 0s"));
  EXPECT_TRUE(fails("byLoad 1x"));
  EXPECT_TRUE(fails("byLoad inf"));
  EXPECT_TRUE(fails(""));
  EXPECT_FALSE(parse_chain({}, 5s, why));
}

class SchedulerTest : public testing::Test {
 protected:
  std::vector<std::int64_t> current = std::vector<std::int64_t>(8, 0);
  Candidates c;
  void weights(std::initializer_list<std::uint32_t> list) {
    for (const auto w : list) {
      Candidate one;
      one.index = static_cast<std::uint32_t>(c.all.size());
      one.weight = w;
      c.add(one);
    }
  }
};

TEST_F(SchedulerTest, RoundRobinGivesExactSharesAndSpreadsTheHeavyOnesTurns) {
  weights({5, 1, 1});
  std::string got;
  for (int i = 0; i < 14; ++i) got += static_cast<char>('a' + round_robin(c, current));
  EXPECT_EQ(got, "aabacaaaabacaa");
}

TEST_F(SchedulerTest, RoundRobinIsExactForAnyWeights) {
  weights({7, 3, 11, 1, 2});
  std::map<std::uint32_t, int> turns;
  for (int i = 0; i < 24 * 100; ++i) ++turns[round_robin(c, current)];
  EXPECT_EQ(turns[0], 700);
  EXPECT_EQ(turns[1], 300);
  EXPECT_EQ(turns[2], 1100);
  EXPECT_EQ(turns[3], 100);
  EXPECT_EQ(turns[4], 200);
}

TEST_F(SchedulerTest, RoundRobinGoesOnAmongThoseThatAreLeft) {
  weights({1, 1, 1});
  for (int i = 0; i < 4; ++i) round_robin(c, current);
  c.order.erase(c.order.begin());
  std::map<std::uint32_t, int> turns;
  for (int i = 0; i < 100; ++i) ++turns[c.all[round_robin(c, current)].index];
  EXPECT_EQ(turns.count(0), 0u);
  EXPECT_EQ(turns[1], 50);
}

TEST_F(SchedulerTest, LeastConnectionsCountsPerWeight) {
  weights({1, 4});
  c.all[0].inflight = 2;
  c.all[1].inflight = 7;
  EXPECT_EQ(least_connections(c, current), 1u);
  c.all[1].inflight = 9;
  EXPECT_EQ(least_connections(c, current), 0u);
}

TEST_F(SchedulerTest, EqualsInLeastConnectionsTakeTurnsByWeight) {
  weights({1, 2, 1});
  c.all[2].inflight = 1;
  std::map<std::uint32_t, int> turns;
  for (int i = 0; i < 300; ++i) ++turns[least_connections(c, current)];
  EXPECT_EQ(turns[0], 100);
  EXPECT_EQ(turns[1], 200);
  EXPECT_EQ(turns.count(2), 0u);
}

TEST_F(SchedulerTest, LeastConnectionsKeepsALoadOfLongRequestsLevel) {
  weights({1, 1, 2});
  for (int i = 0; i < 400; ++i) ++c.all[least_connections(c, current)].inflight;
  EXPECT_EQ(c.all[0].inflight, 100u);
  EXPECT_EQ(c.all[1].inflight, 100u);
  EXPECT_EQ(c.all[2].inflight, 200u);
}

TEST(RandomTest, BelowIsEvenAndInRange) {
  Random random(99);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70'000; ++i) {
    const auto x = random.below(7);
    ASSERT_LT(x, 7u);
    ++seen[x];
  }
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 560);
  EXPECT_EQ(random.below(1), 0u);
}

}  // namespace
}  // namespace genkan::cluster
