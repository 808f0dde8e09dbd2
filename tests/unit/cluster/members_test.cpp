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

std::vector<base::IpAddress> ips(std::initializer_list<const char*> texts) {
  std::vector<base::IpAddress> out;
  for (const char* text : texts) out.push_back(*base::IpAddress::parse(text));
  return out;
}

conf::Backend named(std::string address, std::string name = "") {
  conf::Backend row;
  row.address = std::move(address);
  row.name = std::move(name);
  return row;
}

TEST(AddressMembersTest, EachAddressIsOneWhateverTheirOrder) {
  auto row = named("app.example:8080");
  row.weight = 3;
  row.max_connections = 5;
  const auto members = address_members(row, ips({"192.0.2.9", "192.0.2.1", "192.0.2.1"}));
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].conf.name, "app.example:8080/192.0.2.1");
  EXPECT_EQ(members[0].conf.address, "app.example:8080") << "its name is what its certificate is for";
  EXPECT_EQ(members[0].at->text(), "192.0.2.1:8080");
  EXPECT_EQ(members[1].at->text(), "192.0.2.9:8080");
  EXPECT_EQ(members[1].conf.weight, 3u);
  EXPECT_EQ(members[1].conf.max_connections, 5u);
  EXPECT_EQ(members, address_members(row, ips({"192.0.2.1", "192.0.2.9"})));
  EXPECT_EQ(address_members(named("a:1", "web"), ips({"192.0.2.1"}))[0].conf.name, "web/192.0.2.1");
  EXPECT_TRUE(address_members(row, {}).empty());
}

TEST(AddressMembersTest, Ipv6IsUsedWhereThereIsNothingElse) {
  const auto row = named("app.example:80");
  const auto both = address_members(row, ips({"2001:db8::1", "192.0.2.1", "2001:db8::2"}));
  ASSERT_EQ(both.size(), 1u) << "a server with both is one server";
  EXPECT_EQ(both[0].at->text(), "192.0.2.1:80");
  const auto v6 = address_members(row, ips({"2001:db8::2", "2001:db8::1"}));
  ASSERT_EQ(v6.size(), 2u);
  EXPECT_EQ(v6[0].at->text(), "[2001:db8::1]:80");
}

TEST(AddressMembersTest, OnlyNamesHaveMany) {
  EXPECT_TRUE(is_name_of_many(named("app.example:80")));
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x", "srv:_http._tcp.example"}) {
    EXPECT_FALSE(is_name_of_many(named(text))) << text;
  }
  auto row = named("app.example:80");
  row.addresses = "first";
  EXPECT_FALSE(is_name_of_many(row));
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

conf::Conf pool_of_a_name(std::string scheduler = "round_robin") {
  conf::Conf conf;
  conf.pools.emplace_back();
  conf.pools[0].name = "web";
  conf.pools[0].scheduler = std::move(scheduler);
  conf.pools[0].hash_balance = 0;
  conf.pools[0].backends = {named("app.example:80")};
  return conf;
}

TEST(PoolOfANameTest, WithoutAnAddressTheNameStandsInItAndSaysWhy) {
  test::Seen bench;
  Cluster cluster(bench.telemetry, "self");
  std::string why;
  const Time now = Time{} + seconds(1);
  const auto conf = pool_of_a_name();
  ASSERT_TRUE(cluster.apply(conf, now, why));
  ASSERT_EQ(cluster.dns_rows().size(), 1u);
  const std::string source = "app.example:80";
  ASSERT_EQ(cluster.pool("web")->backends().size(), 1u);
  EXPECT_EQ(cluster.pool("web")->backends()[0]->state(), State::down);
  EXPECT_FALSE(cluster.pool("web")->pick({.now = now}).backend()) << "not in panic either: there is nowhere to go";
  cluster.nobody_at("web", source, "its name does not resolve: no such name", now);
  EXPECT_EQ(cluster.pool("web")->backends()[0]->reason(), "its name does not resolve: no such name");
  EXPECT_FALSE(cluster.has_members("web", source));
  const auto& row = conf.pools[0].backends[0];
  EXPECT_TRUE(cluster.set_members("web", source, address_members(row, ips({"192.0.2.1", "192.0.2.2"})), now));
  EXPECT_TRUE(cluster.has_members("web", source));
  const auto pool = cluster.pool("web");
  ASSERT_EQ(pool->backends().size(), 2u);
  const auto one = pool->backends()[0];
  EXPECT_EQ(one->state(), State::up);
  EXPECT_EQ(one->fixed_endpoint()->text(), "192.0.2.1:80");
  EXPECT_EQ(pool->tls_name(*one), "app.example");
  const auto held = pool->pick({.now = now});
  ASSERT_TRUE(held.backend());
  EXPECT_FALSE(cluster.set_members("web", source, address_members(row, ips({"192.0.2.2", "192.0.2.1"})), now));
  ASSERT_TRUE(cluster.apply(conf, now, why));
  EXPECT_EQ(cluster.pool("web")->backends()[0], one) << "a reload keeps what is known of each";
  EXPECT_TRUE(cluster.set_members("web", source, {}, now));
  ASSERT_EQ(cluster.pool("web")->backends().size(), 1u);
  EXPECT_TRUE(cluster.pool("web")->backends()[0]->stands_for_many());
  auto first = conf;
  first.pools[0].backends[0].addresses = "first";
  ASSERT_TRUE(cluster.apply(first, now, why));
  EXPECT_TRUE(cluster.dns_rows().empty());
  EXPECT_FALSE(cluster.pool("web")->backends()[0]->stands_for_many());
}

TEST(PoolOfANameTest, WhoIsGoneForGoodLeavesNoFiguresBehind) {
  test::Seen bench;
  Cluster cluster(bench.telemetry, "self");
  std::string why;
  Time now = Time{} + seconds(1);
  const auto conf = pool_of_a_name();
  const auto& row = conf.pools[0].backends[0];
  ASSERT_TRUE(cluster.apply(conf, now, why));
  const auto shown = [&](const char* ip) { return bench.metrics.prometheus().find(ip) != std::string::npos; };
  cluster.set_members("web", row.address, address_members(row, ips({"192.0.2.1", "192.0.2.2"})), now);
  EXPECT_TRUE(shown("192.0.2.1") && shown("192.0.2.2"));
  {
    const auto old = cluster.pool("web");  // as the request's worker has it
    const auto held = old->pick({.now = now});
    cluster.set_members("web", row.address, address_members(row, ips({"192.0.2.3"})), now);
    now += seconds(90);
    cluster.tick(now);
    EXPECT_TRUE(shown(held.backend()->endpoint()->ip.text().c_str())) << "a request is under way";
  }
  cluster.set_members("web", row.address, address_members(row, ips({"192.0.2.1", "192.0.2.3"})), now);
  for (int i = 0; i < 3; ++i) cluster.tick(now += seconds(90));
  EXPECT_FALSE(shown("192.0.2.2"));
  EXPECT_TRUE(shown("192.0.2.1") && shown("192.0.2.3")) << "one that came back has figures";
}

TEST(PoolOfANameTest, AHashFindsTheSameAddressWhicheverOthersComeAndGo) {
  test::Seen bench;
  Cluster cluster(bench.telemetry, "self");
  std::string why;
  const Time now = Time{} + seconds(1);
  const auto conf = pool_of_a_name("hash");
  const auto& row = conf.pools[0].backends[0];
  ASSERT_TRUE(cluster.apply(conf, now, why));
  const auto ask = [&](std::initializer_list<const char*> texts) {
    cluster.set_members("web", row.address, address_members(row, ips(texts)), now);
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < 300; ++i) {
      out.push_back(
          cluster.pool("web")->pick({.now = now, .key = i * 0x9e3779b97f4a7c15ull}).backend()->endpoint()->text());
    }
    return out;
  };
  const auto before = ask({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  EXPECT_EQ(ask({"192.0.2.3", "192.0.2.1", "192.0.2.2"}), before);
  const auto after = ask({"192.0.2.3", "192.0.2.1"});
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != "192.0.2.2:80") {
      EXPECT_EQ(after[i], before[i]) << i;
    }
    moved += before[i] != after[i];
  }
  EXPECT_GT(moved, 50u);
  EXPECT_LT(moved, 150u);
  EXPECT_EQ(ask({"192.0.2.2", "192.0.2.3", "192.0.2.1"}), before) << "it is back, and so are its clients";
}

}  // namespace
}  // namespace genkan::cluster
