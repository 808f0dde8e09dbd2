#include "net/resolver.hpp"

#include <gtest/gtest.h>

#include "dns_server.hpp"
#include "loop_rig.hpp"

namespace genkan::net {
namespace {

using test::DnsServer;
using test::Message;
using test::Question;
using test::run;
using Messages = std::vector<Message>;

Message reply(const Question& q, int rcode = 0, bool truncated = false) {
  return Message(q.id, q.name, q.type, rcode, truncated);
}

// No records of types that a test does not care for.
Messages nothing(const Question& q) { return {reply(q)}; }

std::vector<std::string> texts(const std::vector<base::IpAddress>& ips) {
  std::vector<std::string> out;
  for (const auto& ip : ips) out.push_back(ip.text());
  return out;
}

using Texts = std::vector<std::string>;

class ResolverTest : public testing::Test {
 protected:
  Loop loop{1};
  Resolver make(std::vector<std::string> servers, Duration timeout = 5s) { return {loop, std::move(servers), timeout}; }
  Resolver make(const DnsServer& server) { return make(std::vector<std::string>{server.address()}); }
};

Task<void> expect_addresses(Resolver& resolver, std::string name, Texts expected) {
  const auto found = co_await resolver.addresses(name);
  CO_REQUIRE(found);
  EXPECT_EQ(texts(found->records), expected);
}

Task<void> expect_failure(Resolver& resolver, std::string name, Errc expected) {
  const auto found = co_await resolver.addresses(name);
  const Error error = found ? Error() : found.error();
  EXPECT_EQ(error, expected) << name << ": " << error.message();
}

TEST_F(ResolverTest, GivesAddressesOfBothFamiliesIPv4First) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type == 28) return {reply(q).aaaa(q.name, "2001:db8::7")};
    return {reply(q).a(q.name, "192.0.2.2").a(q.name, "192.0.2.1").a(q.name, "192.0.2.2")};
  });
  auto resolver = make(server);
  run(loop, expect_addresses(resolver, "Both.Example", {"192.0.2.2", "192.0.2.1", "2001:db8::7"}));
}

Task<void> expect_half(Resolver& resolver, std::string name, Texts expected, bool whole) {
  const auto found = co_await resolver.addresses(name);
  CO_REQUIRE(found);
  EXPECT_EQ(texts(found->records), expected);
  EXPECT_EQ(found->whole, whole) << name;
  EXPECT_EQ(found->ttl <= std::chrono::seconds(5), !whole) << "half an answer is asked for again soon";
}

TEST_F(ResolverTest, SaysWhenHalfOfAnAnswerIsMissing) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type == 28) return {reply(q).aaaa(q.name, "2001:db8::7")};
    return {reply(q, q.name == "half.example" ? 2 : 0)};  // not answered; answered: there is none
  });
  auto resolver = make(server);
  auto both = [](Resolver& r) -> Task<void> {
    auto half = expect_half(r, "half.example", Texts(1, "2001:db8::7"), false);
    co_await half;
    auto six = expect_half(r, "six.example", Texts(1, "2001:db8::7"), true);
    co_await six;
  };
  run(loop, both(resolver));
}

TEST_F(ResolverTest, NeedsNoServerForLiteralsAndLocalhost) {
  auto resolver = make({"127.0.0.1:1"});
  auto all = [](Resolver& r) -> Task<void> {
    auto a = expect_addresses(r, "192.0.2.9", Texts(1, "192.0.2.9"));
    co_await a;
    auto b = expect_addresses(r, "2001:db8::1", Texts(1, "2001:db8::1"));
    co_await b;
    const auto local = co_await r.addresses("something.localhost");
    CO_REQUIRE(local);
    EXPECT_EQ(texts(local->records), (Texts{"127.0.0.1", "::1"}));
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, SaysThatANameIsNotThere) {
  DnsServer server([](const Question& q) -> Messages { return {reply(q, 3)}; });
  auto resolver = make(server);
  run(loop, expect_failure(resolver, "no.example", Errc::not_found));
}

TEST_F(ResolverTest, SaysThatANameHasNoAddress) {
  DnsServer server(nothing);
  auto resolver = make(server);
  run(loop, expect_failure(resolver, "empty.example", Errc::not_found));
}

TEST_F(ResolverTest, NeverAsksForWhatIsNoName) {
  DnsServer server(nothing);
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const Texts names = {"",
                         ".",
                         "a..b",
                         ".a",
                         "a b.example",
                         "back\\slash.example",
                         std::string(64, 'a') + ".example",
                         std::string(300, 'a'),
                         std::string("nul\0.example", 12)};
    for (const auto& name : names) {
      auto one = expect_failure(r, name, Errc::not_found);
      co_await one;
    }
  };
  run(loop, all(resolver));
  EXPECT_EQ(server.asked(), 0);
}

TEST_F(ResolverTest, FollowsAliasesThatTheAnswerFollowsAndTakesTheLeastTtl) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).cname(q.name, "real.example", 7).a("real.example", "192.0.2.5", 900)};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto found = co_await r.addresses("alias.example");
    CO_REQUIRE(found);
    EXPECT_EQ(texts(found->records), Texts{"192.0.2.5"});
    EXPECT_LE(found->ttl, 7s);
    EXPECT_GE(found->ttl, 5s);
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, DoesNotRunAroundInALoopOfAliases) {
  DnsServer server([](const Question& q) -> Messages {
    return {reply(q).cname(q.name, "b.example").cname("b.example", "c.example").cname("c.example", q.name)};
  });
  auto resolver = make(server);
  run(loop, expect_failure(resolver, "a.example", Errc::not_found));
  EXPECT_LE(server.asked(), 4);
}

TEST_F(ResolverTest, SortsMailExchangersByPreference) {
  DnsServer server([](const Question& q) -> Messages {
    return {reply(q).mx(q.name, 20, "Second.Example").mx(q.name, 10, "first.example").mx(q.name, 20, "third.example")};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto found = co_await r.mx("mail.example");
    CO_REQUIRE(found);
    CO_REQUIRE(found->records.size() == 3);
    EXPECT_EQ(found->records[0].host, "first.example");
    EXPECT_EQ(found->records[0].preference, 10);
    EXPECT_EQ(found->records[1].host, "second.example");
    EXPECT_EQ(found->records[2].host, "third.example");
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, GivesANullMxAsAnEmptyHost) {
  DnsServer server([](const Question& q) -> Messages { return {reply(q).mx(q.name, 0, "")}; });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto found = co_await r.mx("nomail.example");
    CO_REQUIRE(found);
    CO_REQUIRE(found->records.size() == 1);
    EXPECT_EQ(found->records[0].host, "");
    EXPECT_EQ(found->records[0].preference, 0);
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, JoinsTheStringsOfATextAndKeepsRecordsApart) {
  DnsServer server([](const Question& q) -> Messages {
    return {reply(q).txt(q.name, {"v=spf1 ip4:192.0.2.0/24 ", "-all"}).txt(q.name, {"other"})};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto found = co_await r.txt("_spf.mail.example");
    CO_REQUIRE(found);
    EXPECT_EQ(found->records, (Texts{"v=spf1 ip4:192.0.2.0/24 -all", "other"}));
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, GivesTheNamesOfAnAddress) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type != 12) return {};
    const bool v4 = q.name == "1.2.0.192.in-addr.arpa";
    const bool v6 = q.name == "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    if (!v4 && !v6) return {Message(q.id, q.name, q.type, 3)};
    return {reply(q)
                .record(q.name, 12, 60, Message().name("Mail.example").bytes)
                .record(q.name, 12, 60, Message().name("www.example").bytes)};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
      const auto found = co_await r.names(*base::IpAddress::parse(text));
      CO_REQUIRE(found);
      EXPECT_EQ(found->records, (Texts{"mail.example", "www.example"}));
    }
    const auto none = co_await r.names(*base::IpAddress::parse("192.0.2.2"));
    EXPECT_EQ(none.error(), make_error_code(Errc::not_found));
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, AsksForOneFamilyAndForOddNamesAsTheyAre) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.name == "localhost") return {Message(q.id, q.name, q.type, 3)};
    if (q.type == 1) return {reply(q).a(q.name, "192.0.2.1")};
    return {reply(q).aaaa(q.name, "2001:db8::1")};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto v4 = co_await r.host("ann+x=y%2f@a.example", false);
    CO_REQUIRE(v4);
    CO_REQUIRE(v4->records.size() == 1);
    EXPECT_TRUE(v4->records[0].is_v4());
    const auto v6 = co_await r.host("a.example", true);
    CO_REQUIRE(v6);
    EXPECT_FALSE(v6->records[0].is_v4());
    const auto local = co_await r.host("localhost", false);  // no word of the hosts file
    EXPECT_EQ(local.error(), make_error_code(Errc::not_found));
    const auto bad = co_await r.host("a\\b.example", false);
    EXPECT_EQ(bad.error(), make_error_code(Errc::not_found));
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, GivesServicesByPriority) {
  DnsServer server([](const Question& q) -> Messages {
    return {reply(q).srv(q.name, 2, 5, 8081, "b.example").srv(q.name, 1, 7, 8080, "a.example")};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto found = co_await r.srv("_http._tcp.site.example");
    CO_REQUIRE(found);
    CO_REQUIRE(found->records.size() == 2);
    EXPECT_EQ(found->records[0].host, "a.example");
    EXPECT_EQ(found->records[0].port, 8080);
    EXPECT_EQ(found->records[0].weight, 7);
    EXPECT_EQ(found->records[1].priority, 2);
  };
  run(loop, all(resolver));
}

Task<void> ask(Resolver& resolver, std::string name, int& answers, Errc* error = nullptr) {
  const auto found = co_await resolver.addresses(name);
  if (found) ++answers;
  if (!found && error) *error = static_cast<Errc>(found.error().value());
}

TEST_F(ResolverTest, AsksOnceForManyWhoWantTheSameAndAnswersTheNextFromTheCache) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make(server);
  auto all = [](Loop& l, Resolver& r, const DnsServer& s) -> Task<void> {
    int answers = 0;
    for (int i = 0; i < 500; ++i) spawn(l, ask(r, i % 2 ? "same.example" : "SAME.example.", answers));
    auto done = test::until(l, [&] { return answers == 500; });
    const bool all_answered = co_await done;
    EXPECT_TRUE(all_answered);
    EXPECT_EQ(s.asked(), 2);  // A and AAAA
    auto again = ask(r, "same.example", answers);
    co_await again;
    EXPECT_EQ(answers, 501);
    EXPECT_EQ(s.asked(), 2);
  };
  run(loop, all(loop, resolver, server));
}

TEST_F(ResolverTest, AsksAgainWhenTheTtlIsOver) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, q.count == 1 ? "192.0.2.1" : "192.0.2.2", 1)};
  });
  auto resolver = make(server);
  auto all = [](Loop& l, Resolver& r) -> Task<void> {
    auto first = expect_addresses(r, "moves.example", Texts(1, "192.0.2.1"));
    co_await first;
    auto still = expect_addresses(r, "moves.example", Texts(1, "192.0.2.1"));
    co_await still;
    const Time begin = l.now();
    for (;;) {
      const auto found = co_await r.addresses("moves.example");
      CO_REQUIRE(found);
      if (found->records.front().text() == "192.0.2.2") break;
      CO_REQUIRE(l.now() - begin < 10s);
      auto pause = sleep_for(l, 20ms);
      co_await pause;
    }
    EXPECT_GE(l.now() - begin, 900ms);
  };
  run(loop, all(loop, resolver));
}

TEST_F(ResolverTest, ATtlOfZeroStillHoldsForASecond) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1", 0)};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r, const DnsServer& s) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const auto found = co_await r.addresses("zero.example");
      CO_REQUIRE(found);
      EXPECT_EQ(found->ttl, 1s);
    }
    EXPECT_EQ(s.asked(), 2);
  };
  run(loop, all(resolver, server));
}

TEST_F(ResolverTest, RemembersAFailureForAMoment) {
  DnsServer server([](const Question& q) -> Messages { return {reply(q, 3)}; });
  auto resolver = make(server);
  auto all = [](Resolver& r, const DnsServer& s) -> Task<void> {
    for (int i = 0; i < 5; ++i) {
      auto one = expect_failure(r, "no.example", Errc::not_found);
      co_await one;
    }
    EXPECT_EQ(s.asked(), 2);
  };
  run(loop, all(resolver, server));
}

TEST_F(ResolverTest, AsksTheSecondServerWhenTheFirstIsSilentAndThenBeginsWithTheSecond) {
  DnsServer silent([](const Question&) -> Messages { return {}; });
  DnsServer good([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make({silent.address(), good.address()}, 800ms);
  auto all = [](Resolver& r, const DnsServer& s) -> Task<void> {
    auto one = expect_addresses(r, "one.example", Texts(1, "192.0.2.1"));
    co_await one;
    EXPECT_EQ(s.asked(), 2);
    auto two = expect_addresses(r, "two.example", Texts(1, "192.0.2.1"));
    co_await two;
    EXPECT_EQ(s.asked(), 2) << "the silent server was asked first again";
  };
  run(loop, all(resolver, silent));
}

TEST_F(ResolverTest, AsksTheSecondServerWhenTheFirstFailsOrIsNotThere) {
  DnsServer failing([](const Question& q) -> Messages { return {reply(q, 2)}; });
  DnsServer refusing([](const Question& q) -> Messages { return {reply(q, 5)}; });
  DnsServer good([](const Question& q) -> Messages {
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make({"127.0.0.1:1", failing.address(), refusing.address(), good.address()});
  run(loop, expect_addresses(resolver, "one.example", Texts{"192.0.2.1"}));
  EXPECT_GE(failing.asked(), 1);
}

TEST_F(ResolverTest, SaysThatNobodyAnswers) {
  DnsServer silent([](const Question&) -> Messages { return {}; });
  auto resolver = make({silent.address()}, 300ms);
  auto all = [](Loop& l, Resolver& r) -> Task<void> {
    const Time begin = l.now();
    auto one = expect_failure(r, "silent.example", Errc::timed_out);
    co_await one;
    EXPECT_LT(l.now() - begin, 5s);
  };
  run(loop, all(loop, resolver));
  EXPECT_GE(silent.asked(), 2);
}

TEST_F(ResolverTest, SaysThatNoServerCanHelp) {
  DnsServer failing([](const Question& q) -> Messages { return {reply(q, 2)}; });
  auto resolver = make(failing);
  run(loop, expect_failure(resolver, "failing.example", Errc::unavailable));
}

TEST_F(ResolverTest, OneFamilyThatFailsDoesNotSpoilTheOther) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type == 1) return {reply(q, 2)};
    return {reply(q).aaaa(q.name, "2001:db8::1")};
  });
  auto resolver = make(server);
  run(loop, expect_addresses(resolver, "six.example", Texts{"2001:db8::1"}));
}

TEST_F(ResolverTest, BelievesNoAnswerToAnotherQuestion) {
  DnsServer server([](const Question& q) -> Messages {
    Question lie = q;
    lie.id = static_cast<std::uint16_t>(q.id + 1);
    Question other = q;
    other.name = "other.example";
    Messages all;
    all.push_back(reply(lie).a(q.name, "203.0.113.66"));
    all.push_back(reply(other).a("other.example", "203.0.113.67"));
    all.push_back(q.type == 1 ? reply(q).a(q.name, "192.0.2.1") : reply(q));
    return all;
  });
  auto resolver = make(server);
  run(loop, expect_addresses(resolver, "true.example", Texts{"192.0.2.1"}));
}

TEST_F(ResolverTest, OutlivesRubbish) {
  DnsServer server([](const Question& q) -> Messages {
    Message cut = reply(q).a(q.name, "192.0.2.1");
    cut.bytes.resize(cut.bytes.size() - 3);
    Message counts = reply(q);
    counts.bytes[7] = 9;  // nine answers, none there
    Messages all;
    all.push_back(Message().byte(1));
    all.push_back(Message());
    all.push_back(q.type == 1 ? cut : counts);
    return all;
  });
  auto resolver = make({server.address()}, 300ms);
  run(loop, expect_failure(resolver, "rubbish.example", Errc::unavailable));
}

TEST_F(ResolverTest, AsksByTcpWhenTheAnswerWasCut) {
  DnsServer server([](const Question& q) -> Messages {
    if (!q.tcp) return {reply(q, 0, true)};
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make(server);
  run(loop, expect_addresses(resolver, "long.example", Texts{"192.0.2.1"}));
  EXPECT_EQ(server.asked_by_tcp(), 2);
}

TEST_F(ResolverTest, TakesALimitedPartOfAHugeAnswer) {
  DnsServer server([](const Question& q) -> Messages {
    if (!q.tcp) return {reply(q, 0, true)};
    Message huge = reply(q);
    for (int i = 0; i < 1000; ++i) {
      const std::string ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
      if (q.type == 1) huge.a(q.name, ip.c_str());
      if (q.type == 15) huge.mx(q.name, static_cast<unsigned>(i), "host" + std::to_string(i) + ".example");
      if (q.type == 16) huge.txt(q.name, {std::string(20, 'x')});
    }
    return {huge};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto ips = co_await r.addresses("huge.example");
    CO_REQUIRE(ips);
    EXPECT_EQ(ips->records.size(), 64u);
    const auto hosts = co_await r.mx("huge.example");
    CO_REQUIRE(hosts);
    EXPECT_EQ(hosts->records.size(), 64u);
    const auto lines = co_await r.txt("huge.example");
    CO_REQUIRE(lines);
    EXPECT_EQ(lines->records.size(), 64u);
  };
  run(loop, all(resolver));
}

TEST_F(ResolverTest, ManyDifferentNamesAtOnceAllGetTheirAnswer) {
  DnsServer server([](const Question& q) -> Messages {
    if (!q.tcp && q.name.starts_with("cut")) return {reply(q, 0, true)};
    if (q.type != 1) return nothing(q);
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make({server.address()}, 20s);
  auto all = [](Loop& l, Resolver& r) -> Task<void> {
    int answers = 0;
    for (int i = 0; i < 50; ++i) {
      spawn(l, ask(r, "name" + std::to_string(i) + ".example", answers));
      spawn(l, ask(r, "cut" + std::to_string(i) + ".example", answers));
    }
    auto done = test::until(l, [&] { return answers == 100; });
    const bool all_answered = co_await done;
    EXPECT_TRUE(all_answered) << answers;
  };
  run(loop, all(loop, resolver));
}

TEST_F(ResolverTest, CancelLetsEveryWaiterGoAndFailsTheLater) {
  DnsServer silent([](const Question&) -> Messages { return {}; });
  auto all = [](Loop& l, std::string server) -> Task<void> {
    auto resolver = std::make_unique<Resolver>(l, std::vector<std::string>(1, server));
    int answers = 0;
    Errc errors[3] = {};
    spawn(l, ask(*resolver, "one.example", answers, &errors[0]));
    spawn(l, ask(*resolver, "one.example", answers, &errors[1]));
    spawn(l, ask(*resolver, "two.example", answers, &errors[2]));
    const std::size_t before = l.live();
    resolver->cancel();
    auto gone = test::until(l, [&] { return l.live() == before - 3; });
    const bool unwound = co_await gone;
    EXPECT_TRUE(unwound);
    EXPECT_EQ(answers, 0);
    for (const auto error : errors) EXPECT_EQ(error, Errc::cancelled);
    auto later = expect_failure(*resolver, "three.example", Errc::cancelled);
    co_await later;
    resolver.reset();
  };
  run(loop, all(loop, silent.address()));
}

TEST_F(ResolverTest, ServersThatCannotBeReadMakeEveryLookUpFail) {
  auto resolver = make({"not an address"});
  run(loop, expect_failure(resolver, "any.example", Errc::unavailable));
}

TEST_F(ResolverTest, ResolvesEndpoints) {
  DnsServer server([](const Question& q) -> Messages {
    if (q.type == 28) return {reply(q).aaaa(q.name, "2001:db8::1")};
    return {reply(q).a(q.name, "192.0.2.1")};
  });
  auto resolver = make(server);
  auto all = [](Resolver& r) -> Task<void> {
    const auto both = co_await resolve_endpoint(r, "web.example:8080");
    CO_REQUIRE(both);
    CO_REQUIRE(both->size() == 2);
    EXPECT_EQ((*both)[0].text(), "192.0.2.1:8080");
    EXPECT_EQ((*both)[1].text(), "[2001:db8::1]:8080");
    const auto literal = co_await resolve_endpoint(r, "[::1]:25");
    CO_REQUIRE(literal);
    EXPECT_EQ(literal->front().text(), "[::1]:25");
    const auto path = co_await resolve_endpoint(r, "unix:/run/x.sock");
    CO_REQUIRE(path);
    EXPECT_EQ(path->front().text(), "unix:/run/x.sock");
    const Texts wrong = {"web.example", "web.example:", "web.example:70000", "web.example:http"};
    for (const auto& text : wrong) {
      const auto none = co_await resolve_endpoint(r, text);
      const Error error = none ? Error() : none.error();
      EXPECT_EQ(error, Errc::malformed) << text;
    }
  };
  run(loop, all(resolver));
}

}  // namespace
}  // namespace genkan::net
