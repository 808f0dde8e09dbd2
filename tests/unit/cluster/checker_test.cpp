#include "cluster/checker.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "base/fd.hpp"
#include "tests/unit/cluster/fixture.hpp"
#include "tests/unit/cluster/loop_fixture.hpp"

namespace genkan::cluster {
namespace {

using test::eventually;

TEST(ExpectTest, ReadsRangesAndLists) {
  const auto e = Expect::parse("200-299, 301,404");
  ASSERT_TRUE(e);
  EXPECT_TRUE(e->contains(200) && e->contains(299) && e->contains(301) && e->contains(404));
  EXPECT_FALSE(e->contains(199) || e->contains(300) || e->contains(500));
  for (const char* bad : {"", "abc", "200-", "300-200", "99", "600", "200,,300", "200-299-300"}) {
    EXPECT_FALSE(Expect::parse(bad)) << bad;
  }
}

TEST(CheckIntervalTest, DiffersByUpToTheJitterBothWays) {
  conf::Health h;
  h.interval = std::chrono::seconds(10);
  h.jitter = 20;
  Random random(7);
  Duration least = Duration::max(), most{}, sum{};
  constexpr int kTimes = 5000;
  for (int i = 0; i < kTimes; ++i) {
    const Duration d = next_check_in(h, random);
    least = std::min(least, d);
    most = std::max(most, d);
    sum += d;
  }
  EXPECT_GE(least, std::chrono::milliseconds(8000));
  EXPECT_LT(least, std::chrono::milliseconds(8050));
  EXPECT_LE(most, std::chrono::milliseconds(12000));
  EXPECT_GT(most, std::chrono::milliseconds(11950));
  EXPECT_NEAR(std::chrono::duration<double>(sum).count() / kTimes, 10, 0.1) << "neither sooner nor later in the mean";
}

TEST(CheckIntervalTest, IsExactWithoutJitterAndAnotherSeedGivesOtherTimes) {
  conf::Health h;
  h.interval = std::chrono::seconds(1);
  h.jitter = 0;
  Random random(1), other(2);
  EXPECT_EQ(next_check_in(h, random), std::chrono::seconds(1));
  h.jitter = 10;
  int same = 0;
  for (int i = 0; i < 100; ++i) same += next_check_in(h, random) == next_check_in(h, other);
  EXPECT_LT(same, 10) << "two proxies that were started together must not check in step";
}

TEST(CheckRequestTest, AsksForThePathWithAHost) {
  conf::Health h;
  h.path = "/ok";
  EXPECT_EQ(check_request(h, "192.0.2.1:80").substr(0, 45), "GET /ok HTTP/1.1\r\nHost: 192.0.2.1:80\r\nUser-Ag");
  h.host = "www.example.org";
  EXPECT_NE(check_request(h, "192.0.2.1:80").find("Host: www.example.org\r\n"), std::string::npos);
  h.host = "";
  EXPECT_NE(check_request(h, "unix:/run/x").find("Host: localhost\r\n"), std::string::npos);
  EXPECT_TRUE(check_request(h, "a:1").ends_with("Connection: close\r\n\r\n"));
}

TEST(StatusLineTest, IsReadAsItArrives) {
  const std::string line = "HTTP/1.1 204 No Content\r\n";
  for (std::size_t n = 0; n < line.size(); ++n) EXPECT_FALSE(status_of(line.substr(0, n))) << n;
  EXPECT_EQ(status_of(line + "Server: x\r\n"), 204);
  EXPECT_EQ(status_of("HTTP/1.0 200\r\n"), 200);
  EXPECT_EQ(status_of("HTTP/1.1 200 \r\n"), 200);
}

TEST(StatusLineTest, WhatIsNotHttpIsSaidAtOnce) {
  EXPECT_EQ(status_of("220 mx ESMTP"), -1);
  EXPECT_EQ(status_of("HTTP/2 200\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 20\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 2000\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 099 x\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1  200 x\r\n"), -1);
  EXPECT_EQ(status_of("HTTP/1.1 200" + std::string(kMaxStatusLine, 'x')), -1);
}

TEST(CheckContentTest, IsWhatFollowsTheHeadWithItsCodingTakenOff) {
  EXPECT_EQ(content_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 100), "ok");
  EXPECT_EQ(content_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", 3), "oka");
  EXPECT_EQ(content_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", 100), "");
  const std::string head = "HTTP/1.1 200 OK\r\ntransfer-ENCODING: chunked\r\n\r\n";
  EXPECT_EQ(content_of(head + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 100), "abcde");
  EXPECT_EQ(content_of(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4), "abcd");
  EXPECT_EQ(content_of(head + "ff\r\nabc", 100), "abc");
  for (const char* broken : {"x\r\nabc", "3", "", "\r\n\r\n", "ffffffffffffffff\r\n"}) {
    EXPECT_EQ(content_of(head + broken, 100), "") << broken;
  }
}

TEST(GrpcHealthTest, TheQuestionNamesTheService) {
  EXPECT_EQ(grpc_question(""), std::string(5, '\0'));
  EXPECT_EQ(grpc_question("a.B"), std::string("\0\0\0\0\5\x0a\3a.B", 10));
  const std::string longer = grpc_question(std::string(300, 'x'));
  EXPECT_EQ(longer.substr(0, 8), std::string("\0\0\0\x01\x2f\x0a\xac\x02", 8));
}

TEST(GrpcHealthTest, TheAnswerIsReadWithCare) {
  const auto says = [](std::string_view message) {
    return grpc_answer(std::string(4, '\0') + static_cast<char>(message.size()) + std::string(message));
  };
  EXPECT_EQ(says("\x08\x01"), Serving::serving);
  EXPECT_EQ(says("\x08\x02"), Serving::not_serving);
  EXPECT_EQ(says(""), Serving::unknown);
  EXPECT_EQ(says("\x12\x01x\x08\x01"), Serving::serving);  // a field that we do not know
  EXPECT_EQ(says("\x08\x07"), Serving::unknown);
  for (const std::string_view broken : {"\x08", "\x08\xff", "\x12\x05x", "\x0d\x01"}) {
    EXPECT_EQ(says(broken), Serving::malformed);
  }
  EXPECT_EQ(grpc_answer(""), Serving::malformed);
  EXPECT_EQ(grpc_answer(std::string("\1\0\0\0\2\x08\x01", 7)), Serving::malformed);  // compressed
  EXPECT_EQ(grpc_answer(std::string("\0\0\0\0\3\x08\x01", 7)), Serving::malformed);  // cut short
}

// Answers every connection with the same bytes; an empty answer only accepts and holds the connection.
class TinyServer {
 public:
  TinyServer() {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof a;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<::sockaddr*>(&a), sizeof a), 0);
    EXPECT_EQ(::listen(fd_.get(), 64), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<::sockaddr*>(&a), &length), 0);
    port_ = ntohs(a.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TinyServer() {
    stopping_ = true;
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  void answer(std::string text) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(text);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }

 private:
  void serve() {
    std::vector<base::UniqueFd> held;
    while (!stopping_) {
      base::UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      ++connections_;
      std::string text;
      {
        const std::scoped_lock lock(mutex_);
        text = answer_;
      }
      if (text.empty()) {
        held.push_back(std::move(client));
        continue;
      }
      char request[4096];
      if (::read(client.get(), request, sizeof request) <= 0) continue;
      EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
  }
  base::UniqueFd fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::thread thread_;
};

class CheckerTest : public testing::Test {
 protected:
  TinyServer server;
  test::Seen seen;
  Cluster cluster{seen.telemetry, "front"};
  test::ControlLoop control;
  Checker checker{control.loop(), cluster};
  conf::Conf conf;
  std::string why;

  void SetUp() override {
    auto p = test::pool("web", 1);
    p.backends[0].address = server.address();
    p.health.interval = std::chrono::milliseconds(20);
    p.health.timeout = std::chrono::milliseconds(2000);
    conf.pools = {p};
  }
  void apply() {
    ASSERT_TRUE(cluster.apply(conf, Clock::now(), why)) << why;
    control.on([&] { checker.refresh(); });
  }
  void TearDown() override {
    control.on([&] { checker.stop(); });
  }
  Backend& backend() { return *cluster.backends()[0]; }
  bool becomes(State state) {
    return eventually([&] { return backend().state() == state; });
  }
};

TEST_F(CheckerTest, ABackendGoesDownAndComesBackWithItsAnswers) {
  apply();
  EXPECT_TRUE(eventually([&] { return server.connections() >= 2; }));
  EXPECT_EQ(backend().state(), State::up);
  server.answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(becomes(State::down));
  EXPECT_EQ(backend().reason(), "check failed: status 500, expected 200-399");
  server.answer("HTTP/1.1 204 Fine\r\n\r\n");
  EXPECT_TRUE(becomes(State::up));
}

TEST_F(CheckerTest, AnAnswerThatIsNotHttpIsABadOne) {
  server.answer("220 mail ready\r\n");
  apply();
  EXPECT_TRUE(becomes(State::down));
  EXPECT_EQ(backend().reason(), "check failed: the answer is not HTTP");
}

TEST_F(CheckerTest, SilenceIsATimeOut) {
  server.answer("");
  conf.pools[0].health.timeout = std::chrono::milliseconds(50);
  apply();
  EXPECT_TRUE(becomes(State::down));
  EXPECT_EQ(backend().reason().find("check failed: no status line: "), 0u) << backend().reason();
}

TEST_F(CheckerTest, TypeTcpAsksForAConnectionOnly) {
  server.answer("");
  conf.pools[0].health.type = "tcp";
  apply();
  EXPECT_TRUE(eventually([&] { return server.connections() >= 3; }));
  EXPECT_EQ(backend().state(), State::up);
}

TEST_F(CheckerTest, ARefusedConnectionIsNamed) {
  {
    TinyServer gone;
    conf.pools[0].backends[0].address = gone.address();
  }
  apply();
  EXPECT_TRUE(becomes(State::down));
  EXPECT_EQ(backend().reason(), "check failed: connect: Connection refused");
}

TEST_F(CheckerTest, NothingIsCheckedWhenChecksAreOffOrInMaintenance) {
  conf.pools[0].health.enabled = false;
  apply();
  EXPECT_EQ(checker.size(), 0u);
  conf.pools[0].health.enabled = true;
  apply();
  EXPECT_EQ(checker.size(), 1u);
  EXPECT_TRUE(eventually([&] { return server.connections() >= 1; }));
  ASSERT_TRUE(cluster.order("web", backend().name(), Order::maintenance, why));
  server.answer("HTTP/1.1 500 Oops\r\n\r\n");
  EXPECT_EQ(backend().state(), State::maintenance);
}

TEST_F(CheckerTest, AReloadKeepsProbesOfUnchangedBackendsAndReplacesTheOthers) {
  apply();
  EXPECT_TRUE(eventually([&] { return server.connections() >= 1; }));
  apply();
  EXPECT_EQ(checker.size(), 1u);
  server.answer("HTTP/1.1 404 Not Found\r\n\r\n");
  EXPECT_TRUE(becomes(State::down));
  conf.pools[0].health.expect = "404";
  apply();
  EXPECT_TRUE(becomes(State::up));
}

TEST_F(CheckerTest, StoppingInTheMiddleOfACheckLeavesNothingBehind) {
  server.answer("");
  apply();
  EXPECT_TRUE(eventually([&] { return server.connections() >= 1; }));
  const auto start = Clock::now();
  control.on([&] { checker.stop(); });
  EXPECT_TRUE(eventually([&] {
    std::size_t live = 1;
    control.on([&] { live = control.loop().live(); });
    return live == 0;
  }));
  EXPECT_LT(Clock::now() - start, 1500ms) << "cancelled, not waited out";
  EXPECT_EQ(backend().state(), State::up) << "a cancelled check is no result";
}

}  // namespace
}  // namespace genkan::cluster
