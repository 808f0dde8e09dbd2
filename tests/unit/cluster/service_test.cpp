#include "cluster/service.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cluster/fixture.hpp"
#include "tests/unit/cluster/loop_fixture.hpp"

namespace genkan::cluster {
namespace {

using test::eventually;

class ServiceTest : public testing::Test {
 protected:
  test::Seen seen;
  Cluster cluster{seen.telemetry, "front"};
  test::ControlLoop control;
  Service service{control.loop(), cluster, seen.telemetry, nullptr};
  conf::Conf conf;
  std::string why;

  void SetUp() override {
    conf.node.name = "front";
    conf.pools = {test::pool("web", 1)};
    conf.pools[0].health.enabled = false;
    conf.cluster.enabled = true;
    conf.cluster.key = "a key for tests, long enough";
    conf.cluster.listen = "127.0.0.1:0";
    conf.cluster.interval = std::chrono::milliseconds(20);
    ASSERT_TRUE(cluster.apply(conf, Clock::now(), why)) << why;
    ASSERT_TRUE(service.open(conf, {}, why)) << why;
    control.on([&] { service.start(); });
  }
  void TearDown() override {
    control.on([&] { service.stop(); });
  }
  const Channel* channel() {
    const Channel* c = nullptr;
    control.on([&] { c = service.channel(); });
    return c;
  }
  void refresh() {
    control.on([&] { service.refresh(); });
  }
};

TEST_F(ServiceTest, AnnouncesAndKnowsItsOwnLoad) {
  EXPECT_TRUE(eventually([&] { return cluster.nodes().find("front").has_value(); }));
  EXPECT_TRUE(cluster.nodes().find("front")->self);
}

TEST_F(ServiceTest, AnEjectedBackendIsLetBackByTheTick) {
  conf.pools = {test::pool("web", 3)};
  conf.pools[0].health.enabled = false;
  conf.pools[0].eject_for = std::chrono::milliseconds(100);
  ASSERT_TRUE(cluster.apply(conf, Clock::now(), why)) << why;
  auto& a = *cluster.pool("web")->find("a");
  for (int i = 0; i < 5; ++i) {
    a.begin();
    a.finish(Outcome::broken, 1ms, true, Clock::now());
  }
  ASSERT_EQ(a.state(), State::ejected);
  EXPECT_TRUE(eventually([&] { return a.state() == State::half_open; }));
}

TEST_F(ServiceTest, AReloadOfTheSameSettingsKeepsTheChannelAndOthersReplaceIt) {
  const auto* first = channel();
  ASSERT_TRUE(service.open(conf, {}, why));
  refresh();
  EXPECT_EQ(channel(), first);
  conf.cluster.key = "another key, also long enough";
  ASSERT_TRUE(service.open(conf, {}, why)) << why;
  refresh();
  EXPECT_NE(channel(), nullptr);
  conf.cluster.enabled = false;
  ASSERT_TRUE(service.open(conf, {}, why));
  refresh();
  EXPECT_EQ(channel(), nullptr);
}

TEST_F(ServiceTest, AReloadThatCannotOpenItsSocketKeepsTheChannel) {
  const auto* first = channel();
  conf.cluster.interface = "nosuch0";
  conf.cluster.multicast = "239.255.71.75:7175";
  EXPECT_FALSE(service.open(conf, {}, why));
  refresh();
  EXPECT_EQ(channel(), first);
}

}  // namespace
}  // namespace genkan::cluster
