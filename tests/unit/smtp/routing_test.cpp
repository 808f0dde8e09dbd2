#include <gtest/gtest.h>

#include "smtp/alias.hpp"
#include "smtp/command.hpp"
#include "smtp/mx.hpp"
#include "smtp/route.hpp"

namespace genkan::smtp {
namespace {

using Records = net::DnsAnswer<net::MxRecord>;

Records records(std::vector<std::pair<int, std::string>> rows) {
  Records out;
  for (auto& [preference, host] : rows) {
    net::MxRecord record;
    record.preference = static_cast<std::uint16_t>(preference);
    record.host = host;
    out.records.push_back(record);
  }
  return out;
}

TEST(Mx, WithoutARecordTheDomainIsItsOwnHost) {
  for (const Result<Records>& answer :
       {Result<Records>(Records()), Result<Records>(make_error_code(Errc::not_found))}) {
    const auto plan = plan_mx("a.example", answer, "mx.example");
    ASSERT_EQ(plan.kind, MxPlan::Kind::hosts);
    ASSERT_EQ(plan.hosts.size(), 1u);
    EXPECT_EQ(plan.hosts[0].host, "a.example");
  }
}

TEST(Mx, ANullRecordMeansNever) {
  const auto plan = plan_mx("a.example", records({{0, ""}}), "mx.example");
  EXPECT_EQ(plan.kind, MxPlan::Kind::never);
  EXPECT_EQ(plan.reply.substr(0, 10), "556 5.1.10");
}

TEST(Mx, NoAnswerMeansLater) {
  EXPECT_EQ(plan_mx("a.example", make_error_code(Errc::timed_out), "mx.example").kind, MxPlan::Kind::later);
  EXPECT_EQ(plan_mx("a.example", make_error_code(Errc::unavailable), "mx.example").kind, MxPlan::Kind::later);
}

TEST(Mx, HostsNotBetterThanOurselvesAreLeftOut) {
  const auto answer = records({{20, "MX.Example."}, {30, "c"}, {20, "d"}, {10, "a"}});
  const auto plan = plan_mx("x.example", answer, "mx.example");
  ASSERT_EQ(plan.hosts.size(), 1u);
  EXPECT_EQ(plan.hosts[0].host, "a");
  EXPECT_EQ(plan_mx("x.example", records({{5, "mx.example"}, {6, "a"}}), "mx.example").kind, MxPlan::Kind::never);
}

TEST(Mx, ThousandsOfHostsAreNotTried) {
  std::vector<std::pair<int, std::string>> rows;
  for (int i = 0; i < 1000; ++i) rows.emplace_back(1000 - i, "h" + std::to_string(i));
  const auto plan = plan_mx("x.example", records(rows), "mx.example");
  EXPECT_EQ(plan.hosts.size(), kMaxMxHosts);
  EXPECT_EQ(plan.hosts[0].host, "h999") << "the best of them";
}

conf::Smtp example() {
  conf::Smtp conf;
  conf::SmtpAlias alias;
  alias.address = "Info@a.example";
  alias.to = {"x@a.example"};
  conf.aliases.push_back(alias);
  alias.address = "@a.example";
  alias.to = {"rest@a.example"};
  conf.aliases.push_back(alias);
  conf::SmtpRewrite rewrite;
  rewrite.pattern = "(.*)@old\\.(.*)";
  rewrite.to = "\\1@new.\\2";
  rewrite.side = "recipient";
  conf.rewrites.push_back(rewrite);
  return conf;
}

TEST(Aliases, AreFoundInAnyCaseAndWithATag) {
  const AliasTable table(example());
  EXPECT_NE(table.find("INFO@A.example"), nullptr);
  EXPECT_NE(table.find("info+tag@a.example"), nullptr);
  EXPECT_EQ(table.find("+info@a.example"), nullptr);
  EXPECT_EQ(table.find("other@a.example"), nullptr);
  EXPECT_EQ(table.find("@a.example"), nullptr) << "a catch-all is no address";
  EXPECT_NE(table.catch_all("A.example"), nullptr);
  EXPECT_EQ(table.catch_all("b.example"), nullptr);
}

TEST(Rewriting, FillsInGroupsAndNeverMakesABrokenAddress) {
  auto conf = example();
  const AliasTable table(conf);
  EXPECT_EQ(table.rewritten("u@OLD.example", AliasTable::Side::recipient), "u@new.example");
  EXPECT_EQ(table.rewritten("u@old.example", AliasTable::Side::sender), "u@old.example");
  EXPECT_EQ(table.rewritten("u@old.example.x@y", AliasTable::Side::recipient), "u@old.example.x@y");
  conf.rewrites[0].to = "\\1 \\9";
  EXPECT_EQ(AliasTable(conf).rewritten("u@old.example", AliasTable::Side::recipient), "u@old.example");
}

TEST(Router, AddressesPatternsAndDomainsShareOneOrder) {
  conf::Smtp conf;
  conf::SmtpRoute pattern, address, domain, world;
  pattern.pattern = "list-.*@a\\.example";
  pattern.relay = "lists";
  address.addresses = {"list-x@a.example", "Boss@a.example"};
  address.relay = "boss";
  domain.domains = {"a.example"};
  domain.relay = "rest";
  domain.recipients = {"Ann@a.example"};
  world.domains = {"*"};
  world.mx = true;
  conf.routes = {pattern, address, domain, world};
  const Router router(conf);
  EXPECT_EQ(router.route("list-x@a.example", false).destination, "relay:lists");
  EXPECT_EQ(router.route("BOSS@a.example", false).destination, "relay:boss");
  EXPECT_EQ(router.route("ann+t@a.example", false).destination, "relay:rest");
  EXPECT_TRUE(router.route("ann+t@a.example", false).known);
  EXPECT_FALSE(router.route("ben@a.example", false).known);
  EXPECT_EQ(router.route("u@Else.Where", false).destination, "mx:else.where");
  EXPECT_EQ(router.route("u@Else.Where", false).kind, Route::Kind::mx);
}

TEST(Xtext, GoesThereAndBack) {
  const std::string odd = "a+b=c d\xc3\xa4@x";
  EXPECT_TRUE(valid_xtext(encode_xtext(odd)));
  EXPECT_EQ(decode_xtext(encode_xtext(odd)), odd);
}

}  // namespace
}  // namespace genkan::smtp
