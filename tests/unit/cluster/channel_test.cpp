#include "cluster/channel.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cluster/datagram.hpp"
#include "tests/unit/cluster/fixture.hpp"
#include "tests/unit/cluster/loop_fixture.hpp"

namespace genkan::cluster {
namespace {

using test::eventually;

// One node: telemetry, cluster, channel on a shared loop.
struct Node {
  test::Seen seen;
  Cluster cluster;
  conf::Conf conf;
  std::unique_ptr<Channel> channel;
  explicit Node(const std::string& name) : cluster(seen.telemetry, name) {
    conf.node.name = name;
    conf.cluster.enabled = true;
    conf.cluster.key = "a key for tests, long enough";
    conf.cluster.listen = "127.0.0.1:0";
    conf.cluster.interval = std::chrono::milliseconds(20);
  }
  bool open(net::Loop& loop, std::string& why, ChannelOptions options = {}) {
    auto opened = Channel::open(loop, &cluster, seen.telemetry, conf, std::move(options), why);
    if (opened) channel = std::move(*opened);
    return channel != nullptr;
  }
  std::string listens() const { return "127.0.0.1:" + std::to_string(channel->ports().back()); }
};

class ChannelTest : public testing::Test {
 protected:
  test::ControlLoop control;
  Node hearer{"hearer"};
  std::string why;

  void SetUp() override { ASSERT_TRUE(hearer.open(control.loop(), why)) << why; }
  void start(Channel& c) {
    control.on([&] { c.start(); });
  }
  void stop(Channel& c) {
    control.on([&] { c.stop(); });
  }
  std::uint64_t count(const Channel& c, Refusal r) {
    std::uint64_t n = 0;
    control.on([&] { n = c.count(r); });
    return n;
  }
  void say(std::string_view datagram) {
    const auto to = *base::Endpoint::parse(hearer.listens());
    auto fd = open_sender(to, "", 1, why);
    ASSERT_TRUE(fd) << why;
    ASSERT_TRUE(send_datagram(fd->get(), to, datagram));
  }
};

TEST_F(ChannelTest, ANodeIsHeardByItsUnicastPeerAndSeesItself) {
  Node speaker("speaker");
  speaker.conf.cluster.peers = {hearer.listens()};
  ChannelOptions options;
  options.fill = [](LoadRecord& r) { r.queue = 77; };
  ASSERT_TRUE(speaker.open(control.loop(), why, options)) << why;
  start(*hearer.channel);
  start(*speaker.channel);
  EXPECT_TRUE(eventually([&] {
    const auto node = hearer.cluster.nodes().find("speaker");
    return node && node->records >= 3;
  }));
  const auto node = hearer.cluster.nodes().find("speaker");
  EXPECT_EQ(node->record.queue, 77u);
  EXPECT_GT(node->record.memory_total, 0u);
  EXPECT_GT(node->record.speed, 0u);
  EXPECT_EQ(node->record.interval_ms, 20u);
  EXPECT_TRUE(node->from.ip.is_loopback());
  ASSERT_TRUE(speaker.cluster.nodes().find("speaker"));
  EXPECT_TRUE(speaker.cluster.nodes().find("speaker")->self);
  stop(*speaker.channel);
  stop(*hearer.channel);
}

TEST_F(ChannelTest, MulticastReachesTheOthersAndOurOwnVoiceIsRecognised) {
  Node a("a"), b("b");
  // The group's port is drawn by the system for a, and shared by b.
  a.conf.cluster.multicast = "239.255.71.75:0";
  a.conf.cluster.interface = b.conf.cluster.interface = "lo";
  a.conf.cluster.listen = b.conf.cluster.listen = "";
  auto probe = open_group(*base::Endpoint::parse("239.255.71.75:0"), "lo", why);
  ASSERT_TRUE(probe) << why;
  a.conf.cluster.multicast = "239.255.71.75:" + std::to_string(local_port(probe->get()));
  b.conf.cluster.multicast = a.conf.cluster.multicast;
  ASSERT_TRUE(a.open(control.loop(), why)) << why;
  ASSERT_TRUE(b.open(control.loop(), why)) << why;
  start(*a.channel);
  start(*b.channel);
  EXPECT_TRUE(eventually([&] { return a.cluster.nodes().find("b") && b.cluster.nodes().find("a"); }));
  EXPECT_TRUE(eventually([&] { return count(*a.channel, Refusal::own) > 0; }));
  EXPECT_EQ(count(*a.channel, Refusal::same_name), 0u);
  stop(*a.channel);
  stop(*b.channel);
}

TEST_F(ChannelTest, AWrongKeyIsRefusedAndTheLogSaysWhatToDo) {
  const std::string path = testing::TempDir() + "genkan-channel-log-" + std::to_string(::getpid());
  {
    base::Log log(base::LogOptions{.path = path});
    base::Metrics metrics;
    base::StatusBoard status;
    base::Telemetry telemetry{log, metrics, status};
    Cluster cluster(telemetry, "here");
    auto conf = hearer.conf;
    conf.node.name = "here";
    auto here = Channel::open(control.loop(), &cluster, telemetry, conf, {}, why);
    ASSERT_TRUE(here) << why;
    Node stranger("stranger");
    stranger.conf.cluster.key = "another key, also long enough";
    stranger.conf.cluster.peers = {"127.0.0.1:" + std::to_string((*here)->ports().back())};
    ASSERT_TRUE(stranger.open(control.loop(), why)) << why;
    start(**here);
    start(*stranger.channel);
    EXPECT_TRUE(eventually([&] { return count(**here, Refusal::unknown_key) >= 5; }));
    EXPECT_FALSE(cluster.nodes().find("stranger"));
    EXPECT_NE(metrics.prometheus().find("genkan_cluster_heard_total{refused=\"unknown_key\"}"), std::string::npos);
    stop(*stranger.channel);
    stop(**here);
  }
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto first = text.str().find("[cluster] key must be the same on every node");
  ASSERT_NE(first, std::string::npos) << text.str();
  EXPECT_EQ(text.str().find("[cluster] key must be the same", first + 1), std::string::npos) << "once a minute";
  std::remove(path.c_str());
}

TEST_F(ChannelTest, ReplayedStaleAndForeignDatagramsAreCountedByReason) {
  start(*hearer.channel);
  const Key key(hearer.conf.cluster.key);
  const auto now_ms = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(WallClock::now().time_since_epoch()).count();
  };
  LoadRecord r;
  const auto payload = encode_load(r);
  const auto boot = static_cast<std::uint64_t>(now_ms()) * 1000 - 5'000'000;
  const auto first = seal({Kind::load, boot, 5, now_ms(), "x", payload}, key);
  say(first);
  EXPECT_TRUE(eventually([&] { return hearer.cluster.nodes().find("x").has_value(); }));
  say(first);
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::duplicate) == 1; }));
  say(seal({Kind::load, boot, 4, now_ms(), "x", payload}, key));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::replayed) == 1; }));
  say(seal({Kind::load, boot - 1, 9, now_ms(), "x", payload}, key));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::old_boot) == 1; }));
  say(seal({Kind::load, boot, 6, now_ms() - 60'000, "x", payload}, key));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::clock) == 1; }));
  say(seal({Kind::load, boot, 1, now_ms(), "hearer", payload}, key));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::same_name) == 1; }));
  say(seal({static_cast<Kind>(9), boot, 7, now_ms(), "x", payload}, key));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::kind) == 1; }));
  say("hello");
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::foreign) == 1; }));
  say(std::string(2000, 'G'));
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::too_long) == 1; }));
  EXPECT_EQ(hearer.cluster.nodes().find("x")->records, 1u);
  stop(*hearer.channel);
}

TEST_F(ChannelTest, AFloodIsReadWhileOtherWorkGoesOn) {
  start(*hearer.channel);
  for (int i = 0; i < 2000; ++i) say("GKgarbage");
  EXPECT_TRUE(eventually([&] { return count(*hearer.channel, Refusal::too_short) > 300; }));
  stop(*hearer.channel);
}

TEST_F(ChannelTest, AnAgentAnnouncesAndDoesNotListen) {
  conf::Conf conf = hearer.conf;
  conf.node.name = "agent";
  conf.cluster.peers = {hearer.listens()};
  test::Seen seen;
  auto agent = open_agent(control.loop(), seen.telemetry, conf, {}, why);
  ASSERT_TRUE(agent) << why;
  EXPECT_TRUE((*agent)->ports().empty());
  start(*hearer.channel);
  start(**agent);
  EXPECT_TRUE(eventually([&] { return hearer.cluster.nodes().find("agent").has_value(); }));
  stop(**agent);
  const auto records = hearer.cluster.nodes().find("agent")->records;
  control.on([] {});
  EXPECT_LE(hearer.cluster.nodes().find("agent")->records, records + 1) << "silent after stop";
  stop(*hearer.channel);
}

TEST_F(ChannelTest, BadSettingsAreExplained) {
  Node bad("bad");
  bad.conf.cluster.key = "short";
  EXPECT_FALSE(bad.open(control.loop(), why));
  EXPECT_EQ(why, "[cluster] key must have at least 16 bytes");
  bad.conf.cluster.key = hearer.conf.cluster.key;
  bad.conf.cluster.multicast = "192.0.2.1:7175";
  EXPECT_FALSE(bad.open(control.loop(), why));
  EXPECT_EQ(why, "[cluster] multicast: 192.0.2.1:7175 is not a multicast address and port");
  bad.conf.cluster.multicast = "239.255.71.75:7175";
  bad.conf.cluster.interface = "nosuch0";
  EXPECT_FALSE(bad.open(control.loop(), why));
  EXPECT_EQ(why, "there is no network interface nosuch0: No such device");
  bad.conf.node.name = "with space";
  EXPECT_FALSE(bad.open(control.loop(), why));
  EXPECT_EQ(why.find("[node] name must be"), 0u);
  conf::Conf lonely = hearer.conf;
  EXPECT_FALSE(open_agent(control.loop(), bad.seen.telemetry, lonely, {}, why));
  EXPECT_NE(why.find("nobody to announce to"), std::string::npos);
}

TEST(BootTest, ABootIdChangesOnlyWhenTheClockWasSetFarBack) {
  const auto now = WallClock::now();
  const auto us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
  EXPECT_EQ(next_boot(us, now + 24h), us);
  EXPECT_EQ(next_boot(us, now - 10s), us) << "others wait the few seconds out";
  EXPECT_LT(next_boot(us, now - 1h), us);
  EXPECT_EQ(next_boot(us, now - 1h), us - 3'600'000'000u);
}

}  // namespace
}  // namespace genkan::cluster
