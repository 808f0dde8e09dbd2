#include <gtest/gtest.h>

#include "base/text.hpp"
#include "smtp/delivery/report.hpp"
#include "smtp/delivery/report_signing.hpp"
#include "smtp/delivery/settle.hpp"
#include "smtp/relay.hpp"
#include "smtp/route.hpp"
#include "smtp/trace.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

conf::Smtp example() {
  conf::Smtp conf;
  conf::SmtpRoute local, wild, relay;
  local.domains = {"Home.example", "other.example"};
  local.local = true;
  wild.domains = {"*.corp.example"};
  wild.relay = "wild";
  relay.domains = {"mail.corp.example", "next.example"};
  relay.relay = "next";
  conf.routes = {local, wild, relay};
  return conf;
}

TEST(Router, TheFirstRowThatMatchesDecides) {
  const Router router(example());
  EXPECT_EQ(router.route("u@home.EXAMPLE", false).kind, Route::Kind::local);
  EXPECT_EQ(router.route("u@next.example", false).destination, "relay:next");
  EXPECT_EQ(router.route("u@mail.corp.example", false).destination, "relay:wild");
  EXPECT_EQ(router.route("u@corp.example", false).kind, Route::Kind::refuse);
  EXPECT_EQ(router.route("postmaster", false).kind, Route::Kind::local);
  EXPECT_EQ(router.first_local_domain(), "home.example");
}

TEST(Router, OthersAreRelayedForTrustedClientsOnly) {
  auto conf = example();
  conf.relay_for_others = "out";
  const Router router(conf);
  EXPECT_EQ(router.route("u@elsewhere.example", false).kind, Route::Kind::refuse);
  EXPECT_EQ(router.route("u@elsewhere.example", true).destination, "relay:out");
  EXPECT_EQ(router.route("u@[192.0.2.1]", false).kind, Route::Kind::refuse);
}

std::vector<MemberState> three() {
  std::vector<MemberState> members(3);
  members[0].preference = 20;
  members[1].preference = 10;
  members[2].preference = 10;
  return members;
}

void announce(MemberState& member, double load_of_one_processor, std::uint32_t queue = 0) {
  member.figures.known = true;
  member.figures.load_milli = static_cast<std::uint32_t>(load_of_one_processor * 1000);
  member.figures.queue = queue;
}

std::optional<std::size_t> choose(const std::vector<MemberState>& members, Time now, const std::vector<bool>& skip = {},
                                  const ChoiceRules& rules = {}) {
  ChoiceTurn turn;
  return choose_member(members, rules, turn, now, skip);
}

TEST(Relay, TheBestPreferenceThatLivesIsTakenAndWithinItTheLeastBusy) {
  auto members = three();
  const Time now{};
  members[1].in_flight = 2;
  EXPECT_EQ(choose(members, now), 2u);
  announce(members[2], 0.9);
  EXPECT_EQ(choose(members, now), 1u);
  members[2].figures.ncpu = 8;
  EXPECT_EQ(choose(members, now), 2u) << "a load of 0.9 is little for eight processors";
  members[1].down_until = members[2].down_until = now + 1s;
  EXPECT_EQ(choose(members, now), 0u);
  EXPECT_EQ(choose(members, now, {true, false, false}), std::nullopt);
  EXPECT_EQ(choose(members, now + 1s, {true, true, false}), 2u);
}

TEST(Relay, OverLoadedMembersArePassedOverWhileAnybodyElseIsLeft) {
  auto members = three();
  ChoiceRules rules;
  rules.max_load = 150;
  rules.max_queue = 1000;
  announce(members[1], 1.6);
  EXPECT_EQ(choose(members, {}, {}, rules), 2u);
  announce(members[2], 0, 1001);
  EXPECT_EQ(choose(members, {}, {}, rules), 0u) << "rather the next preference than one of them";
  EXPECT_EQ(choose(members, {}, {true, false, false}, rules), 2u) << "rather one of them than nobody";
  members[1].figures.known = false;
  EXPECT_EQ(choose(members, {}, {}, rules), 1u) << "who is not heard is not known to be over-loaded";
}

TEST(Relay, SchedulersOfPoolsChooseWithinAPreference) {
  auto members = three();
  conf::SmtpRelay relay;
  ChoiceTurn turn;
  const auto next = [&] { return *choose_member(members, ChoiceRules::of(relay, 5s), turn, {}, {}); };
  relay.scheduler = "round_robin";
  const auto first = next();
  EXPECT_EQ(first + next(), 3u) << "in turn, and never the one of a worse preference";
  EXPECT_EQ(next(), first);
  relay.scheduler = "least_connections";
  members[1].in_flight = 1;
  announce(members[2], 9);
  EXPECT_EQ(next(), 2u);
  relay.scheduler = "two_choices";
  EXPECT_EQ(next(), 1u);
  relay.scheduler = "random";
  std::set<std::size_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(next());
  EXPECT_EQ(seen, (std::set<std::size_t>{1, 2}));
}

TEST(Relay, ACandidacyChainReadsTheQueueThatNodesAnnounce) {
  auto members = three();
  conf::SmtpRelay relay;
  relay.scheduler = "chain";
  relay.chain = {"byAge 5s", "byQueue"};
  const auto rules = ChoiceRules::of(relay, 5s);
  announce(members[1], 0, 30);
  announce(members[2], 0, 20);
  EXPECT_EQ(choose(members, {}, {}, rules), 2u);
  members[2].sent = 11;
  EXPECT_EQ(choose(members, {}, {}, rules), 1u) << "what we sent since it announced counts";
  EXPECT_EQ(choose(members, Time{} + 6s, {}, rules), 1u) << "nobody is fresh: the least connected";
}

TEST(Relay, AMemberThatFailsIsLeftAloneForLongerEachTime) {
  MemberState member;
  Time now{};
  Duration last{};
  for (int i = 0; i < 12; ++i) {
    now = member.down_until;
    member_failed(member, now, 0.5);
    EXPECT_GE(member.down_until - now, last);
    last = member.down_until - now;
    member_failed(member, now, 0.5);  // another connection, begun together with the first
    EXPECT_EQ(member.failures, static_cast<std::uint32_t>(i + 1));
  }
  EXPECT_EQ(last, 60s);
  std::vector<MemberState> one{member};
  EXPECT_EQ(next_alive(one, now), now + 60s);
  member_worked(member);
  EXPECT_EQ(member.failures, 0u);
  EXPECT_EQ(member.down_until, Time{});
}

TEST(Relay, RetriesDoubleUpToTheLimitAndAreSpread) {
  EXPECT_EQ(retry_after(1, 60s, 3600s, 0.5), 60s);
  EXPECT_EQ(retry_after(3, 60s, 3600s, 0.5), 240s);
  EXPECT_EQ(retry_after(30, 60s, 3600s, 0.5), 3600s);
  EXPECT_LT(retry_after(5, 60s, 3600s, 0.0), retry_after(5, 60s, 3600s, 0.99));
}

LoadedItem loaded(int recipients) {
  LoadedItem item;
  auto message = std::make_shared<StoredMessage>(*testing_support::make_message(1, "Subject: x\r\n\r\ntext\r\n"));
  auto& meta = message->meta.items[0];
  meta.recipients.resize(static_cast<std::size_t>(recipients));
  for (int i = 0; i < recipients; ++i)
    meta.recipients[static_cast<std::size_t>(i)].address = "r" + std::to_string(i) + "@x.example";
  item.message = message;
  item.state.id = 1;
  item.state.recipients.resize(meta.recipients.size());
  return item;
}

Outcome outcome(Outcome::Kind kind, std::string reply) {
  Outcome one;
  one.kind = kind;
  one.reply = std::move(reply);
  return one;
}

TEST(Settle, KeepsThePendingAndNamesTheOthers) {
  const auto item = loaded(3);
  const auto now = item.message->meta.arrival_ms + 1000;
  const auto result = settle(item, {0, 1, 2},
                             {outcome(Outcome::Kind::delivered, "250 ok"), outcome(Outcome::Kind::failed, "550 no"),
                              outcome(Outcome::Kind::deferred, "451 later")},
                             RetryRules(), now, 0.5);
  EXPECT_FALSE(result.finished);
  EXPECT_EQ(result.delivered, std::vector<std::size_t>{0});
  EXPECT_EQ(result.failed, std::vector<std::size_t>{1});
  EXPECT_EQ(result.state.attempts, 1u);
  EXPECT_EQ(result.state.next_ms, now + 60'000);
  auto next = item;
  next.state = result.state;
  EXPECT_EQ(pending(next), std::vector<std::size_t>{2});
}

TEST(Settle, AfterTheExpiryADeferralIsAFailure) {
  const auto item = loaded(1);
  RetryRules rules;
  const auto late = item.message->meta.arrival_ms + 1000ll * 3600 * 121;
  const auto result = settle(item, {0}, {outcome(Outcome::Kind::deferred, "451 later")}, rules, late, 0.5);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(expire(item).failed.size(), 1u);
}

TEST(Settle, ReportsGoToWhoWantsThemAndNeverToTheNullSender) {
  Envelope envelope;
  Recipient recipient;
  EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::failed));
  envelope.sender = "s@x.example";
  EXPECT_TRUE(wants_report(envelope, recipient, ReportKind::failed));
  EXPECT_TRUE(wants_report(envelope, recipient, ReportKind::delayed));
  EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::delivered));
  recipient.notify = kNotifySuccess;
  EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::failed));
  EXPECT_TRUE(wants_report(envelope, recipient, ReportKind::delivered));
  recipient.notify = kNotifyNever;
  EXPECT_FALSE(wants_report(envelope, recipient, ReportKind::failed));
}

ReportInput report_input(const Envelope& envelope) {
  ReportInput input;
  input.hostname = "mx.example";
  input.token = "tok";
  input.message_id = "abc";
  input.envelope = &envelope;
  ReportRecipient row;
  row.recipient.address = "r@x.example";
  row.recipient.orcpt = "rfc822;o+2Br@x.example";
  row.reply = "550 5.1.1 no such\r\nuser";
  input.recipients.push_back(row);
  input.content = "Subject: hello\r\n\r\nbody line\r\n";
  return input;
}

TEST(Report, IsAMultipartReportWithTheStatusOfEachRecipient) {
  Envelope envelope;
  envelope.sender = "s@client.example";
  envelope.envid = "e+201";
  const auto text = build_report(report_input(envelope));
  for (const auto* part :
       {"To: <s@client.example>\r\n", "Content-Type: multipart/report; report-type=delivery-status;",
        "Auto-Submitted: auto-replied", "Reporting-MTA: dns; mx.example\r\n", "Original-Envelope-Id: e 1\r\n",
        "Original-Recipient: rfc822; o+r@x.example\r\n", "Final-Recipient: rfc822; r@x.example\r\n",
        "Action: failed\r\n", "Status: 5.1.1\r\n", "Diagnostic-Code: smtp; 550 5.1.1 no such  user\r\n",
        "Content-Type: message/rfc822\r\n", "body line\r\n", "\r\n--genkan-tok--\r\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
    EXPECT_EQ(text[at - 1], '\r');
}

TEST(Report, ABoundaryStandsNowhereInWhatIsReturned) {
  Envelope envelope;
  envelope.sender = "s@client.example";
  auto input = report_input(envelope);
  input.content = "Subject: x\r\n\r\n--genkan-tok--\r\ngenkan-tok-0\r\n";
  EXPECT_NE(build_report(input).find("boundary=\"genkan-tok-1\""), std::string::npos);
}

TEST(Report, HoldsNoLineThatMailMayNotHave) {
  Envelope envelope;
  envelope.sender = "s@client.example";
  auto input = report_input(envelope);
  const std::string content = "Subject: " + std::string(2000, 'x') + "\r\n\r\nbody " + std::string(2000, 'y') + "\r\n";
  input.content = content;
  input.recipients[0].reply = "550 5.1.1 " + std::string(3000, 'z') + "\r\nX: y";
  const auto text = build_report(input);
  EXPECT_NE(text.find("text/rfc822-headers"), std::string::npos) << "it can not be returned whole";
  EXPECT_EQ(text.find("\r\nX: y"), std::string::npos);
  for (const auto line : base::split(text, '\n')) EXPECT_LE(line.size(), 999u);
}

TEST(Report, TheStatusIsAsciiUnlessTheMessageWasSmtputf8) {
  Envelope envelope;
  envelope.sender = "s@client.example";
  auto input = report_input(envelope);
  input.recipients[0].recipient.address = "\xc3\xa9@x.example";
  input.recipients[0].recipient.orcpt = "utf-8;\xc3\xa9@x.example";
  input.recipients[0].reply = "550 \xff \xe6\x97\xa5";
  auto text = build_report(input);
  EXPECT_NE(text.find("Final-Recipient: utf-8; \\x{E9}@x.example\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Original-Recipient: utf-8; \\x{E9}@x.example\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Diagnostic-Code: smtp; 550 ? \\x{65E5}\r\n"), std::string::npos) << text;
  envelope.utf8 = true;
  text = build_report(input);
  EXPECT_NE(text.find("Final-Recipient: utf-8; \xc3\xa9@x.example\r\n"), std::string::npos) << text;
}

TEST(Report, ReturnsOnlyTheHeaderWhenAskedToOrWhenMailIsOnlyLate) {
  Envelope envelope;
  envelope.sender = "s@client.example";
  envelope.ret = Ret::headers;
  auto input = report_input(envelope);
  auto text = build_report(input);
  EXPECT_NE(text.find("text/rfc822-headers"), std::string::npos);
  EXPECT_EQ(text.find("body line"), std::string::npos);
  envelope.ret = Ret::unset;
  input.kind = ReportKind::delayed;
  input.recipients[0].reply = "451 4.7.1 greylisted";
  text = build_report(input);
  EXPECT_NE(text.find("Action: delayed\r\nStatus: 4.7.1\r\n"), std::string::npos);
  EXPECT_NE(text.find("Will-Retry-Until: "), std::string::npos);
  EXPECT_EQ(text.find("body line"), std::string::npos);
}

TEST(Report, AStatusIsTakenFromTheReplyOnlyWhenItFits) {
  EXPECT_EQ(status_of_reply("550 5.7.1 no", ReportKind::failed), "5.7.1");
  EXPECT_EQ(status_of_reply("550 no", ReportKind::failed), "5.0.0");
  EXPECT_EQ(status_of_reply("451 4.7.1 later", ReportKind::failed), "5.4.7");
  EXPECT_EQ(status_of_reply("connection refused", ReportKind::delayed), "4.0.0");
  EXPECT_EQ(decode_xtext("a+0D+0Ab"), "a??b");
}

TEST(Report, TheNearestDomainsKeysSignIt) {
  std::vector<DkimKey> keys(4);
  keys[0].domain = "example";
  keys[1].domain = "Corp.example";
  keys[2].domain = "corp.example";
  keys[3].domain = "orp.example";
  const auto domains = [&](std::string_view hostname) {
    std::string out;
    for (const auto* key : report_keys(keys, hostname)) out += key->domain + " ";
    return out;
  };
  EXPECT_EQ(domains("mx.corp.example"), "Corp.example corp.example ");
  EXPECT_EQ(domains("corp.example"), "Corp.example corp.example ");
  EXPECT_EQ(domains("mx.other.example"), "example ");
  EXPECT_EQ(domains("mx.example.org"), "");
}

TEST(Trace, NamesTheOnlyRecipientAndNoOther) {
  TraceInput input;
  input.helo = "client.example";
  input.ip = "2001:db8::1";
  input.hostname = "mx.example";
  input.protocol = "ESMTP";
  input.id = "abc";
  input.only_recipient = "u@good.example";
  std::string out;
  put_received(input, out);
  EXPECT_EQ(out.find("Received: from client.example ([IPv6:2001:db8::1])\r\n\tby mx.example with ESMTP id abc\r\n\tfor "
                     "<u@good.example>;\r\n\t"),
            0u);
  EXPECT_EQ(out.substr(out.size() - 2), "\r\n");
}

}  // namespace
}  // namespace genkan::smtp
