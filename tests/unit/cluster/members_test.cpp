#include "cluster/members.hpp"

#include <gtest/gtest.h>

#include "cluster/cluster.hpp"
#include "tests/unit/cluster/fixture.hpp"

namespace genkan::cluster {
namespace {

using std::chrono::seconds;

TEST(SrvMembersTest, PrioritiesBecomeLevelsAndWeightsAreBroughtToAHundred) {
  conf::Backend row;
  row.address = "srv:_http._tcp.example";
  row.max_connections = 7;
  const auto members = srv_members(
      row, {{20, 5, 81, "b.example"}, {10, 300, 80, "a.example"}, {10, 3, 82, "c.example"}, {20, 0, 83, "d.example"}});
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(members[0].conf.address, "a.example:80");
  EXPECT_EQ(members[0].level, 0u);
  EXPECT_EQ(members[0].conf.weight, 100u);
  EXPECT_EQ(members[0].conf.max_connections, 7u);
  EXPECT_EQ(members[1].level, 1u);
  EXPECT_EQ(members[1].conf.weight, 1u);
  EXPECT_EQ(members[2].conf.weight, 1u);
  EXPECT_EQ(members[3].conf.weight, 1u);
}

TEST(SrvMembersTest, WhatIsNoServerOrIsThereTwiceIsLeftOut) {
  const auto members = srv_members(
      {}, {{1, 1, 0, "a.example"}, {1, 1, 80, "a.example"}, {1, 1, 80, "a.example"}, {1, 1, 80, "192.0.2.1"}});
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].conf.name, "a.example:80");
  EXPECT_TRUE(srv_members({}, {}).empty());
}

NodeView node(std::string name, std::string serves, Time heard) {
  NodeView view;
  view.record.node = std::move(name);
  view.record.serves = std::move(serves);
  view.from = *base::Endpoint::parse("192.0.2.9:7175");
  view.heard = heard;
  return view;
}

TEST(AgentMembersTest, WhoSaysThatItServesIsTakenInWhereItIs) {
  const Time now = Time{} + seconds(100);
  const auto members = agent_members(
      {node("n2", "api:1,web:8080", now), node("n1", "web:[2001:db8::1]:81", now), node("n3", "webs:80,web", now),
       node("n4", "web:0", now), node("n5", "web:8080", now - seconds(6)), node("n6", "web:99999", now)},
      "web", seconds(5), now);
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].conf.name, "n1");
  EXPECT_EQ(members[0].conf.address, "[2001:db8::1]:81");
  EXPECT_EQ(members[0].conf.node, "n1");
  EXPECT_EQ(members[1].conf.address, "192.0.2.9:8080");
}

conf::Conf moving_pool() {
  conf::Conf conf;
  conf.pools.emplace_back();
  conf.pools[0].name = "web";
  conf.pools[0].from_agents = "web";
  conf.pools[0].backends.emplace_back();
  conf.pools[0].backends[0].address = "192.0.2.1:80";
  return conf;
}

Member member(std::string name, std::uint32_t level = 0) {
  Member m;
  m.conf.name = m.conf.address = std::move(name);
  m.level = level;
  return m;
}

TEST(MovingPoolTest, MembersComeAndGoAndThoseThatStayKeepTheirState) {
  test::Seen bench;
  Cluster cluster(bench.telemetry, "self");
  std::string why;
  const Time now = Time{} + seconds(1);
  ASSERT_TRUE(cluster.apply(moving_pool(), now, why));
  const auto seat = cluster.seat("web");
  ASSERT_TRUE(seat);
  std::uint64_t version = 0;
  EXPECT_EQ(seat->take(version)->backends().size(), 1u);
  EXPECT_TRUE(cluster.set_members("web", "agents", {member("192.0.2.2:80"), member("192.0.2.3:80")}, now));
  EXPECT_FALSE(cluster.set_members("web", "agents", {member("192.0.2.2:80"), member("192.0.2.3:80")}, now));
  EXPECT_NE(seat->version(), version);
  const auto pool = seat->take(version);
  ASSERT_EQ(pool->backends().size(), 3u);
  const auto stays = pool->backends()[2];
  EXPECT_TRUE(cluster.set_members("web", "agents", {member("192.0.2.3:80")}, now));
  EXPECT_EQ(cluster.pool("web")->backends().size(), 2u);
  EXPECT_EQ(cluster.pool("web")->backends()[1], stays);
  ASSERT_TRUE(cluster.apply(moving_pool(), now, why));  // a reload forgets nobody
  EXPECT_EQ(seat->take(version)->backends().size(), 2u);
  EXPECT_FALSE(cluster.set_members("none", "agents", {}, now));
}

TEST(MovingPoolTest, HigherLevelsServeOnlyWhileNobodyOfALowerOneWorks) {
  test::Seen bench;
  Cluster cluster(bench.telemetry, "self");
  std::string why;
  const Time now = Time{} + seconds(1);
  for (const char* scheduler : {"round_robin", "least_connections", "random", "two_choices", "hash"}) {
    auto conf = moving_pool();
    conf.pools[0].scheduler = scheduler;
    ASSERT_TRUE(cluster.apply(conf, now, why));
    cluster.set_members("web", "agents", {member("192.0.2.9:80", 1)}, now);
    const auto pool = cluster.pool("web");
    for (std::uint64_t i = 0; i < 20; ++i) {
      const auto choice = pool->pick({.now = now, .key = i * 0x9e3779b97f4a7c15ull});
      ASSERT_TRUE(choice.backend()) << scheduler;
      EXPECT_EQ(choice.backend()->level(), 0u) << scheduler;
    }
    const Backend* first = pool->backends()[0].get();
    EXPECT_EQ(pool->pick({.now = now}, std::span(&first, 1)).backend()->level(), 1u) << scheduler << ": it was tried";
    pool->backends()[0]->order(Order::maintenance, "", now);
    EXPECT_EQ(pool->pick({.now = now}).backend()->level(), 1u) << scheduler;
    pool->backends()[0]->order(Order::none, "", now);
  }
}

}  // namespace
}  // namespace genkan::cluster
