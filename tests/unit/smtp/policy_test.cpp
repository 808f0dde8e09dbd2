#include <gtest/gtest.h>

#include "smtp/policy/address_rates.hpp"
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
    bool away = false;
    return *(*list)->ask("192.0.2.0 a@b c@d", now, kRules, nullptr, &away);
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

TEST(GreylistStore, NodesShareWhatTheySawAndGoByTheirOwnWhileTheMemoryIsAway) {
  testing_support::TempDir dir;
  auto one = *Greylist::open(dir.path() + "/one.db");
  auto two = *Greylist::open(dir.path() + "/two.db");
  std::map<std::string, std::string> memory;
  bool up = true;
  SharedMemory shared;
  shared.recall = [&](const std::string& key) -> Result<std::string> {
    if (!up) return Errc::unavailable;
    const auto found = memory.find(key);
    return found == memory.end() ? Result<std::string>(make_error_code(Errc::not_found))
                                 : Result<std::string>(found->second);
  };
  shared.remember = [&](const std::string& key, const std::string& value, std::int64_t seconds) -> Result<void> {
    EXPECT_LE(key.size(), 250u);
    EXPECT_EQ(seconds, value.ends_with("1") ? kRules.lifetime_s : kRules.window_s);
    if (!up) return Errc::unavailable;
    memory[key] = value;
    return {};
  };
  bool away = false;
  const std::string key = "192.0.2.0 a@b " + std::string(300, 'c') + "@d";
  const auto passes = [&](Greylist& node, std::int64_t now) {
    return node.ask(key, now, kRules, &shared, &away)->pass;
  };
  EXPECT_FALSE(passes(*one, 1000));
  EXPECT_TRUE(passes(*two, 1300)) << "the other node saw it first";
  EXPECT_TRUE(passes(*one, 1301));
  up = false;
  EXPECT_TRUE(passes(*two, 1302)) << "what it learnt is its own";
  EXPECT_TRUE(away);
  memory.clear();
  up = true;
  EXPECT_TRUE(passes(*one, 1303)) << "a memory that was emptied forgets nothing that a node knows";
  EXPECT_FALSE(away);
  EXPECT_EQ(memory.size(), 1u);
  memory.begin()->second = "rubbish";
  EXPECT_TRUE(passes(*one, 1304));
}

TEST(GreylistStore, ARowIsReadBackAndRubbishIsNothing) {
  GreylistRow row;
  row.first = 1000;
  row.last = 2000;
  row.passed = true;
  EXPECT_EQ(greylist_text(row), "1000 2000 1");
  EXPECT_TRUE(read_greylist_text("1000 2000 1")->passed);
  for (const auto* text :
       {"", "1 2", "1 2 3", "a 2 1", "1 2 1 1", "-1 2 1", "99999999999999999999 2 1", "9999999999999 2 1"})
    EXPECT_FALSE(read_greylist_text(text)) << text;
}

TEST(AddressRates, EachAddressHasItsOwnLimitAndTheOldestIsForgotten) {
  AddressRates rates(2);
  Time now{100s};
  EXPECT_TRUE(rates.take("a@x", 2, now));
  EXPECT_TRUE(rates.take("a@x", 2, now));
  EXPECT_FALSE(rates.take("a@x", 2, now));
  EXPECT_TRUE(rates.take("b@x", 2, now));
  EXPECT_TRUE(rates.take("a@x", 2, now + 30s)) << "two a minute flow back";
  EXPECT_FALSE(rates.take("a@x", 2, now + 30s));
  EXPECT_TRUE(rates.take("a@x", 0, now + 30s)) << "no limit";
  EXPECT_TRUE(rates.take("c@x", 2, now + 30s));
  EXPECT_EQ(rates.size(), 2u);
  EXPECT_TRUE(rates.take("b@x", 2, now + 30s)) << "forgotten, as good as new";
}

TEST(AddressRates, ASenderIsOneWhateverTheTagAndAUserWhateverTheAddress) {
  EXPECT_EQ(sender_key("", "Ann+list@Example.org"), "ann@example.org");
  EXPECT_EQ(sender_key("Ann@Example.org", "other@example.org"), "user ann@example.org");
  EXPECT_EQ(sender_key("", ""), "");
  EXPECT_EQ(recipient_key("+x@Example.org"), "+x@example.org");
}

}  // namespace
}  // namespace genkan::smtp
