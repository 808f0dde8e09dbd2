// The schedulers that look into a table, easing in, panic, stickiness, and the budget of retries.
#include <gtest/gtest.h>

#include <map>

#include "cluster/cluster.hpp"
#include "cluster/spread.hpp"
#include "tests/unit/cluster/fixture.hpp"

namespace genkan::cluster {
namespace {

class SchedulersTest : public testing::Test {
 protected:
  test::Seen seen;
  Cluster cluster{seen.telemetry, "front"};
  conf::Conf conf;
  Time now = Clock::now();
  std::string why;

  std::shared_ptr<Pool> make(conf::Pool p) {
    conf.pools = {std::move(p)};
    EXPECT_TRUE(cluster.apply(conf, now, why)) << why;
    return cluster.pool(conf.pools[0].name);
  }
  static conf::Pool many(int n, std::string scheduler) {
    conf::Pool p = test::pool("web", 0, std::move(scheduler));
    for (int i = 0; i < n; ++i) {
      conf::Backend b;
      b.name = "b" + std::to_string(i);
      b.address = "127.0.0.1:" + std::to_string(i + 1);
      p.backends.push_back(b);
    }
    return p;
  }
  std::map<std::string, int> picks(Pool& pool, int n, std::uint64_t key = 0) {
    std::map<std::string, int> out;
    for (int i = 0; i < n; ++i) {
      auto choice = pool.pick({.now = now, .key = key});
      ++out[choice.backend() ? choice.backend()->name() : "none"];
      choice.flight.finish(Outcome::ok, now + 1ms);
    }
    return out;
  }
  void set(Pool& pool, const std::string& backend, bool good) {
    for (int i = 0; i < 5; ++i) pool.find(backend)->on_check(good, "test", now);
  }
};

TEST_F(SchedulersTest, ALargePoolIsServedInTurnToo) {
  auto pool = make(many(100, "round_robin"));
  const auto got = picks(*pool, 1000);
  EXPECT_EQ(got.size(), 100u);
  for (const auto& [name, n] : got) EXPECT_EQ(n, 10) << name;
}

TEST_F(SchedulersTest, TheTurnsOfADeadBackendGoToAllOthersAlike) {
  auto pool = make(many(50, "round_robin"));
  set(*pool, "b7", false);
  const auto got = picks(*pool, 49'000);
  EXPECT_EQ(got.count("b7"), 0u);
  for (const auto& [name, n] : got) EXPECT_NEAR(n, 1000, 120) << name;
}

TEST_F(SchedulersTest, RandomFollowsTheWeights) {
  auto p = test::pool("web", 3, "random");
  p.backends[2].weight = 2;
  auto pool = make(p);
  const auto got = picks(*pool, 20'000);
  EXPECT_NEAR(got.at("a"), 5'000, 400);
  EXPECT_NEAR(got.at("c"), 10'000, 500);
}

TEST_F(SchedulersTest, TwoChoicesAvoidTheBusy) {
  auto pool = make(test::pool("web", 2, "two_choices"));
  std::vector<Choice> held;
  while (pool->find("a")->inflight() < 5) held.push_back(pool->pick({.now = now}));
  EXPECT_LE(pool->find("b")->inflight(), 10u);
  EXPECT_GE(pool->find("b")->inflight(), 3u);
}

TEST_F(SchedulersTest, PeakEwmaPrefersTheQuick) {
  auto pool = make(test::pool("web", 2, "peak_ewma"));
  std::map<std::string, int> got;
  for (int i = 0; i < 400; ++i) {
    auto choice = pool->pick({.now = now});
    const bool slow = choice.backend()->name() == "a";
    ++got[choice.backend()->name()];
    choice.flight.finish(Outcome::ok, now + (slow ? 500ms : 5ms));
    now += 1ms;
  }
  EXPECT_LT(got["a"], 20);
  EXPECT_GT(got["b"], 380);
}

TEST_F(SchedulersTest, APeakIsForgottenInTime) {
  auto pool = make(test::pool("web", 1));
  pool->pick({.now = now}).flight.finish(Outcome::ok, now + 100ms);
  auto& a = *pool->find("a");
  EXPECT_EQ(a.peak_us(now + 100ms), 100'000u);
  EXPECT_NEAR(a.peak_us(now + 10s + 100ms), 36'788, 10);
  EXPECT_LT(a.peak_us(now + 100s), 10u);
}

TEST_F(SchedulersTest, TheSameKeyGoesToTheSameBackendAndElsewhereOnlyWhenItMust) {
  auto pool = make(many(10, "hash"));
  const auto key = stable_hash("alice");
  const auto got = picks(*pool, 100, key);
  ASSERT_EQ(got.size(), 1u);
  const auto home = got.begin()->first;
  set(*pool, home, false);
  const auto away = picks(*pool, 100, key);
  ASSERT_EQ(away.size(), 1u);
  EXPECT_NE(away.begin()->first, home);
  set(*pool, home, true);
  EXPECT_EQ(picks(*pool, 10, key).begin()->first, home);
}

TEST_F(SchedulersTest, OneHotKeyDoesNotDrownItsBackend) {
  auto p = many(4, "hash");
  p.hash_balance = 125;
  auto pool = make(p);
  std::vector<Choice> held;
  for (int i = 0; i < 100; ++i) held.push_back(pool->pick({.now = now, .key = 42}));
  for (const auto& b : pool->backends()) EXPECT_LE(b->inflight(), 32u) << b->name();
}

TEST_F(SchedulersTest, WithoutABalanceAllGoHome) {
  auto p = many(4, "hash");
  p.hash_balance = 0;
  auto pool = make(p);
  std::vector<Choice> held;
  for (int i = 0; i < 100; ++i) held.push_back(pool->pick({.now = now, .key = 42}));
  int busy = 0;
  for (const auto& b : pool->backends()) busy += b->inflight() > 0;
  EXPECT_EQ(busy, 1);
}

TEST_F(SchedulersTest, ABackendThatComesBackIsEasedIn) {
  for (const int size : {2, 40}) {
    auto p = many(size, "round_robin");
    p.slow_start = 10s;
    p.name = "web" + std::to_string(size);
    auto pool = make(p);
    set(*pool, "b0", false);
    set(*pool, "b0", true);
    auto& b = *pool->find("b0");
    EXPECT_EQ(b.ease(10s, now), 10u);
    EXPECT_EQ(b.ease(10s, now + 5s), 50u);
    EXPECT_EQ(b.ease(10s, now + 10s), 100u);
    EXPECT_EQ(pool->find("b1")->ease(10s, now), 100u);
    const auto early = picks(*pool, 1000 * size);  // a fair share would be 1000
    EXPECT_NEAR(early.at("b0"), size == 2 ? 182 : 115, 60) << size;
    now += 10s;
    const auto late = picks(*pool, 1000 * size);
    EXPECT_NEAR(late.at("b0"), 1000, 150) << size;
  }
}

TEST_F(SchedulersTest, WhenFewWorkAllAreUsed) {
  auto p = many(4, "round_robin");
  p.panic_below = 50;
  auto pool = make(p);
  set(*pool, "b0", false);
  set(*pool, "b1", false);
  EXPECT_EQ(picks(*pool, 100).count("b0"), 0u);  // half work: not less
  set(*pool, "b2", false);
  const auto got = picks(*pool, 100);
  EXPECT_EQ(got.size(), 4u);
}

TEST_F(SchedulersTest, WhereAnotherPoolStandsInThereIsNoPanic) {
  auto pool = make(test::pool("web", 1));
  set(*pool, "a", false);
  EXPECT_NE(pool->pick({.now = now}).backend(), nullptr);
  const auto choice = pool->pick({.now = now, .may_panic = false});
  EXPECT_EQ(choice.backend(), nullptr);
  EXPECT_EQ(choice.why.kind, Why::Kind::no_backend);
}

TEST_F(SchedulersTest, ACookiesBackendServesWhileItDrainsButNotInMaintenance) {
  auto pool = make(test::pool("web", 3));
  auto* b = pool->find("b");
  const RequestFacts facts{.now = now, .preferred = b};
  for (int i = 0; i < 5; ++i) {
    const auto choice = pool->pick(facts);
    EXPECT_EQ(choice.backend(), b);
    EXPECT_EQ(choice.why.text(), "where the client's cookie points to");
  }
  b->order(Order::drain, "test", now);
  EXPECT_EQ(pool->pick(facts).backend(), b);
  const Backend* tried[] = {b};
  EXPECT_NE(pool->pick(facts, tried).backend(), b);
  b->order(Order::maintenance, "test", now);
  EXPECT_NE(pool->pick(facts).backend(), b);
}

TEST_F(SchedulersTest, RetriesAreAShareOfTheRequestsAndAFewASecond) {
  auto p = test::pool("web", 2);
  p.retry_budget = 20;
  auto pool = make(p);
  const auto retries = [&] {
    int n = 0;
    while (n < 1000 && pool->take_retry(now)) ++n;
    return n;
  };
  EXPECT_EQ(retries(), 10);
  EXPECT_EQ(retries(), 0);
  for (int i = 0; i < 100; ++i) pool->count_request();
  EXPECT_EQ(retries(), 20);
  now += 1s;
  EXPECT_EQ(retries(), 10);
}

TEST_F(SchedulersTest, LeastConnectionsOfALargePoolFindsOneOfTheIdle) {
  auto pool = make(many(200, "least_connections"));
  std::vector<Choice> held;
  for (int i = 0; i < 200; ++i) held.push_back(pool->pick({.now = now}));
  std::uint32_t most = 0;
  for (const auto& b : pool->backends()) most = std::max(most, b->inflight());
  EXPECT_LE(most, 2u);
}

}  // namespace
}  // namespace genkan::cluster
