#include "cluster/pool.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/slot.hpp"
#include "cluster/cluster.hpp"
#include "tests/unit/cluster/fixture.hpp"

namespace genkan::cluster {
namespace {

class PoolTest : public testing::Test {
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
  std::string pick_name(Pool& pool, std::span<const Backend* const> tried = {}) {
    auto choice = pool.pick({now}, tried);
    return choice.backend() ? choice.backend()->name() : "none";
  }
  std::map<std::string, int> picks(Pool& pool, int n) {
    std::map<std::string, int> out;
    for (int i = 0; i < n; ++i) ++out[pick_name(pool)];
    return out;
  }
  void fail(Pool& pool, const std::string& backend, int times) {
    for (int i = 0; i < 1000 && times > 0; ++i) {
      auto choice = pool.pick({now});
      if (choice.backend()->name() != backend) continue;
      choice.flight.finish(Outcome::connect_failed);
      --times;
    }
    EXPECT_EQ(times, 0);
  }
  LoadRecord record(const std::string& node, std::uint32_t load_milli) {
    LoadRecord r;
    r.node = node;
    r.load_milli = load_milli;
    return r;
  }
};

TEST_F(PoolTest, AChoiceCountsInFlightUntilItIsFinishedOrDropped) {
  auto pool = make(test::pool("web", 1));
  auto& a = *pool->find("a");
  {
    auto first = pool->pick({now});
    EXPECT_EQ(a.inflight(), 1u);
    auto moved = std::move(first.flight);
    EXPECT_EQ(a.inflight(), 1u);
    moved.finish(Outcome::ok);
    moved.finish(Outcome::broken);
    EXPECT_EQ(a.inflight(), 0u);
    auto dropped = pool->pick({now});
    EXPECT_EQ(a.inflight(), 1u);
  }
  EXPECT_EQ(a.inflight(), 0u);
  EXPECT_EQ(a.count(Outcome::ok), 1);
  EXPECT_EQ(a.count(Outcome::neutral), 1);
  EXPECT_EQ(a.count(Outcome::broken), 0);
  EXPECT_EQ(a.started(), 2u);
}

TEST_F(PoolTest, WeightsGiveShares) {
  auto p = test::pool("web", 3);
  p.backends[1].weight = 3;
  auto pool = make(p);
  const auto got = picks(*pool, 500);
  EXPECT_EQ(got.at("a"), 100);
  EXPECT_EQ(got.at("b"), 300);
  EXPECT_EQ(got.at("c"), 100);
}

TEST_F(PoolTest, AWeightOfZeroGetsNothing) {
  auto p = test::pool("web", 2);
  p.backends[0].weight = 0;
  EXPECT_EQ(picks(*make(p), 10).at("b"), 10);
}

TEST_F(PoolTest, ARetryGoesToAnotherBackendAndEndsWhenAllWereTried) {
  auto pool = make(test::pool("web", 2));
  std::vector<const Backend*> tried;
  tried.push_back(pool->pick({now}).backend());
  tried.push_back(pool->find(tried[0] == pool->find("a") ? "b" : "a"));
  EXPECT_EQ(pick_name(*pool, std::span(tried).first(1)), tried[1]->name());
  auto none = pool->pick({now}, tried);
  EXPECT_EQ(none.backend(), nullptr);
  EXPECT_EQ(none.why.kind, Why::Kind::no_backend);
}

TEST_F(PoolTest, AFullBackendIsPassedOverAndAFullPoolSaysSo) {
  auto p = test::pool("web", 2);
  p.backends[0].max_connections = 1;
  p.backends[1].max_connections = 2;
  auto pool = make(p);
  std::vector<Choice> held;
  for (int i = 0; i < 3; ++i) held.push_back(pool->pick({now}));
  EXPECT_EQ(pool->find("a")->inflight(), 1u);
  EXPECT_EQ(pool->find("b")->inflight(), 2u);
  EXPECT_EQ(pool->pick({now}).why.kind, Why::Kind::full);
  held.clear();
  EXPECT_NE(pool->pick({now}).backend(), nullptr);
}

TEST_F(PoolTest, FailuresInARowEjectAndTheOthersGoOn) {
  auto pool = make(test::pool("web", 3));
  fail(*pool, "b", 5);
  EXPECT_EQ(pool->find("b")->state(), State::ejected);
  EXPECT_EQ(pool->find("b")->reason(), "5 requests failed in a row, the last: connect_failed");
  EXPECT_EQ(picks(*pool, 100).count("b"), 0u);
  EXPECT_EQ(cluster.capacity(), 2.0 / 3);
}

TEST_F(PoolTest, HalfOfThePoolAtMostIsEjected) {
  auto pool = make(test::pool("web", 4));
  fail(*pool, "a", 5);
  fail(*pool, "b", 5);
  fail(*pool, "c", 20);
  EXPECT_EQ(pool->find("c")->state(), State::up);
  EXPECT_EQ(pool->usable(), 2u);
}

TEST_F(PoolTest, AHalfOpenBackendServesOneRequestAtATimeUntilItSucceeds) {
  auto pool = make(test::pool("web", 2));
  auto& a = *pool->find("a");
  fail(*pool, "a", 5);
  cluster.tick(now + 9s);
  EXPECT_EQ(a.state(), State::ejected);
  cluster.tick(Clock::now() + 11s);
  ASSERT_EQ(a.state(), State::half_open);

  std::vector<Choice> held;
  for (int i = 0; i < 10; ++i) held.push_back(pool->pick({now}));
  EXPECT_EQ(a.inflight(), 1u);
  for (auto& choice : held) {
    EXPECT_EQ(choice.why.trial, choice.backend() == &a);
    if (choice.backend() == &a) choice.flight.finish(Outcome::neutral);
  }
  EXPECT_EQ(a.state(), State::half_open) << "a client that went away proves nothing";
  held.clear();
  for (int i = 0; i < 2; ++i) pool->pick({now}).flight.finish(Outcome::ok);
  EXPECT_EQ(a.state(), State::up);
}

TEST_F(PoolTest, ATrialThatLastsLongDoesNotKeepOthersFromTrying) {
  auto pool = make(test::pool("web", 2));
  auto& a = *pool->find("a");
  fail(*pool, "a", 5);
  cluster.tick(Clock::now() + 11s);
  ASSERT_EQ(a.state(), State::half_open);
  std::vector<Choice> held;
  for (int i = 0; i < 10; ++i) held.push_back(pool->pick({now}));
  EXPECT_EQ(a.inflight(), 1u);
  now += Backend::kTrialFor + 1ms;
  for (int i = 0; i < 10; ++i) held.push_back(pool->pick({now}));
  EXPECT_EQ(a.inflight(), 2u);
}

TEST_F(PoolTest, WhenAllAreDownAnyIsTriedAndDrainingOnesAreNot) {
  auto pool = make(test::pool("web", 3));
  for (const auto& b : pool->backends()) b->on_check(false, "connection refused", now);
  pool->find("c")->order(Order::drain, "test", now);
  const auto choice = pool->pick({now});
  ASSERT_NE(choice.backend(), nullptr);
  EXPECT_EQ(choice.why.kind, Why::Kind::panic);
  EXPECT_NE(choice.why.text().find("all are down or ejected"), std::string::npos);
  EXPECT_EQ(picks(*pool, 100).count("c"), 0u);
  EXPECT_EQ(pool->find("a")->reason(), "check failed: connection refused");
}

TEST_F(PoolTest, DrainedPoolsChooseNobody) {
  auto pool = make(test::pool("web", 2));
  EXPECT_TRUE(cluster.order("web", "a", Order::drain, why));
  EXPECT_TRUE(cluster.order("web", "b", Order::maintenance, why));
  EXPECT_EQ(pool->pick({now}).why.kind, Why::Kind::no_backend);
  EXPECT_EQ(pool->find("b")->state(), State::maintenance);
  EXPECT_TRUE(cluster.order("web", "a", Order::none, why));
  EXPECT_EQ(pick_name(*pool), "a");
}

TEST_F(PoolTest, ANodeThatAnnouncesDrainingGetsNothingNew) {
  auto pool = make(test::pool("web", 2));
  auto r = record("a", 0);
  r.draining = true;
  cluster.heard(r, {}, false, now);
  EXPECT_EQ(pool->find("a")->state(), State::draining);
  EXPECT_EQ(picks(*pool, 20).count("a"), 0u);
  r.draining = false;
  cluster.heard(r, {}, false, now);
  EXPECT_EQ(pool->find("a")->state(), State::up);
  r.draining = true;
  cluster.heard(r, {}, false, now);
  cluster.tick(now + 5s);
  EXPECT_EQ(pool->find("a")->state(), State::draining);
  cluster.tick(now + 6s);
  EXPECT_EQ(pool->find("a")->state(), State::up) << "the wish of a node that fell silent is forgotten";
}

TEST_F(PoolTest, ByAgeAndByLoadFollowTheAnnouncements) {
  auto p = test::pool("web", 3, "chain");
  p.chain = {"byAge 5s", "byLoad"};
  auto pool = make(p);
  cluster.heard(record("a", 4000), {}, false, now);
  cluster.heard(record("b", 300), {}, false, now);
  cluster.heard(record("c", 3000), {}, false, now);
  EXPECT_EQ(picks(*pool, 50).at("b"), 50);
  cluster.heard(record("a", 4000), {}, false, now + 4s);
  cluster.heard(record("c", 3000), {}, false, now + 4s);
  now += 6s;  // b is silent
  EXPECT_EQ(picks(*pool, 50).at("c"), 50);
  now += 60s;
  const auto choice = pool->pick({now});
  ASSERT_NE(choice.backend(), nullptr);
  EXPECT_EQ(choice.why.kind, Why::Kind::emptied);
  EXPECT_NE(choice.why.text().find("byAge left nobody"), std::string::npos);
}

TEST_F(PoolTest, RequestsSinceTheLastAnnouncementCountAndTheNextAnnouncementForgetsThem) {
  auto p = test::pool("web", 2, "chain");
  p.chain = {"byLoad"};
  auto pool = make(p);
  auto a = record("a", 100), b = record("b", 200);
  a.service_us = b.service_us = 20'000;  // 0.02 of load each
  cluster.heard(a, {}, false, now);
  cluster.heard(b, {}, false, now);
  const auto got = picks(*pool, 105);
  EXPECT_EQ(got.at("a"), 55);
  EXPECT_EQ(got.at("b"), 50);
  cluster.heard(a, {}, false, now);
  cluster.heard(b, {}, false, now);
  EXPECT_EQ(picks(*pool, 5).at("a"), 5);
}

TEST_F(PoolTest, AReloadKeepsStateNumbersAndOrdersOfTheSameBackend) {
  auto pool = make(test::pool("web", 3));
  fail(*pool, "b", 5);
  cluster.order("web", "c", Order::drain, why);
  auto held = pool->pick({now});
  ASSERT_EQ(held.backend()->name(), "a");

  auto p = test::pool("web", 3);
  p.backends[0].weight = 7;
  p.scheduler = "least_connections";
  auto reloaded = make(p);
  EXPECT_NE(reloaded, pool);
  EXPECT_EQ(reloaded->find("a"), pool->find("a"));
  EXPECT_EQ(reloaded->find("a")->weight(), 7u);
  EXPECT_EQ(reloaded->find("a")->inflight(), 1u);
  EXPECT_EQ(reloaded->find("b")->state(), State::ejected);
  EXPECT_EQ(reloaded->find("c")->state(), State::draining);
  EXPECT_EQ(reloaded->scheduler(), Scheduler::least_connections);
}

TEST_F(PoolTest, ABackendThatMovedIsANewOneAndTheOldOneLivesAsLongAsItServes) {
  auto pool = make(test::pool("web", 1));
  auto held = pool->pick({now});
  std::weak_ptr<Backend> old = pool->backends()[0];
  auto p = test::pool("web", 1);
  p.backends[0].address = "127.0.0.1:99";
  auto next = make(p);
  EXPECT_NE(next->find("a"), held.backend());
  cluster.tick(now + 120s);
  EXPECT_FALSE(old.expired()) << "a request is in flight";
  held.flight = {};
  pool.reset();  // what a request in flight holds too
  cluster.tick(now + 150s);
  EXPECT_FALSE(old.expired()) << "and a moment longer";
  cluster.tick(now + 200s);
  EXPECT_TRUE(old.expired());
}

TEST_F(PoolTest, ABadChainChangesNothing) {
  auto pool = make(test::pool("web", 1));
  auto p = test::pool("web", 2, "chain");
  p.chain = {"byMoon"};
  conf.pools = {p};
  EXPECT_FALSE(cluster.apply(conf, now, why));
  EXPECT_EQ(why, "pool web: no candidacy function is called `byMoon`");
  EXPECT_EQ(cluster.pool("web"), pool);
}

TEST_F(PoolTest, ABackendWhoseNameIsNotResolvedIsDownUntilItIs) {
  auto p = test::pool("web", 2);
  p.backends[0].address = "backend.example:80";
  auto pool = make(p);
  auto& a = *pool->find("a");
  EXPECT_TRUE(a.needs_resolving());
  EXPECT_EQ(a.state(), State::down);
  EXPECT_EQ(a.reason(), "its name is not resolved yet");
  EXPECT_EQ(picks(*pool, 10).at("b"), 10);
  a.set_endpoint(*base::Endpoint::parse("127.0.0.1:80"), "", now);
  EXPECT_EQ(a.state(), State::up);
  EXPECT_EQ(a.endpoint()->text(), "127.0.0.1:80");
  a.set_endpoint(std::nullopt, "no such name", now);
  EXPECT_EQ(a.state(), State::down);
}

TEST_F(PoolTest, AnEmptyPoolChoosesNobody) {
  auto pool = make(test::pool("web", 0));
  EXPECT_EQ(pool->pick({now}).why.kind, Why::Kind::no_backend);
}

TEST_F(PoolTest, WorksWithMoreBackendsThanFitInline) {
  conf::Pool p = test::pool("web", 0);
  for (int i = 0; i < 200; ++i) {
    conf::Backend b;
    b.address = "127.0.0.1:" + std::to_string(i + 1);
    p.backends.push_back(b);
  }
  EXPECT_EQ(picks(*make(p), 400).size(), 200u);
}

TEST_F(PoolTest, WorkersStartAtDifferentBackends) {
  auto pool = make(test::pool("web", 4));
  std::map<std::string, int> first;
  for (int worker = 1; worker <= 4; ++worker) {
    std::thread([&] {
      base::this_slot = worker;
      ++first[pick_name(*pool)];
    }).join();
  }
  EXPECT_EQ(first.size(), 4u);
}

TEST_F(PoolTest, ManyThreadsChooseFailAndReloadAtOnce) {
  auto p = test::pool("web", 4, "chain");
  p.chain = {"byAge 5s", "byRandom", "byLogWindow", "byLoad"};
  make(p);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int worker = 1; worker <= 4; ++worker) {
    threads.emplace_back([&, worker] {
      base::this_slot = worker;
      for (int i = 0; i < 3000; ++i) {
        auto pool = cluster.pool("web");
        auto choice = pool->pick({Clock::now()});
        if (choice.flight) choice.flight.finish(i % 3 == worker % 3 ? Outcome::connect_failed : Outcome::ok);
      }
    });
  }
  std::thread control([&] {
    base::this_slot = 5;
    std::uint32_t n = 0;
    while (!stop) {
      const auto t = Clock::now();
      ++n;
      cluster.heard(record(std::string(1, static_cast<char>('a' + n % 4)), n), {}, false, t);
      cluster.tick(t + 20s * (n % 2));
      if (n % 50 == 0) {
        EXPECT_TRUE(cluster.apply(conf, t, why));
      }
      EXPECT_TRUE(seen.status.section("pools"));
    }
  });
  for (auto& t : threads) t.join();
  stop = true;
  control.join();
  std::uint64_t started = 0;
  for (const auto& b : cluster.backends()) {
    EXPECT_EQ(b->inflight(), 0u);
    started += b->started();
  }
  EXPECT_EQ(started, 12'000u);
}

}  // namespace
}  // namespace genkan::cluster
