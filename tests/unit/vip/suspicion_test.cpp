#include "vip/suspicion.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "vip/link.hpp"
#include "vip/machine.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;
using base::IpAddress;
using Verdict = Suspicion::Verdict;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

class SuspicionTest : public ::testing::Test {
 protected:
  Suspicion s;
  Time now = Time(1000s);
  const IpAddress peer = ip("10.0.0.9");

  Verdict hear() { return s.heard(peer, 100ms, now); }
  // Asked once and answered, one more advert heard: ready to suspect.
  void know_the_peer() {
    ASSERT_EQ(hear(), Verdict::ask);
    s.answered(peer);
    now += 100ms;
    ASSERT_EQ(hear(), Verdict::nothing);
    ASSERT_TRUE(s.due());
  }
  Verdict tick() {
    now = *s.due();
    return s.tick(now);
  }
};

TEST_F(SuspicionTest, AsksThreeTimesAndThenKnows) {
  know_the_peer();
  const Time heard = now;
  EXPECT_EQ(s.tick(heard + 110ms), Verdict::nothing);
  EXPECT_EQ(tick(), Verdict::ask);
  EXPECT_EQ(tick(), Verdict::ask);
  EXPECT_EQ(tick(), Verdict::ask);
  EXPECT_EQ(tick(), Verdict::unreachable);
  EXPECT_LE(now - heard, 145ms);
  EXPECT_FALSE(s.due());
}

TEST_F(SuspicionTest, TheFirstAnswerIsEnoughToExpectTheNextAdvert) {
  hear();
  EXPECT_FALSE(s.due());
  s.answered(peer);
  EXPECT_EQ(*s.due(), now + 112'500us);
}

TEST_F(SuspicionTest, AnAnswerEndsIt) {
  know_the_peer();
  tick();
  EXPECT_TRUE(s.answered(peer));
  EXPECT_FALSE(s.due());
}

TEST_F(SuspicionTest, AnAdvertEndsIt) {
  know_the_peer();
  tick();
  hear();
  EXPECT_EQ(*s.due(), now + 112'500us);
  EXPECT_EQ(tick(), Verdict::ask);  // from the beginning
}

TEST_F(SuspicionTest, SomeoneElsesAnswerSaysNothing) {
  know_the_peer();
  tick();
  EXPECT_FALSE(s.answered(ip("10.0.0.8")));
  EXPECT_TRUE(s.due());
}

TEST_F(SuspicionTest, APeerThatNeverAnsweredIsNeverSuspected) {
  for (int i = 0; i < 1000; ++i) {
    hear();
    ASSERT_FALSE(s.due());
    now += 100ms;
  }
}

TEST_F(SuspicionTest, APeerThatStopsAnsweringWhileItAdvertisesIsNoLongerSuspected) {
  know_the_peer();
  for (int i = 0; i < 400; ++i) {
    now += 100ms;
    hear();
  }
  EXPECT_FALSE(s.answers());
  EXPECT_FALSE(s.due());
}

TEST_F(SuspicionTest, ChecksTakeOneQuestionInTenSeconds) {
  know_the_peer();
  int asked = 0;
  for (int i = 0; i < 600; ++i) {
    now += 100ms;
    if (hear() == Verdict::ask) {
      ++asked;
      s.answered(peer);
    }
  }
  EXPECT_EQ(asked, 6);
  EXPECT_TRUE(s.answers());
}

TEST_F(SuspicionTest, AnotherPeerStartsAfresh) {
  know_the_peer();
  EXPECT_EQ(s.heard(ip("10.0.0.8"), 100ms, now), Verdict::ask);
  EXPECT_FALSE(s.answers());
}

TEST_F(SuspicionTest, VeryShortIntervalsNeedNone) {
  EXPECT_EQ(s.heard(peer, 10ms, now), Verdict::nothing);
  EXPECT_FALSE(s.due());
}

// In the machine

class SuspiciousMachine : public ::testing::Test {
 protected:
  Rules rules{ip("10.0.0.5"), 100, 10, true, true};
  Machine m;
  Time now = Time(1000s);
  int asked = 0;
  std::optional<Transition> moved;

  void feed(const Event& event) {
    auto out = step(rules, m, event, now);
    if (out.transition) moved = out.transition;
    for (const auto& action : out.actions) asked += action.what == Do::ask;
  }
  void hear(std::uint8_t priority = 150) { feed(Heard{priority, 10, ip("10.0.0.9")}); }
  void run_to(Time until) {
    while (next_due(m) && *next_due(m) <= until) {
      now = *next_due(m);
      feed(Tick{});
    }
    now = until;
  }
  void SetUp() override {
    m.priority = 100;
    feed(Start{});
    hear();
    feed(Answered{ip("10.0.0.9")});
    now += 100ms;
    hear();
    asked = 0;
  }
};

TEST_F(SuspiciousMachine, TakesOverSoonWhenTheMachineIsGone) {
  const Time heard = now;
  run_to(heard + 143ms + skew_time(100, 10));
  EXPECT_EQ(m.state, State::active);
  EXPECT_EQ(moved->reason, Reason::active_unreachable);
  EXPECT_EQ(asked, 3);
}

TEST_F(SuspiciousMachine, WaitsTheFullTimeWhenTheMachineAnswers) {
  const Time heard = now;
  run_to(heard + 115ms);
  feed(Answered{ip("10.0.0.9")});
  run_to(heard + active_down_interval(100, 10) - 1ms);
  EXPECT_EQ(m.state, State::backup);
  run_to(heard + active_down_interval(100, 10));
  EXPECT_EQ(moved->reason, Reason::active_silent);
}

TEST_F(SuspiciousMachine, AnAnswerDuringTheLastWaitTurnsItBack) {
  const Time heard = now;
  run_to(heard + 150ms);
  ASSERT_EQ(m.expectation, Reason::active_unreachable);
  feed(Answered{ip("10.0.0.9")});
  EXPECT_EQ(m.state, State::backup);
  EXPECT_EQ(*m.due, heard + active_down_interval(100, 10));
}

TEST_F(SuspiciousMachine, AnAdvertDuringTheLastWaitTurnsItBack) {
  run_to(now + 150ms);
  ASSERT_EQ(m.expectation, Reason::active_unreachable);
  hear();
  EXPECT_EQ(*m.due, now + active_down_interval(100, 10));
  EXPECT_EQ(m.expectation, Reason::active_silent);
}

TEST_F(SuspiciousMachine, PriorityZeroNeedsNoQuestions) {
  hear(0);
  run_to(now + 1s);
  EXPECT_EQ(moved->reason, Reason::active_stopped);
  EXPECT_EQ(asked, 0);
}

TEST_F(SuspiciousMachine, CanBeSwitchedOff) {
  m = {};
  m.priority = 100;
  rules.probe = false;
  feed(Start{});
  hear();
  feed(Answered{ip("10.0.0.9")});
  const Time heard = now;
  run_to(heard + active_down_interval(100, 10) - 1ns);
  EXPECT_EQ(m.state, State::backup);
  EXPECT_EQ(asked, 0);
}

// ARP replies

std::vector<std::uint8_t> reply() {
  return {0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 2, 0, 0, 0, 0, 5, 10, 0, 0, 5};
}

TEST(Arp, TheSenderOfAReplyIsRead) { EXPECT_EQ(read_arp_reply(reply(), ip("10.0.0.5")), ip("10.0.0.9")); }

TEST(Arp, PaddingIsIgnored) {
  auto packet = reply();
  packet.resize(46);
  EXPECT_TRUE(read_arp_reply(packet, ip("10.0.0.5")));
}

TEST(Arp, WhatIsNoReplyToUsIsIgnored) {
  const auto self = ip("10.0.0.5");
  const auto whole = reply();
  for (std::size_t n = 0; n < 28; ++n) EXPECT_FALSE(read_arp_reply(std::span(whole).first(n), self)) << n;
  for (const std::size_t at : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 24u, 25u, 26u, 27u}) {
    auto packet = reply();
    packet[at] ^= 4;
    EXPECT_FALSE(read_arp_reply(packet, self)) << at;
  }
}

}  // namespace
}  // namespace genkan::vip
