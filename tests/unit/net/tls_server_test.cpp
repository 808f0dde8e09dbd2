// The server's side by itself: tickets' keys, the guard against repeated early data, challenges, what a ClientHello
// says.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.hpp"
#include "net/tls.hpp"
#include "net/tls_hello.hpp"
#include "net/tls_ocsp.hpp"
#include "net/tls_tickets.hpp"
#include "tests/unit/net/transport_pair.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::net {
namespace {

using namespace std::chrono_literals;
using namespace test;
using genkan::test::TempDir;

TEST(TicketKeys, AreTheSameForWhoHasTheSecretAndChangeWithTime) {
  const auto one = derive_ticket_key("secret of the cluster", 3600s, 10);
  const auto again = derive_ticket_key("secret of the cluster", 3600s, 10);
  EXPECT_EQ(one.name, again.name);
  EXPECT_EQ(one.cipher, again.cipher);
  EXPECT_EQ(one.mac, again.mac);
  for (const auto& other :
       {derive_ticket_key("secret of the cluster", 3600s, 11), derive_ticket_key("secret of the cluster", 7200s, 10),
        derive_ticket_key("another secret", 3600s, 10)}) {
    EXPECT_NE(one.name, other.name);
    EXPECT_NE(one.cipher, other.cipher);
    EXPECT_NE(one.mac, other.mac);
  }
  EXPECT_FALSE(std::equal(one.cipher.begin(), one.cipher.end(), one.mac.begin()));
}

TEST(TicketKeys, AnEpochLastsOneRotation) {
  const auto at = [](int seconds) { return ticket_epoch(WallTime(std::chrono::seconds(seconds)), 100s); };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(99), 0);
  EXPECT_EQ(at(100), 1);
  EXPECT_EQ(at(250), 2);
}

TEST(TicketKeys, ANodesOwnSecretIsKept) {
  TempDir dir;
  std::string why;
  const auto one = own_ticket_secret(dir.path(), why);
  ASSERT_TRUE(one) << why;
  EXPECT_GE(one->size(), 32u);
  EXPECT_EQ(*own_ticket_secret(dir.path(), why), *one);
  TempDir other;
  EXPECT_NE(*own_ticket_secret(other.path(), why), *one);
}

TEST(EarlyDataGuardTest, TakesAClientHelloOnce) {
  EarlyDataGuard guard;
  const Time start = Clock::now();
  EXPECT_TRUE(guard.first_time("hello 1", start));
  EXPECT_FALSE(guard.first_time("hello 1", start));
  EXPECT_TRUE(guard.first_time("hello 2", start));
  for (const Duration later : {Duration(5s), Duration(20s), Duration(29s), Duration(31s), Duration(45s)}) {
    EXPECT_FALSE(guard.first_time("hello 1", start + later)) << "its ticket's age still passes";
  }
  EXPECT_NE(guard.instance(), EarlyDataGuard().instance());
}

TEST(EarlyDataGuardTest, AHelloFromTheEndOfATurnIsRememberedThroughTheNext) {
  EarlyDataGuard guard;
  const Time start = Clock::now();
  EXPECT_TRUE(guard.first_time("first", start));
  EXPECT_TRUE(guard.first_time("late", start + 29s));
  EXPECT_FALSE(guard.first_time("late", start + 49s));
}

TEST(EarlyDataGuardTest, RefusesWhenItsMemoryIsFull) {
  EarlyDataGuard guard;
  const Time now = Clock::now();
  int taken = 0;
  for (int i = 0; i < 120'000; ++i) taken += guard.first_time(std::to_string(i), now) ? 1 : 0;
  EXPECT_EQ(taken, 100'000);
  EXPECT_TRUE(guard.first_time("later", now + 31s));
}

std::string name_extension(std::string name) {
  std::string out;
  const auto put = [&out](std::size_t n) { out += {static_cast<char>(n >> 8), static_cast<char>(n & 0xff)}; };
  put(name.size() + 3);
  out += '\0';
  put(name.size());
  return out + name;
}

TEST(Hello, TheNameIsFoundInLowerCase) {
  EXPECT_EQ(hello_name(name_extension("Www.Example.ORG")), "www.example.org");
  EXPECT_EQ(hello_name(""), "");
  EXPECT_EQ(hello_name(name_extension("")), "");
  EXPECT_EQ(hello_name(name_extension(std::string("a\0b", 3))), "");
  std::string cut = name_extension("www.example.org");
  for (std::size_t n = 0; n < cut.size(); ++n) EXPECT_EQ(hello_name(cut.substr(0, n)), "") << n;
  cut[2] = 1;  // not a host name
  EXPECT_EQ(hello_name(cut), "");
}

TEST(Hello, AChallengeIsWantedOnlyByWhoOffersNothingElse) {
  const std::string alone(
      "\0\x0b\x0a"
      "acme-tls/1",
      13);
  EXPECT_TRUE(hello_wants_challenge(alone));
  EXPECT_FALSE(
      hello_wants_challenge(std::string("\0\x14\x0a"
                                        "acme-tls/1\x08http/1.1",
                                        22)));
  EXPECT_FALSE(hello_wants_challenge(std::string("\0\x09\x08http/1.1", 11)));
  for (std::size_t n = 0; n < alone.size(); ++n) EXPECT_FALSE(hello_wants_challenge(alone.substr(0, n)));
}

TEST(Hello, EcdsaIsKnownToWhoNamesIt) {
  EXPECT_TRUE(hello_knows_ecdsa(std::string("\0\x04\x08\x04\x04\x03", 6)));
  EXPECT_FALSE(hello_knows_ecdsa(std::string("\0\x04\x08\x04\x04\x01", 6)));
  EXPECT_FALSE(hello_knows_ecdsa(std::string("\0\x02\x02\x03", 4))) << "with SHA-1";
  EXPECT_FALSE(hello_knows_ecdsa(""));
  EXPECT_FALSE(hello_knows_ecdsa("\x01"));
}

TEST(OcspContent, IsTheBodyOfAWholeAnswer) {
  std::string why;
  EXPECT_EQ(*ocsp_content("HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\nbody", why), "body");
  EXPECT_EQ(*ocsp_content("HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nbody", why), "bo");
  EXPECT_FALSE(ocsp_content("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nbody", why));
  EXPECT_EQ(why, "the responder's answer is cut short");
  EXPECT_FALSE(ocsp_content("HTTP/1.0 404 Not Found\r\n\r\nbody", why));
  EXPECT_EQ(why, "the responder answers HTTP/1.0 404 Not Found");
  EXPECT_FALSE(ocsp_content("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", why));
  EXPECT_FALSE(ocsp_content("junk", why));
  EXPECT_FALSE(ocsp_content("", why));
}

// tests/unit/net/data: made with `openssl ocsp`; good from 2026-11-27 07:46 to 2026-12-04 07:46 UTC.
class Ocsp : public testing::Test {
 protected:
  static std::string data(const std::string& name) {
    const std::string here = __FILE__;
    auto text = base::read_file(here.substr(0, here.rfind('/')) + "/data/" + name);
    EXPECT_TRUE(text) << name;
    return text ? *text : std::string();
  }
  Result<OcspAnswer> judge(std::string_view der, std::time_t at = 1'795'780'800) {
    return check_ocsp_answer(der, cert, issuer, WallClock::from_time_t(at), why);
  }
  const std::string cert = data("ocsp_cert.pem"), issuer = data("ocsp_issuer.pem"), good = data("ocsp_good.der");
  std::string why;
};

TEST_F(Ocsp, AGenuineAnswerOfNowIsTaken) {
  const auto answer = judge(good);
  ASSERT_TRUE(answer) << why;
  EXPECT_EQ(answer->next_update - answer->this_update, std::chrono::hours(7 * 24));
}

TEST_F(Ocsp, OneThatIsNotOfNowIsNot) {
  const auto from = WallClock::to_time_t(judge(good)->this_update), to = WallClock::to_time_t(judge(good)->next_update);
  EXPECT_TRUE(judge(good, to - 1)) << why;
  EXPECT_EQ(judge(good, to).error(), Errc::tls_failed);
  EXPECT_EQ(why, "it is not of now");
  EXPECT_FALSE(judge(good, from - 400));
}

TEST_F(Ocsp, NoByteOfItCanBeChanged) {
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    const auto answer = judge(bad);
    if (!answer) continue;
    EXPECT_EQ(answer->next_update, judge(good)->next_update) << i;  // a part that nobody signs or reads
  }
  for (std::size_t n = 0; n < good.size(); n += 11) EXPECT_FALSE(judge(std::string_view(good).substr(0, n))) << n;
}

TEST_F(Ocsp, ARevokedCertificateIsNamed) {
  EXPECT_EQ(judge(data("ocsp_revoked.der")).error(), Errc::refused);
  EXPECT_EQ(why, "the certificate is REVOKED");
}

TEST_F(Ocsp, AnAnswerForAnotherIssuerIsNotTaken) {
  EXPECT_FALSE(check_ocsp_answer(good, cert, cert, WallClock::from_time_t(1'795'780'800), why));
}

TEST_F(Ocsp, TheQuestionGoesWhereTheCertificateSays) {
  const auto query = make_ocsp_query(cert, issuer, why);
  ASSERT_TRUE(query) << why;
  EXPECT_EQ(query->host, "ocsp.example");
  EXPECT_EQ(query->port, 8080);
  EXPECT_EQ(query->path, "/answers/x");
  EXPECT_GT(query->request.size(), 60u);
  EXPECT_EQ(make_ocsp_query(cert, "", why).error(), Errc::not_found);
  EXPECT_EQ(make_ocsp_query(issuer, issuer, why).error(), Errc::not_found) << "it names no responder";
}

// --- certificates that come at run time
// ---------------------------------------------------------------------------------

class Store : public testing::Test {
 protected:
  TempDir dir;
  std::string why;
  std::shared_ptr<CertificateStore> store = std::make_shared<CertificateStore>();

  conf::Certificate row(std::string name, bool self_signed) {
    conf::Certificate c;
    c.names = {std::move(name)};
    c.self_signed = self_signed;
    return c;
  }
  // A pair for `name` that no server has yet.
  CertificateStore::Pair pair_for(const std::string& name) {
    TempDir other;
    const auto made = TlsServer::make({{}, {row(name, true)}, {}, other.path(), {}, {}, nullptr}, why);
    EXPECT_TRUE(made) << why;
    const std::string stem = other.path() + "/tls/self-signed-" + name;
    return {*base::read_file(stem + ".crt"), *base::read_file(stem + ".key")};
  }
  std::shared_ptr<TlsServer> server(std::vector<conf::Certificate> rows) {
    auto made = TlsServer::make({{}, std::move(rows), {}, dir.path(), {}, {"http/1.1"}, store}, why);
    EXPECT_TRUE(made) << why;
    return *made;
  }
  std::shared_ptr<const TlsClient> client(const std::string& ca_pem, std::vector<std::string> alpn) {
    const std::string file = dir.path() + "/trusted.crt";
    EXPECT_TRUE(base::write_file_durable(file, ca_pem));
    return *TlsClient::make({true, file, std::move(alpn)}, why);
  }
};

Task<void> shake(Transport& t, std::unique_ptr<TlsStream> stream, Error& error, bool& done) {
  const auto result = co_await t.handshake(std::move(stream));
  if (!result) error = result.error();
  if (error) t.close();
  done = true;
}

struct Outcome {
  Error at_client, at_server;
  std::string client_alpn, server_alpn;
};

Outcome meet(const TlsServer& server, const TlsClient& client, const std::string& host) {
  Loop loop{1};
  Pair ends = pair(loop, Kind::tcp);
  Outcome out;
  const auto all = [](Loop& l, Pair& p, const TlsServer& s, const TlsClient& c, std::string name,
                      Outcome& o) -> Task<void> {
    bool server_done = false, client_done = false;
    spawn(l, shake(*p.b, s.accept(), o.at_server, server_done));
    spawn(l, shake(*p.a, c.connect(name), o.at_client, client_done));
    auto over = until(l, [&] { return server_done && client_done; });
    const bool ended = co_await over;
    EXPECT_TRUE(ended);
    if (!o.at_client) o.client_alpn = p.a->tls()->alpn();
    if (!o.at_server) o.server_alpn = p.b->tls()->alpn();
  };
  run(loop, all(loop, ends, server, client, host, out));
  return out;
}

TEST_F(Store, AChallengeIsAnsweredForItsNameAndItsProtocolOnly) {
  const auto s = server({row("a.example", true)});
  const auto special = pair_for("a.example");
  const auto asks = client(special.chain, {"acme-tls/1"});
  EXPECT_TRUE(meet(*s, *asks, "a.example").at_client) << "there is none yet";
  ASSERT_TRUE(store->set_challenge("A.example", special, why)) << why;
  const auto met = meet(*s, *asks, "a.example");
  EXPECT_FALSE(met.at_client) << met.at_client.message();
  EXPECT_EQ(met.client_alpn, "acme-tls/1");
  EXPECT_EQ(met.server_alpn, "acme-tls/1");
  EXPECT_TRUE(meet(*s, *asks, "b.example").at_client) << "another name";
  EXPECT_TRUE(meet(*s, *client(special.chain, {"http/1.1"}), "a.example").at_client) << "a usual client";
  EXPECT_TRUE(meet(*s, *client(special.chain, {"acme-tls/1", "http/1.1"}), "a.example").at_client);
  const auto usual = *base::read_file(dir.path() + "/tls/self-signed-a.example.crt");
  EXPECT_FALSE(meet(*s, *client(usual, {"http/1.1"}), "a.example").at_client);
  store->clear_challenge("a.example");
  EXPECT_TRUE(meet(*s, *asks, "a.example").at_client) << "it is gone";
}

TEST_F(Store, AnInstalledCertificateTakesThePlaceOfWhatStoodIn) {
  int told = 0;
  store->on_change([&] { ++told; });
  const auto s = server({row("a.example", false)});
  EXPECT_EQ(s->certificates().front().names, std::vector<std::string>{"a.example"});
  const auto real = pair_for("a.example");
  const auto trusts = client(real.chain, {"http/1.1"});
  EXPECT_TRUE(meet(*s, *trusts, "a.example").at_client) << "a certificate that stands in";
  ASSERT_TRUE(store->install("A.Example", real, why)) << why;
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(s->refresh(why)) << why;
  EXPECT_FALSE(meet(*s, *trusts, "a.example").at_client);
  const auto next = pair_for("a.example");
  ASSERT_TRUE(store->install("a.example", next, why)) << why;
  ASSERT_TRUE(s->refresh(why)) << why;
  EXPECT_TRUE(meet(*s, *trusts, "a.example").at_client);
  EXPECT_FALSE(meet(*s, *client(next.chain, {"http/1.1"}), "a.example").at_client);
}

TEST_F(Store, WhatDoesNotFitIsNotInstalled) {
  const auto one = pair_for("a.example"), other = pair_for("a.example");
  EXPECT_EQ(store->install("a.example", {one.chain, other.key}, why).error(), Errc::conflict);
  EXPECT_EQ(store->install("a.example", {"junk", one.key}, why).error(), Errc::malformed);
  EXPECT_FALSE(store->set_challenge("a.example", {one.chain, other.key}, why));
  EXPECT_FALSE(store->installed("a.example"));
}

TEST_F(Store, ChallengesAreBounded) {
  const auto one = pair_for("a.example");
  for (std::size_t i = 0; i < CertificateStore::kMaxChallenges; ++i)
    ASSERT_TRUE(store->set_challenge(std::to_string(i), one, why));
  EXPECT_EQ(store->set_challenge("one more", one, why).error(), Errc::exhausted);
  EXPECT_TRUE(store->set_challenge("7", one, why)) << "one that is there may be changed";
}

TEST_F(Store, FilesThatChangeAreSeenAndABadOneChangesNothing) {
  const auto s = server({row("a.example", true)});
  const std::string stem = dir.path() + "/tls/self-signed-a.example";
  EXPECT_FALSE(s->changed());
  const std::string before = s->certificates().front().fingerprint;
  ASSERT_TRUE(base::write_file_durable(stem + ".key", "no key"));
  EXPECT_TRUE(s->changed());
  EXPECT_FALSE(s->refresh(why));
  EXPECT_NE(why.find("self-signed-a.example.key"), std::string::npos) << why;
  EXPECT_FALSE(s->changed()) << "it was tried, and is not tried again until something changes";
  EXPECT_EQ(s->certificates().front().fingerprint, before);
  const auto next = pair_for("a.example");
  ASSERT_TRUE(base::write_file_durable(stem + ".key", next.key));
  ASSERT_TRUE(base::write_file_durable(stem + ".crt", next.chain));
  EXPECT_TRUE(s->changed());
  ASSERT_TRUE(s->refresh(why)) << why;
  EXPECT_NE(s->certificates().front().fingerprint, before);
  EXPECT_FALSE(s->changed());
}

}  // namespace
}  // namespace genkan::net
