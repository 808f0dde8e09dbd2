#include <gtest/gtest.h>

#include "smtp/policy/dnsbl.hpp"
#include "smtp/policy/greylist.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

base::IpAddress ip(std::string_view text) { return *base::IpAddress::parse(text); }

TEST(Dnsbl, NamesAreBackwards) {
  EXPECT_EQ(dnsbl_name(ip("192.0.2.99"), "bl.example"), "99.2.0.192.bl.example");
  EXPECT_EQ(dnsbl_name(ip("2001:db8::1"), "bl.example"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example");
}

TEST(Dnsbl, OnlyLoopbackAnswersListAndNotTheOnesThatComplain) {
  EXPECT_TRUE(says_listed({ip("127.0.0.2")}));
  EXPECT_FALSE(says_listed({}));
  EXPECT_FALSE(says_listed({ip("192.0.2.1")})) << "a parked domain answers everything";
  EXPECT_FALSE(says_listed({ip("127.255.255.254")}));
  EXPECT_TRUE(says_listed({ip("127.255.255.254"), ip("127.0.0.4")}));
}

constexpr GreylistRules kRules{300, 7200, 86'400};

TEST(GreylistRule, PutsOffOnceAndRemembersWhoCameBack) {
  auto verdict = judge_greylist(std::nullopt, 1000, kRules);
  EXPECT_FALSE(verdict.pass);
  EXPECT_EQ(verdict.wait_s, 300);
  auto early = judge_greylist(verdict.row, 1100, kRules);
  EXPECT_FALSE(early.pass);
  EXPECT_EQ(early.wait_s, 200);
  auto later = judge_greylist(early.row, 1300, kRules);
  EXPECT_TRUE(later.pass);
  EXPECT_TRUE(judge_greylist(later.row, 1301, kRules).pass);
  EXPECT_TRUE(judge_greylist(later.row, 1300 + 86'400, kRules).pass);
  EXPECT_FALSE(judge_greylist(later.row, 1301 + 86'400, kRules).pass) << "forgotten";
}

TEST(GreylistRule, ASecondTryMustComeWithinTheWindow) {
  const auto first = judge_greylist(std::nullopt, 1000, kRules);
  EXPECT_FALSE(judge_greylist(first.row, 1000 + 7201, kRules).pass);
  EXPECT_FALSE(judge_greylist(first.row, 900, kRules).pass) << "a clock that went back begins anew";
}

TEST(GreylistKey, IsTheNetworkAndLeavesOutWhatListsChange) {
  EXPECT_EQ(greylist_key(ip("192.0.2.7"), "Bounce-123-a45+x@L.example", "U@h.example"),
            greylist_key(ip("192.0.2.200"), "bounce-9-a7+y@l.example", "u@H.example"));
  EXPECT_NE(greylist_key(ip("192.0.2.7"), "a@l.example", "u@h.example"),
            greylist_key(ip("192.0.3.7"), "a@l.example", "u@h.example"));
  EXPECT_NE(greylist_key(ip("192.0.2.7"), "", "u@h.example"),
            greylist_key(ip("192.0.2.7"), "a@l.example", "u@h.example"));
}

TEST(GreylistStore, KeepsWhatItSawOverARestart) {
  testing_support::TempDir dir;
  const auto file = dir.path() + "/greylist.db";
  const auto ask = [&](std::int64_t now) {
    auto list = Greylist::open(file);
    EXPECT_TRUE(list);
    return *(*list)->ask("192.0.2.0 a@b c@d", now, kRules);
  };
  EXPECT_FALSE(ask(1000).pass);
  EXPECT_FALSE(ask(1001).pass);
  EXPECT_TRUE(ask(1300).pass);
  EXPECT_FALSE(ask(1300 + 90'000).pass);
}

TEST(GreylistStore, SaysWhenTheFileIsNone) {
  testing_support::TempDir dir;
  EXPECT_FALSE(Greylist::open(dir.path() + "/no/such/folder/greylist.db"));
}

}  // namespace
}  // namespace genkan::smtp
