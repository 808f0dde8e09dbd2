#include "cluster/cluster.hpp"

#include <gtest/gtest.h>

#include "cluster/flat_json.hpp"
#include "conf/chain.hpp"
#include "tests/unit/cluster/fixture.hpp"

namespace genkan::cluster {
namespace {

const WallTime kWall(std::chrono::duration_cast<WallTime::duration>(std::chrono::milliseconds(1'800'000'000'000)));
const Time kNow = Time{} + 100'000s;

Envelope envelope(std::string_view name, std::uint64_t counter, WallTime sent = kWall) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(sent.time_since_epoch()).count();
  return {Kind::load, 1'700'000'000'000'000, counter, ms, name, ""};
}

TEST(NodeTableTest, ANodeIsKnownOnceItsRecordWasUnderstood) {
  NodeTable table;
  EXPECT_EQ(table.admit(envelope("a", 1), kWall, kNow), Refusal::none);
  EXPECT_FALSE(table.find("a"));
  LoadRecord r;
  r.node = "a";
  r.load_milli = 5;
  table.update(r, *base::Endpoint::parse("192.0.2.1:7175"), false, kNow);
  ASSERT_TRUE(table.find("a"));
  EXPECT_EQ(table.find("a")->record.load_milli, 5u);
  EXPECT_EQ(table.find("a")->from.text(), "192.0.2.1:7175");
  EXPECT_EQ(table.live(5s, kNow + 5s), 1u);
  EXPECT_EQ(table.live(5s, kNow + 6s), 0u);
}

TEST(NodeTableTest, ReplaysAreRefusedPerNode) {
  NodeTable table;
  EXPECT_EQ(table.admit(envelope("a", 5), kWall, kNow), Refusal::none);
  EXPECT_EQ(table.admit(envelope("b", 5), kWall, kNow), Refusal::none);
  EXPECT_EQ(table.admit(envelope("a", 5), kWall, kNow), Refusal::duplicate);
  EXPECT_EQ(table.admit(envelope("a", 4), kWall, kNow), Refusal::replayed);
}

TEST(NodeTableTest, ItIsBoundedAndForgetsTheLongSilent) {
  NodeTable table;
  for (std::size_t i = 0; i < NodeTable::kMaxNodes; ++i) {
    ASSERT_EQ(table.admit(envelope("n" + std::to_string(i), 1), kWall, kNow), Refusal::none);
  }
  EXPECT_EQ(table.admit(envelope("late", 1), kWall, kNow), Refusal::full);
  const auto later = kNow + NodeTable::kForget + 1s;
  const auto later_wall = kWall + NodeTable::kForget + 1s;
  EXPECT_EQ(table.admit(envelope("n7", 2, later_wall), later_wall, later), Refusal::none);
  EXPECT_EQ(table.admit(envelope("late", 1, later_wall), later_wall, later), Refusal::none);
  EXPECT_EQ(table.admit(envelope("n7", 2, later_wall), later_wall, later), Refusal::duplicate) << "n7 was kept";
}

TEST(NodeTableTest, WhatWasForgottenCannotBeReplayedBecauseTheClockRefusesIt) {
  NodeTable table;
  ASSERT_EQ(table.admit(envelope("a", 9), kWall, kNow), Refusal::none);
  NodeTable after_restart;
  EXPECT_EQ(after_restart.admit(envelope("a", 9), kWall + kClockWindow + 1s, kNow), Refusal::clock);
}

class ClusterTest : public testing::Test {
 protected:
  test::Seen seen;
  Cluster cluster{seen.telemetry, "front"};
  conf::Conf conf;
  std::string why;
  void SetUp() override {
    conf.pools = {test::pool("web", 2)};
    ASSERT_TRUE(cluster.apply(conf, kNow, why));
  }
};

TEST_F(ClusterTest, ShowsPoolsAndNodesOnTheStatusBoard) {
  LoadRecord r;
  r.node = "a";
  r.load_milli = 1234;
  cluster.heard(r, {}, false, Clock::now());
  const auto pools = seen.status.section("pools");
  ASSERT_TRUE(pools);
  EXPECT_NE(pools->find(R"("name":"web","scheduler":"round_robin")"), std::string::npos) << *pools;
  EXPECT_NE(pools->find(R"("load":1.234)"), std::string::npos) << *pools;
  EXPECT_NE(pools->find(R"("load":null)"), std::string::npos) << "b announced nothing";
  const auto nodes = seen.status.section("nodes");
  ASSERT_TRUE(nodes);
  EXPECT_NE(nodes->find(R"("name":"a","self":false)"), std::string::npos) << *nodes;
}

TEST_F(ClusterTest, DrainAndUndrainAreActions) {
  const std::string target = R"({"pool": "web", "backend": "a"})";
  auto done = seen.status.act("drain", target, why);
  ASSERT_TRUE(done) << why;
  EXPECT_EQ(*done, R"({"pool":"web","backend":"a","state":"draining"})");
  EXPECT_EQ(cluster.pool("web")->find("a")->state(), State::draining);
  EXPECT_EQ(cluster.pool("web")->find("a")->reason(), "an operator asked for it");
  ASSERT_TRUE(seen.status.act("undrain", target, why));
  EXPECT_EQ(cluster.pool("web")->find("a")->state(), State::up);
}

TEST_F(ClusterTest, AnActionSaysWhatIsWrong) {
  EXPECT_EQ(seen.status.act("drain", R"({"pool":"web","backend":"z"})", why).error(), Errc::not_found);
  EXPECT_EQ(why, "pool web has no backend z");
  EXPECT_EQ(seen.status.act("drain", R"({"pool":"nope","backend":"z"})", why).error(), Errc::not_found);
  EXPECT_EQ(why, "there is no pool nope");
  EXPECT_EQ(seen.status.act("drain", "[]", why).error(), Errc::malformed);
  EXPECT_EQ(seen.status.act("drain", R"({"pool":"web"})", why).error(), Errc::malformed);
}

TEST_F(ClusterTest, LoadOfANodeIsKnownWhileItIsFresh) {
  LoadRecord r;
  r.node = "mx1";
  r.load_milli = 2500;
  cluster.heard(r, {}, false, kNow);
  EXPECT_EQ(cluster.load_of("mx1", kNow + 5s), 2.5);
  EXPECT_FALSE(cluster.load_of("mx1", kNow + 6s));
  EXPECT_FALSE(cluster.load_of("mx2", kNow));
}

TEST_F(ClusterTest, DescribesItsOwnRequests) {
  auto held = cluster.pool("web")->pick({kNow});
  cluster.pool("web")->pick({kNow}).flight.finish(Outcome::ok);
  LoadRecord r;
  cluster.describe_self(r);
  EXPECT_EQ(r.inflight, 1u);
  EXPECT_EQ(r.served, 1u);
}

TEST_F(ClusterTest, CapacityFollowsHealthAndIgnoresWhatAnOperatorTookOut) {
  EXPECT_EQ(cluster.capacity(), 1.0);
  cluster.pool("web")->find("a")->on_check(false, "x", kNow);
  EXPECT_EQ(cluster.capacity(), 0.5);
  cluster.order("web", "a", Order::maintenance, why);
  EXPECT_EQ(cluster.capacity(), 1.0);
}

TEST_F(ClusterTest, MetricsCarryPoolAndBackend) {
  cluster.pool("web")->pick({kNow}).flight.finish(Outcome::ok);
  cluster.pool("web")->find("b")->on_check(false, "x", kNow);
  const auto text = seen.metrics.prometheus();
  EXPECT_NE(text.find("genkan_backend_requests_total{pool=\"web\",backend=\"a\",outcome=\"ok\"} 1"), std::string::npos)
      << text;
  EXPECT_NE(text.find("genkan_backend_up{pool=\"web\",backend=\"a\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("genkan_backend_up{pool=\"web\",backend=\"b\"} 0"), std::string::npos) << text;
}

TEST_F(ClusterTest, RecentRatesComeFromTheLastWindow) {
  auto& a = *cluster.pool("web")->find("a");
  a.roll(kNow);
  for (int i = 0; i < 50; ++i) {
    a.begin();
    a.finish(Outcome::ok, 2ms, true, kNow);
  }
  a.roll(kNow + 5s);
  const auto recent = a.recent();
  EXPECT_NEAR(recent.requests_per_second, 10, 1e-6);
  EXPECT_NEAR(recent.p50, 0.002, 0.0002);
  EXPECT_NEAR(recent.mean, 0.002, 0.0002);
  EXPECT_NEAR(a.ewma_us(), 2000, 50);
  a.roll(kNow + 10s);
  EXPECT_EQ(a.recent().requests_per_second, 0);
}

TEST(CandidacyTest, EveryFunctionThatTheConfigurationAcceptsIsCarriedOut) {
  for (const auto& f : conf::candidacy_functions()) {
    std::vector<std::string> chain{std::string(f.name)};
    if (f.argument == conf::Argument::age) chain.push_back(std::string(f.name) + " 5s");
    if (f.argument == conf::Argument::bias) chain.push_back(std::string(f.name) + " -0.5");
    std::string why;
    EXPECT_TRUE(parse_chain(chain, 5s, why)) << why;
  }
}

TEST(FlatJsonTest, ReadsAnObjectOfStringsAndNothingElse) {
  const auto good = read_flat_json(" { \"pool\" : \"w\\u00e9b\\n\\\"\" , \"b\":\"\" } ");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->at("pool"),
            "w\xc3\xa9"
            "b\n\"");
  EXPECT_TRUE(read_flat_json("{}"));
  for (const char* bad :
       {"", "[]", "{", "{}x", R"({"a":1})", R"({"a":"b",})", R"({"a":"b"} {})", R"({"a":{"b":"c"}})", R"({"a":"b)",
        R"({"a":"\x"})", R"({"a":"\ud800"})", "{\"a\":\"\n\"}", R"({"a":"1","a":"2"})"}) {
    EXPECT_FALSE(read_flat_json(bad)) << bad;
  }
  EXPECT_FALSE(read_flat_json("{\"a\":\"" + std::string(5000, 'x') + "\"}"));
}

TEST(FlatJsonTest, WritesNumbersAndEscapesText) {
  JsonObject o;
  o.text("a\"", "b\n").decimal("d", 1.0 / 3).decimal("bad", 1.0 / 0.0).boolean("t", true).raw("n", "null");
  EXPECT_EQ(std::move(o).done(), R"({"a\"":"b\n","d":0.333,"bad":0.000,"t":true,"n":null})");
}

}  // namespace
}  // namespace genkan::cluster
