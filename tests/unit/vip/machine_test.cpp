#include "vip/machine.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;
using base::IpAddress;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

constexpr Action kAdd{Do::add_address, 0};
constexpr Action kRemove{Do::remove_address, 0};
constexpr Action kAnnounce{Do::announce, 0};
constexpr Action advert(std::uint8_t priority) { return {Do::send_advert, priority}; }
using Actions = std::vector<Action>;

// One router at 10.0.0.5 that advertises once a second; `now` moves only when a test says so.
class MachineTest : public ::testing::Test {
 protected:
  Rules rules{ip("10.0.0.5"), 100, 100, true, false};  // questions by ARP have tests of their own
  Machine m;
  Time start = Time(1000s);
  Time now = start;
  std::optional<Transition> moved;

  MachineTest() { m.priority = rules.priority; }

  Actions feed(const Event& event) {
    auto out = step(rules, m, event, now);
    moved = out.transition;
    return out.actions;
  }
  Actions hear(std::uint8_t priority, std::string_view from = "10.0.0.9", std::uint16_t interval = 100) {
    return feed(Heard{priority, interval, ip(from)});
  }
  // Ticks at the machine's own times up to `until`; what it does, in order.
  Actions run_until(Time until) {
    Actions out;
    while (next_due(m) && *next_due(m) <= until) {
      now = *next_due(m);
      for (const auto& action : feed(Tick{})) out.push_back(action);
    }
    now = until;
    return out;
  }
  void make_active() {
    feed(Start{});
    run_until(*m.due);
    ASSERT_EQ(m.state, State::active);
    m.announce_due = {};
  }
};

TEST_F(MachineTest, SkewAndDownTimesFollowTheFormulas) {
  EXPECT_EQ(skew_time(100, 100), 609'375us);
  EXPECT_EQ(skew_time(254, 100), 7'812'500ns);
  EXPECT_EQ(skew_time(1, 10), 99'609'375ns);
  EXPECT_EQ(active_down_interval(100, 100), 3s + 609'375us);
  EXPECT_EQ(active_down_interval(255, 4095), 3 * 40'950ms + Duration(40'950ms) / 256);
}

// 6.4.1 Initialize

TEST_F(MachineTest, AnOwnerIsActiveFromTheStart) {
  rules.priority = 255;
  EXPECT_EQ(feed(Start{}), (Actions{kAdd, advert(255), kAnnounce}));
  EXPECT_EQ(moved, (Transition{State::init, State::active, Reason::owner}));
  EXPECT_EQ(*m.due, now + 1s);
}

TEST_F(MachineTest, OthersStartAsBackupAndSayNothing) {
  EXPECT_EQ(feed(Start{}), Actions{});
  EXPECT_EQ(moved, (Transition{State::init, State::backup, Reason::started}));
  EXPECT_EQ(*m.due, now + active_down_interval(100, 100));
}

TEST_F(MachineTest, NothingHappensBeforeTheStart) {
  EXPECT_EQ(hear(200), Actions{});
  EXPECT_EQ(hear(0), Actions{});
  EXPECT_EQ(feed(Tick{}), Actions{});
  EXPECT_EQ(feed(Stop{}), Actions{});
  EXPECT_EQ(m.state, State::init);
  EXPECT_FALSE(next_due(m));
}

TEST_F(MachineTest, ASecondStartChangesNothing) {
  make_active();
  EXPECT_EQ(feed(Start{}), Actions{});
  EXPECT_EQ(m.state, State::active);
}

// 6.4.2 Backup

TEST_F(MachineTest, ABackupTakesOverWhenNobodyAdvertises) {
  feed(Start{});
  now = *m.due - 1ns;
  EXPECT_EQ(feed(Tick{}), Actions{});
  now += 1ns;
  EXPECT_EQ(feed(Tick{}), (Actions{kAdd, advert(100), kAnnounce}));
  EXPECT_EQ(moved, (Transition{State::backup, State::active, Reason::active_silent}));
}

TEST_F(MachineTest, AnAdvertRestartsTheDownTimer) {
  feed(Start{});
  now += 3s;
  EXPECT_EQ(hear(150), Actions{});
  EXPECT_EQ(*m.due, now + active_down_interval(100, 100));
  EXPECT_EQ(m.state, State::backup);
}

TEST_F(MachineTest, EqualPriorityCountsAsBetterForABackup) {
  feed(Start{});
  now += 3s;
  hear(100, "10.0.0.1");
  EXPECT_EQ(*m.due, now + active_down_interval(100, 100));
}

TEST_F(MachineTest, ABackupAdoptsTheActivesInterval) {
  feed(Start{});
  hear(150, "10.0.0.9", 10);
  EXPECT_EQ(m.active_interval, 10);
  EXPECT_EQ(*m.due, now + active_down_interval(100, 10));
  // ... and its skew uses it, too
  hear(0);
  EXPECT_EQ(*m.due, now + skew_time(100, 10));
}

TEST_F(MachineTest, APreemptingBackupIgnoresALowerActive) {
  feed(Start{});
  const auto due = *m.due;
  now += 1s;
  EXPECT_EQ(hear(99, "10.0.0.9", 10), Actions{});
  EXPECT_EQ(*m.due, due);
  EXPECT_EQ(m.active_interval, 100);
}

TEST_F(MachineTest, WithoutPreemptionABackupFollowsALowerActive) {
  rules.preempt = false;
  feed(Start{});
  now += 1s;
  hear(1);
  EXPECT_EQ(*m.due, now + active_down_interval(100, 100));
}

TEST_F(MachineTest, PriorityZeroShortensTheWaitToSkew) {
  feed(Start{});
  hear(150);
  hear(0);
  EXPECT_EQ(*m.due, now + skew_time(100, 100));
  run_until(*m.due);
  EXPECT_EQ(moved, (Transition{State::backup, State::active, Reason::active_stopped}));
}

TEST_F(MachineTest, AStoppingBackupSaysNothing) {
  feed(Start{});
  EXPECT_EQ(feed(Stop{}), Actions{});
  EXPECT_EQ(moved, (Transition{State::backup, State::init, Reason::planned_stop}));
  EXPECT_FALSE(next_due(m));
}

TEST_F(MachineTest, ABackupIsQuickWhenTheActiveThatItFollowedFallsBelowIt) {
  feed(Start{});
  hear(150);
  now += 200ms;
  hear(15);
  EXPECT_EQ(*m.due, now + skew_time(100, 100));
  const auto due = *m.due;
  now += 100ms;
  hear(15);  // the news is told once
  EXPECT_EQ(*m.due, due);
  run_until(due);
  EXPECT_EQ(moved, (Transition{State::backup, State::active, Reason::active_degraded}));
}

TEST_F(MachineTest, AFallenActiveThatRecoversIsFollowedAgain) {
  feed(Start{});
  hear(150);
  hear(15);
  now += 100ms;
  hear(150);
  EXPECT_EQ(*m.due, now + active_down_interval(100, 100));
  run_until(*m.due);
  EXPECT_EQ(moved->reason, Reason::active_silent);
}

// 6.4.3 Active

TEST_F(MachineTest, AnActiveAdvertisesAtItsOwnInterval) {
  feed(Start{});
  hear(150, "10.0.0.9", 10);
  run_until(*m.due);
  ASSERT_EQ(m.state, State::active);
  m.announce_due = {};
  EXPECT_EQ(run_until(now + 3s), (Actions{advert(100), advert(100), advert(100)}));
}

TEST_F(MachineTest, AnnouncementsAreRepeatedSoonAndAfterOneAndFiveSeconds) {
  feed(Start{});
  now = *m.due;
  feed(Tick{});
  const Time since = now;
  int seen = 0;
  for (const auto& action : run_until(since + 10s)) seen += action == kAnnounce;
  EXPECT_EQ(seen, 3);
}

TEST_F(MachineTest, AHigherPriorityEndsActive) {
  make_active();
  EXPECT_EQ(hear(101, "10.0.0.1", 20), Actions{});
  EXPECT_EQ(moved, (Transition{State::active, State::backup, Reason::better_peer}));
  EXPECT_EQ(m.active_interval, 20);
  EXPECT_EQ(*m.due, now + active_down_interval(100, 20));
  EXPECT_EQ(run_until(now + 20ms), Actions{kRemove});
}

TEST_F(MachineTest, TheAddressIsKeptForAMomentAfterItWasHandedOver) {
  make_active();
  hear(101);
  EXPECT_TRUE(holds_address(m));
  EXPECT_EQ(run_until(now + 19ms), Actions{});
  EXPECT_EQ(run_until(now + 1ms), Actions{kRemove});
  EXPECT_FALSE(holds_address(m));
  EXPECT_EQ(run_until(now + 100ms), Actions{});
}

TEST_F(MachineTest, AHandOverEndsAtOnceWhenTheLinkGoes) {
  make_active();
  hear(101);
  EXPECT_EQ(feed(LinkDown{}), Actions{kRemove});
  EXPECT_FALSE(next_due(m));
}

TEST_F(MachineTest, AStopDuringAHandOverLetsItEnd) {
  make_active();
  hear(101);
  EXPECT_EQ(feed(Stop{}), Actions{});
  EXPECT_EQ(m.state, State::init);
  EXPECT_TRUE(holds_address(m));
  EXPECT_EQ(run_until(now + 20ms), Actions{kRemove});
}

TEST_F(MachineTest, EqualPriorityIsDecidedByTheGreaterAddress) {
  make_active();
  EXPECT_EQ(hear(100, "10.0.0.4"), Actions{advert(100)});
  EXPECT_EQ(m.state, State::active);
  EXPECT_EQ(hear(100, "10.0.0.6"), Actions{});
  EXPECT_EQ(m.state, State::backup);
}

TEST_F(MachineTest, ALosingAdvertIsAnsweredAtOnce) {
  make_active();
  now += 300ms;
  EXPECT_EQ(hear(99), Actions{advert(100)});
  EXPECT_EQ(*m.due, now + 1s);
}

TEST_F(MachineTest, TheAddressIsAnnouncedAgainAfterALosingActive) {
  make_active();
  hear(99);
  hear(99);
  EXPECT_EQ(run_until(now + 500ms), Actions{kAnnounce});
}

TEST_F(MachineTest, PriorityZeroIsAnsweredAtOnceByAnActive) {
  make_active();
  now += 300ms;
  EXPECT_EQ(hear(0), Actions{advert(100)});
  EXPECT_EQ(*m.due, now + 1s);
}

TEST_F(MachineTest, OurOwnAdvertsAreNotAnswered) {
  make_active();
  EXPECT_EQ(hear(100, "10.0.0.5"), Actions{});
  EXPECT_EQ(hear(200, "10.0.0.5"), Actions{});
  EXPECT_EQ(m.state, State::active);
}

TEST_F(MachineTest, AFallOfOurPriorityIsToldAtOnceAndARiseAtTheNextAdvert) {
  make_active();
  EXPECT_EQ(feed(SetPriority{40}), Actions{advert(40)});
  EXPECT_EQ(feed(SetPriority{40}), Actions{});
  EXPECT_EQ(feed(SetPriority{80}), Actions{});
  EXPECT_EQ(run_until(now + 1s), Actions{advert(80)});
}

TEST_F(MachineTest, PriorityCantBeSetToWhatHasAMeaningOfItsOwn) {
  make_active();
  EXPECT_EQ(feed(SetPriority{0}), Actions{});
  EXPECT_EQ(feed(SetPriority{255}), Actions{});
  EXPECT_EQ(m.priority, 100);
}

TEST_F(MachineTest, AnOwnerKeepsItsPriority) {
  rules.priority = 255;
  feed(Start{});
  EXPECT_EQ(feed(SetPriority{10}), Actions{});
  EXPECT_EQ(m.priority, 255);
}

// Make before break

TEST_F(MachineTest, APlannedStopKeepsTheAddressUntilTheNewActiveIsHeard) {
  make_active();
  EXPECT_EQ(feed(Stop{}), Actions{advert(0)});
  EXPECT_EQ(moved, (Transition{State::active, State::yielding, Reason::planned_stop}));
  now += 400ms;
  EXPECT_EQ(feed(Tick{}), Actions{});
  EXPECT_EQ(hear(50, "10.0.0.1"), Actions{});
  EXPECT_EQ(moved, (Transition{State::yielding, State::init, Reason::yielded}));
  EXPECT_EQ(run_until(now + 20ms), Actions{kRemove});
  EXPECT_FALSE(next_due(m));
}

TEST_F(MachineTest, APlannedStopEndsWhenNobodyComes) {
  make_active();
  feed(Stop{});
  const Time told = now;
  EXPECT_EQ(run_until(told + 2s), Actions{kRemove});
  EXPECT_EQ(moved, (Transition{State::yielding, State::init, Reason::nobody_came}));
}

TEST_F(MachineTest, TheWaitForASuccessorCoversTheSlowestSkew) {
  make_active();
  feed(Stop{});
  EXPECT_GE(*m.due, now + 2 * skew_time(1, 100));
}

TEST_F(MachineTest, AnotherNodeThatStopsTooIsNoSuccessor) {
  make_active();
  feed(Stop{});
  EXPECT_EQ(hear(0), Actions{});
  EXPECT_EQ(m.state, State::yielding);
}

TEST_F(MachineTest, AYieldingNodeDoesNotAdvertise) {
  make_active();
  feed(Stop{});
  EXPECT_EQ(run_until(now + 1900ms), Actions{});
  EXPECT_EQ(feed(SetPriority{5}), Actions{});
}

// Sudden ends

TEST_F(MachineTest, AnAbortSaysZeroThreeTimesAndDropsTheAddress) {
  make_active();
  EXPECT_EQ(feed(Abort{}), (Actions{advert(0), advert(0), advert(0), kRemove}));
  EXPECT_EQ(moved, (Transition{State::active, State::init, Reason::aborted}));
}

TEST_F(MachineTest, AnAbortWhileYieldingDropsTheAddress) {
  make_active();
  feed(Stop{});
  EXPECT_EQ(feed(Abort{}), (Actions{advert(0), advert(0), advert(0), kRemove}));
  EXPECT_EQ(m.state, State::init);
}

TEST_F(MachineTest, AnAbortedBackupSaysNothing) {
  feed(Start{});
  EXPECT_EQ(feed(Abort{}), Actions{});
  EXPECT_EQ(m.state, State::init);
}

TEST_F(MachineTest, ALinkThatGoesDownEndsActiveAndStartsAfresh) {
  make_active();
  EXPECT_EQ(feed(LinkDown{}), Actions{kRemove});
  EXPECT_EQ(moved, (Transition{State::active, State::init, Reason::link_down}));
  EXPECT_FALSE(next_due(m));
  EXPECT_EQ(feed(Start{}), Actions{});
  EXPECT_EQ(m.state, State::backup);
}

// Two and three machines on one wire

struct Wire {
  struct Node {
    Rules rules;
    Machine m;
    bool holds = false;
    bool deaf = false;
  };
  std::vector<Node> nodes;
  Time now = Time(1000s);
  int takeovers = 0;

  void add(std::string_view self, std::uint8_t priority, bool preempt = true) {
    Node node{{ip(self), priority, 10, preempt}, {}, false, false};
    node.m.priority = priority;
    nodes.push_back(node);
  }
  void feed(std::size_t i, const Event& event) {
    auto out = step(nodes[i].rules, nodes[i].m, event, now);
    if (out.transition && out.transition->to == State::active) ++takeovers;
    for (const auto& action : out.actions) {
      if (action.what == Do::add_address) nodes[i].holds = true;
      if (action.what == Do::remove_address) nodes[i].holds = false;
      if (action.what != Do::send_advert || nodes[i].deaf) continue;
      for (std::size_t j = 0; j < nodes.size(); ++j) {
        if (j != i && !nodes[j].deaf) feed(j, Heard{action.priority, nodes[i].rules.interval, nodes[i].rules.self});
      }
    }
  }
  void run(Duration time) {
    const Time until = now + time;
    for (;;) {
      std::size_t first = nodes.size();
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto due = next_due(nodes[i].m);
        if (due && (first == nodes.size() || *due < *next_due(nodes[first].m))) first = i;
      }
      if (first == nodes.size() || *next_due(nodes[first].m) > until) break;
      now = std::max(now, *next_due(nodes[first].m));
      feed(first, Tick{});
    }
    now = until;
  }
  int holders() const {
    int n = 0;
    for (const auto& node : nodes) n += node.holds;
    return n;
  }
};

TEST(Wire, OfThreeNodesTheHighestHoldsTheAddressAlone) {
  Wire wire;
  wire.add("10.0.0.1", 100);
  wire.add("10.0.0.2", 150);
  wire.add("10.0.0.3", 120);
  for (std::size_t i = 0; i < 3; ++i) wire.feed(i, Start{});
  wire.run(2s);
  EXPECT_EQ(wire.holders(), 1);
  EXPECT_TRUE(wire.nodes[1].holds);
}

TEST(Wire, APlannedStopNeverLeavesTheAddressWithoutAHolder) {
  Wire wire;
  wire.add("10.0.0.1", 150);
  wire.add("10.0.0.2", 100);
  for (std::size_t i = 0; i < 2; ++i) wire.feed(i, Start{});
  wire.run(2s);
  ASSERT_TRUE(wire.nodes[0].holds);
  wire.feed(0, Stop{});
  for (int ms = 0; ms < 500; ++ms) {
    wire.run(1ms);
    ASSERT_GE(wire.holders(), 1) << ms;
  }
  EXPECT_TRUE(wire.nodes[1].holds);
  EXPECT_EQ(wire.nodes[0].m.state, State::init);
}

TEST(Wire, AHealedPartitionLeavesOneHolder) {
  Wire wire;
  wire.add("10.0.0.1", 100);
  wire.add("10.0.0.2", 100);
  for (std::size_t i = 0; i < 2; ++i) wire.feed(i, Start{});
  wire.nodes[0].deaf = true;
  wire.run(2s);
  EXPECT_EQ(wire.holders(), 2);
  wire.nodes[0].deaf = false;
  wire.run(200ms);
  EXPECT_EQ(wire.holders(), 1);
  EXPECT_TRUE(wire.nodes[1].holds);  // the greater address
}

TEST(Wire, AFailingServiceMovesTheAddressWithinSkewAndItStays) {
  Wire wire;
  wire.add("10.0.0.1", 150);
  wire.add("10.0.0.2", 100);
  for (std::size_t i = 0; i < 2; ++i) wire.feed(i, Start{});
  wire.run(2s);
  wire.takeovers = 0;
  wire.feed(0, SetPriority{1});
  wire.run(skew_time(100, 10) + 25ms);
  EXPECT_TRUE(wire.nodes[1].holds);
  EXPECT_FALSE(wire.nodes[0].holds);
  wire.run(60s);
  EXPECT_EQ(wire.takeovers, 1);
}

TEST(Wire, WhenAllServeEquallyBadlyNobodyMoves) {
  Wire wire;
  wire.add("10.0.0.1", 150);
  wire.add("10.0.0.2", 100);
  for (std::size_t i = 0; i < 2; ++i) wire.feed(i, Start{});
  wire.run(2s);
  wire.takeovers = 0;
  wire.feed(1, SetPriority{1});
  wire.feed(0, SetPriority{1});
  wire.run(60s);
  EXPECT_EQ(wire.takeovers, 0);
  EXPECT_TRUE(wire.nodes[0].holds);
}

TEST(Names, EveryStateAndReasonHasOne) {
  for (int i = 0; i <= static_cast<int>(State::yielding); ++i) EXPECT_NE(name_of(static_cast<State>(i)), "unknown");
  for (int i = 0; i <= static_cast<int>(Reason::aborted); ++i) EXPECT_NE(name_of(static_cast<Reason>(i)), "unknown");
  EXPECT_EQ(name_of(static_cast<State>(99)), "unknown");
  EXPECT_EQ(name_of(static_cast<Reason>(99)), "unknown");
}

}  // namespace
}  // namespace genkan::vip
