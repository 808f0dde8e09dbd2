#include "net/tls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "net/tls_certificate.hpp"
#include "telemetry.hpp"
#include "transport_pair.hpp"

namespace genkan::net {
namespace {

using namespace test;

conf::Certificate self_signed(std::vector<std::string> names) {
  conf::Certificate c;
  c.names = std::move(names);
  c.self_signed = true;
  return c;
}

using ServerPtr = std::shared_ptr<const TlsServer>;
using ClientPtr = std::shared_ptr<const TlsClient>;

class TlsTest : public testing::Test {
 protected:
  TempDir dir;
  std::string why;
  Loop loop{1};
  Pair ends = pair(loop, Kind::tcp);

  Result<ServerPtr> try_server(const std::vector<conf::Certificate>& certificates, std::vector<std::string> alpn = {},
                               const std::string& min_version = "1.2") {
    conf::Tls tls;
    tls.min_version = min_version;
    auto made = TlsServer::make({tls, certificates, {}, dir.path(), {}, std::move(alpn), nullptr}, why);
    if (!made) return made.error();
    return ServerPtr(std::move(*made));
  }
  ServerPtr server(std::vector<std::string> alpn = {}) {
    return *try_server({self_signed({"a.example"}), self_signed({"b.example", "*.c.example"})}, std::move(alpn));
  }
  ClientPtr client(const std::string& trusted = "a.example", std::vector<std::string> alpn = {}) {
    TlsClient::Options options;
    options.ca_file = path_of(trusted, "crt");
    options.alpn = std::move(alpn);
    const auto made = TlsClient::make(options, why);
    EXPECT_TRUE(made) << why;
    return *made;
  }
  std::string path_of(const std::string& name, const std::string& kind) const {
    return dir.path() + "/tls/self-signed-" + name + "." + kind;
  }
};

Task<void> shake(Transport& t, std::unique_ptr<TlsStream> stream, Error& error, bool& done) {
  const auto result = co_await t.handshake(std::move(stream));
  if (!result) error = result.error();
  done = true;
}

struct Shaken {
  Error at_client, at_server;
};

// Both ends in one loop: `a` is the client.
Task<Shaken> handshake(Loop& loop, Pair& p, ServerPtr server, ClientPtr client, std::string host) {
  Shaken shaken;
  bool server_done = false, client_done = false;
  spawn(loop, shake(*p.b, server->accept(), shaken.at_server, server_done));
  spawn(loop, shake(*p.a, client->connect(host), shaken.at_client, client_done));
  auto over = until(loop, [&] {
    if (shaken.at_client) p.a->close();  // as a client does that was refused or does not trust
    if (shaken.at_server) p.b->close();
    return server_done && client_done;
  });
  const bool ended = co_await over;
  EXPECT_TRUE(ended);
  co_return shaken;
}

Task<void> expect_exchange(Loop& loop, Pair& p, std::string there, std::string back) {
  Received at_a, at_b;
  Sent from_a, from_b;
  spawn(loop, read_all(*p.a, at_a));
  spawn(loop, read_all(*p.b, at_b, 3000));
  spawn(loop, write_all(*p.a, there, from_a, true));
  spawn(loop, write_all(*p.b, back, from_b, true));
  auto over = until(loop, [&] { return at_a.done && at_b.done && from_a.done && from_b.done; });
  const bool ended = co_await over;
  EXPECT_TRUE(ended);
  EXPECT_FALSE(at_a.error) << at_a.error.message();
  EXPECT_FALSE(at_b.error) << at_b.error.message();
  EXPECT_TRUE(at_b.data == there) << at_b.data.size();
  EXPECT_TRUE(at_a.data == back) << at_a.data.size();
}

TEST_F(TlsTest, ShakesHandsAndCarriesBytesBothWaysToACleanEnd) {
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    auto shaking = handshake(l, p, s, c, "a.example");
    const Shaken shaken = co_await shaking;
    CO_REQUIRE(!shaken.at_client && !shaken.at_server);
    EXPECT_EQ(p.a->tls()->version(), "TLSv1.3");
    EXPECT_EQ(p.b->tls()->server_name(), "a.example");
    EXPECT_NE(p.b->tls()->cipher(), "");
    auto exchange = expect_exchange(l, p, "a question", "an answer");
    co_await exchange;
  };
  auto s = server();
  run(loop, all(loop, ends, s, client()));
}

TEST_F(TlsTest, CarriesMuchBothWaysAtOnceThroughNarrowSockets) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    auto shaking = handshake(l, p, s, c, "a.example");
    const Shaken shaken = co_await shaking;
    CO_REQUIRE(!shaken.at_client && !shaken.at_server);
    auto exchange = expect_exchange(l, p, pattern(3'000'000, 1), pattern(3'000'000, 2));
    co_await exchange;
  };
  auto s = server();
  run(loop, all(loop, ends, s, client()));
}

TEST_F(TlsTest, AHeadAndALargeBodyArriveInOrder) {
  narrow(ends);
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    auto shaking = handshake(l, p, s, c, "a.example");
    const Shaken shaken = co_await shaking;
    CO_REQUIRE(!shaken.at_client && !shaken.at_server);
    Received got;
    spawn(l, read_all(*p.a, got));
    for (const std::size_t body_size : {500'000u, 16'384u, 491'520u}) {  // the latter two are whole records
      const std::string body = pattern(body_size, 9);
      for (const std::size_t head_size : {0u, 1u, 300u, 5'000u, 16'383u, 16'384u, 40'000u}) {
        const std::string head = pattern(head_size, 8);
        got.data.clear();
        const auto w = co_await p.b->write(head, body);
        EXPECT_TRUE(w);
        auto came = until(l, [&] { return got.data.size() >= head.size() + body.size(); });
        co_await came;
        EXPECT_TRUE(got.data == head + body) << head_size << " and " << body_size;
      }
    }
    p.b->shutdown_write();
    auto over = until(l, [&] { return got.done; });
    co_await over;
  };
  auto s = server();
  run(loop, all(loop, ends, s, client()));
}

TEST_F(TlsTest, TheNameThatTheClientAsksForPicksTheCertificate) {
  auto all = [](Loop& l, ServerPtr s, ClientPtr trusts_a, ClientPtr trusts_b) -> Task<void> {
    const std::vector<std::pair<std::string, bool>> names = {
        {"a.example", false},  {"A.Example", false},  {"b.example", true},
        {"x.c.example", true}, {"x.y.c.example", {}}, {"other.example", {}},
    };
    for (const auto& [name, second] : names) {
      Pair p = pair(l, Kind::tcp);
      auto shaking = handshake(l, p, s, second ? trusts_b : trusts_a, name);
      const Shaken shaken = co_await shaking;
      // Names of no certificate get the first one, which the client then refuses.
      const bool known = name != "x.y.c.example" && name != "other.example";
      EXPECT_EQ(!shaken.at_client, known) << name;
    }
  };
  auto s = server();
  run(loop, all(loop, s, client("a.example"), client("b.example")));
}

TEST_F(TlsTest, AClientDoesNotTrustWhomItDoesNotKnow) {
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    auto shaking = handshake(l, p, s, c, "a.example");
    const Shaken shaken = co_await shaking;
    EXPECT_EQ(shaken.at_client, Errc::tls_failed);
  };
  auto s = server();
  run(loop, all(loop, ends, s, client("b.example")));
}

TEST_F(TlsTest, AClientMayBeToldToTrustAnyone) {
  TlsClient::Options options;
  options.verify = false;
  const auto c = TlsClient::make(options, why);
  ASSERT_TRUE(c) << why;
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr anyone) -> Task<void> {
    auto shaking = handshake(l, p, s, anyone, "192.0.2.7");
    const Shaken shaken = co_await shaking;
    EXPECT_FALSE(shaken.at_client);
    EXPECT_FALSE(shaken.at_server);
    EXPECT_EQ(p.b->tls()->server_name(), "") << "an address is no server name (RFC 6066 3)";
  };
  run(loop, all(loop, ends, server(), *c));
}

TEST_F(TlsTest, AddressesOfACertificateAreVerifiedToo) {
  const auto s = try_server({self_signed({"192.0.2.7", "2001:db8::7"})});
  ASSERT_TRUE(s) << why;
  auto all = [](Loop& l, ServerPtr given, ClientPtr c) -> Task<void> {
    const std::vector<std::pair<std::string, bool>> hosts = {
        {"192.0.2.7", true}, {"2001:db8::7", true}, {"192.0.2.8", false}};
    for (const auto& [host, right] : hosts) {
      Pair p = pair(l, Kind::tcp);
      auto shaking = handshake(l, p, given, c, host);
      const Shaken shaken = co_await shaking;
      EXPECT_EQ(!shaken.at_client, right) << host;
    }
  };
  run(loop, all(loop, *s, client("192.0.2.7")));
}

TEST_F(TlsTest, TheProtocolThatBothKnowAndWePreferIsChosen) {
  auto all = [](Loop& l, ServerPtr s, ClientPtr both, ClientPtr old, ClientPtr none, ClientPtr strange) -> Task<void> {
    const std::vector<std::pair<ClientPtr, std::string>> cases = {{both, "h2"}, {old, "http/1.1"}, {none, ""}};
    for (const auto& [c, expected] : cases) {
      Pair p = pair(l, Kind::tcp);
      auto shaking = handshake(l, p, s, c, "a.example");
      const Shaken shaken = co_await shaking;
      CO_REQUIRE(!shaken.at_client && !shaken.at_server);
      EXPECT_EQ(p.a->tls()->alpn(), expected);
      EXPECT_EQ(p.b->tls()->alpn(), expected);
    }
    Pair p = pair(l, Kind::tcp);
    auto shaking = handshake(l, p, s, strange, "a.example");
    const Shaken shaken = co_await shaking;
    EXPECT_EQ(shaken.at_server, Errc::tls_failed) << "RFC 7301 3.2: no_application_protocol";
  };
  auto s = server({"h2", "http/1.1"});
  run(loop, all(loop, s, client("a.example", {"http/1.1", "h2"}), client("a.example", {"http/1.1"}), client(),
                client("a.example", {"smtp"})));
}

// What another TLS implementation says: openssl s_client against our server.
struct Spoken {
  std::string out;
  int status = -1;
};
Spoken s_client(std::uint16_t port, const std::string& options) {
  const std::string command =
      "openssl s_client -connect 127.0.0.1:" + std::to_string(port) + " " + options + " </dev/null 2>&1";
  Spoken spoken;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return spoken;
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, pipe)) spoken.out.append(buffer, n);
  spoken.status = ::pclose(pipe);
  return spoken;
}

Task<void> serve_one(Loop& loop, int listener, ServerPtr server, std::string& version) {
  base::UniqueFd fd;
  auto came = until(loop, [&] {
    fd = base::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return static_cast<bool>(fd);
  });
  co_await came;
  Transport t(loop, std::move(fd), base::Endpoint{});
  auto stream = server->accept();
  const auto result = co_await t.handshake(std::move(stream));
  version = result ? std::string(t.tls()->version()) : "failed";
  Received rest;
  if (result) {
    auto reading = read_all(t, rest);
    co_await reading;
  }
}

class TlsVersions : public TlsTest {
 protected:
  // The version that our server came to with s_client's options.
  std::string with(const std::string& min_version, const std::string& options) {
    const auto s = try_server({self_signed({"a.example"})}, {}, min_version);
    const base::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<::sockaddr*>(&address);
    ::bind(listener.get(), generic, size);
    ::listen(listener.get(), 1);
    ::getsockname(listener.get(), generic, &size);
    std::string version;
    std::thread other([&] { s_client(ntohs(address.sin_port), options); });
    Loop own(1);
    run(own, serve_one(own, listener.get(), *s, version));
    other.join();
    return version;
  }
};

TEST_F(TlsVersions, TwoAndThreeAreSpokenAndOlderOnesAreNot) {
  EXPECT_EQ(with("1.2", "-tls1_2"), "TLSv1.2");
  EXPECT_EQ(with("1.2", "-tls1_3"), "TLSv1.3");
  EXPECT_EQ(with("1.2", "-tls1_1 -cipher DEFAULT@SECLEVEL=0"), "failed");
}

TEST_F(TlsVersions, TheLeastVersionCanBeRaised) {
  EXPECT_EQ(with("1.3", "-tls1_2"), "failed");
  EXPECT_EQ(with("1.3", "-tls1_3"), "TLSv1.3");
}

TEST_F(TlsVersions, CiphersWithoutForwardSecrecyAreRefused) {
  EXPECT_EQ(with("1.2", "-tls1_2 -cipher AES128-SHA"), "failed");
  EXPECT_EQ(with("1.2", "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256"), "TLSv1.2");
}

TEST_F(TlsTest, AStreamThatIsCutIsAnErrorAndNotAnEnd) {
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    auto shaking = handshake(l, p, s, c, "a.example");
    const Shaken shaken = co_await shaking;
    CO_REQUIRE(!shaken.at_client && !shaken.at_server);
    const auto w = co_await p.b->write("half of it");
    EXPECT_TRUE(w);
    ::shutdown(p.b->fd(), SHUT_WR);  // a FIN without close_notify: an attacker could have sent it
    Received got;
    auto reading = read_all(*p.a, got);
    co_await reading;
    EXPECT_EQ(got.data, "half of it");
    EXPECT_EQ(got.error, Errc::end_of_stream);
  };
  auto s = server();
  run(loop, all(loop, ends, s, client()));
}

TEST_F(TlsTest, AnEndDuringTheHandshakeIsAnError) {
  auto all = [](Pair& p, ServerPtr s) -> Task<void> {
    const auto w = co_await p.a->write(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
    EXPECT_TRUE(w);
    p.a->close();
    auto stream = s->accept();
    const auto result = co_await p.b->handshake(std::move(stream));
    CO_REQUIRE(!result);
    EXPECT_EQ(result.error(), Errc::end_of_stream);
  };
  run(loop, all(ends, server()));
}

TEST_F(TlsTest, RubbishInsteadOfAHandshakeFailsCleanly) {
  auto all = [](Loop& l, ServerPtr s) -> Task<void> {
    const std::vector<std::string> rubbish = {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", std::string(70'000, '\0'),
                                              pattern(5000), "\x16\x03\x01\xFF\xFF" + pattern(5000),
                                              std::string("\x80\x2E\x01\x00\x02", 5) + pattern(100)};
    for (const auto& bytes : rubbish) {
      Pair p = pair(l, Kind::tcp);
      const auto w = co_await p.a->write(bytes);
      EXPECT_TRUE(w);
      p.a->shutdown_write();
      auto stream = s->accept();
      const auto result = co_await p.b->handshake(std::move(stream));
      CO_REQUIRE(!result);
      EXPECT_TRUE(result.error() == Errc::tls_failed || result.error() == Errc::end_of_stream) << result.error();
      p.b->close();
    }
  };
  run(loop, all(loop, server()));
}

TEST_F(TlsTest, AHandshakeHasADeadline) {
  auto all = [](Loop& l, Pair& p, ServerPtr s) -> Task<void> {
    p.b->read_deadline(l.now() + 50ms);
    auto stream = s->accept();
    const auto result = co_await p.b->handshake(std::move(stream));
    CO_REQUIRE(!result);
    EXPECT_EQ(result.error(), Errc::timed_out);
  };
  run(loop, all(loop, ends, server()));
}

TEST_F(TlsTest, BytesThatWereReadTooFarBeginTheHandshake) {
  auto all = [](Loop& l, Pair& p, ServerPtr s, ClientPtr c) -> Task<void> {
    Error at_client, at_server;
    bool client_done = false, server_done = false;
    spawn(l, shake(*p.a, c->connect("a.example"), at_client, client_done));
    char buffer[100];
    const auto n = co_await p.b->read_some(buffer, sizeof buffer);  // a part of the ClientHello
    CO_REQUIRE(n && *n > 0);
    p.b->unread(std::string_view(buffer, *n));
    spawn(l, shake(*p.b, s->accept(), at_server, server_done));
    auto over = until(l, [&] { return client_done && server_done; });
    const bool ended = co_await over;
    EXPECT_TRUE(ended);
    EXPECT_FALSE(at_client) << at_client.message();
    EXPECT_FALSE(at_server) << at_server.message();
  };
  auto s = server();
  run(loop, all(loop, ends, s, client()));
}

TEST_F(TlsTest, ASelfSignedCertificateIsMadeOnceAndUsedAgain) {
  std::string cert, key;
  ASSERT_TRUE(ensure_self_signed(dir.path() + "/tls", {"a.example", "*.a.example"}, cert, key, why)) << why;
  const std::string first = genkan::test::slurp(cert), secret = genkan::test::slurp(key);
  EXPECT_EQ(count(first, "BEGIN CERTIFICATE"), 1u);
  EXPECT_EQ(count(secret, "PRIVATE KEY"), 2u);
  struct ::stat info {};
  ASSERT_EQ(::stat(key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(ensure_self_signed(dir.path() + "/tls", {"a.example"}, cert, key, why)) << why;
  EXPECT_EQ(genkan::test::slurp(cert), first);
  EXPECT_EQ(genkan::test::slurp(key), secret);
  ::unlink(key.c_str());
  ASSERT_TRUE(ensure_self_signed(dir.path() + "/tls", {"a.example"}, cert, key, why)) << why;
  EXPECT_NE(genkan::test::slurp(cert), first) << "half of a pair is none";
}

TEST_F(TlsTest, SaysWhichFileIsWrong) {
  ASSERT_TRUE(server());
  const std::string rubbish = dir.path() + "/rubbish.pem";
  ASSERT_TRUE(base::write_file_durable(rubbish, "no certificate", 0600));
  conf::Certificate c;
  const auto expect_why = [&](const std::string& cert, const std::string& key, const std::string& named) {
    c.cert = cert;
    c.key = key;
    why.clear();
    EXPECT_FALSE(try_server({c}));
    EXPECT_NE(why.find(named), std::string::npos) << why;
  };
  const std::string good = path_of("a.example", "crt"), its_key = path_of("a.example", "key");
  expect_why(dir.path() + "/none.crt", its_key, "/none.crt");
  expect_why(rubbish, its_key, "cannot use the certificate " + rubbish);
  expect_why(good, dir.path() + "/none.key", "/none.key");
  expect_why(good, rubbish, "cannot use the key " + rubbish);
  expect_why(good, path_of("b.example", "key"), "cannot use the key " + path_of("b.example", "key"));
  c.cert = good;
  c.key = its_key;
  EXPECT_TRUE(try_server({c})) << why;
  EXPECT_FALSE(try_server({}));
  EXPECT_NE(why.find("[[certificate]]"), std::string::npos) << why;
  conf::Tls tls;
  tls.ciphers = "NO-SUCH-CIPHER";
  EXPECT_FALSE(TlsServer::make({tls, {c}, {}, dir.path(), {}, {}, nullptr}, why));
  EXPECT_NE(why.find("NO-SUCH-CIPHER"), std::string::npos) << why;
  TlsClient::Options options;
  options.ca_file = dir.path() + "/none.pem";
  EXPECT_FALSE(TlsClient::make(options, why));
  EXPECT_NE(why.find("/none.pem"), std::string::npos) << why;
}

TEST_F(TlsTest, SaysThatItCannotWriteACertificate) {
  const std::string file = dir.path() + "/file";
  ASSERT_TRUE(base::write_file_durable(file, "x", 0600));
  std::string cert, key;
  EXPECT_FALSE(ensure_self_signed(file + "/tls", {"a.example"}, cert, key, why));
  EXPECT_NE(why.find(file + "/tls"), std::string::npos) << why;
}

}  // namespace
}  // namespace genkan::net
