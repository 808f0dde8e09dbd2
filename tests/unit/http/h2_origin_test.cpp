// HTTP/2 to a backend: our client side against our server side, on one loop over TCP.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "../net/telemetry.hpp"
#include "../net/transport_pair.hpp"
#include "base/fd.hpp"
#include "http/origin.hpp"
#include "http/server.hpp"

namespace genkan::http {
namespace {

using namespace net::test;

// Sends back the content, with its size as a trailer where it is asked for.
class Mirror final : public Handler {
 public:
  net::Task<Result<Response>> handle(Request& r) override {
    std::string content;
    Result<Chunk> chunk = Chunk{};
    while (r.body && !chunk->last) {
      if (!r.body->poll(chunk)) chunk = co_await r.body->fetch();
      if (!chunk) co_return chunk.error();
      content += chunk->data;
    }
    if (!r.body) content = std::string(r.target);
    Response response = r.reply(200, "text/plain", std::move(content));
    response.head->fields.add("X-Method", r.method_text);
    co_return response;
  }
};

class H2OriginTest : public testing::Test {
 public:
  H2OriginTest() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->conf = std::make_shared<conf::Conf>();
    snapshot->handler = std::make_shared<Mirror>();
    server = std::make_unique<Server>(loop, seen.telemetry, metrics, snapshot, connections);
    auto sockets = net::ListenSocket::open(*base::Endpoint::parse("127.0.0.1:0"), 1);
    EXPECT_TRUE(sockets);
    listening = std::move(*sockets);
    to.address = listening.address();
    auto accept = [this](std::unique_ptr<net::Transport> t) {
      ++accepted;
      server->accept(std::move(t), std::make_shared<Entrance>());
    };
    listener = std::make_unique<net::Listener>(loop, listening.fd(0), seen.telemetry, connections, accept);
    limits.h2 = true;
  }

  // One exchange; its content, or the error.
  net::Task<std::string> ask(std::string target, std::string content) {
    Request r(loop);
    r.method_text = content.empty() ? "GET" : "POST";
    r.method = method_of(r.method_text);
    TextBody* body = content.empty() ? nullptr : new TextBody(std::move(content));
    const BodyPtr owned(body);
    r.body = body;
    r.started = loop.now();
    OriginPool::Replay replay;
    auto answer = co_await pool.exchange(r, to, target, "a", limits, replay, false);
    if (!answer.ok()) co_return "failed: " + answer.failure.error.message();
    std::string out(answer.response.head->fields.get("x-method").value_or("?"));
    out += ' ';
    Result<Chunk> chunk = Chunk{};
    while (!chunk->last) {
      if (!answer.response.body->poll(chunk)) chunk = co_await answer.response.body->fetch();
      if (!chunk) co_return "broke: " + chunk.error().message();
      out += chunk->data;
    }
    co_return out;
  }
  static net::Task<void> ask_and_count(H2OriginTest& t, std::string target, std::string content, std::string wanted) {
    const std::string got = co_await t.ask(std::move(target), std::move(content));
    EXPECT_TRUE(got == wanted) << got.substr(0, 100);
    ++t.answered;
  }

  net::Loop loop{1};
  Seen seen;
  ServerMetrics metrics{seen.metrics, "public"};
  std::shared_ptr<net::ConnectionLimit> connections = std::make_shared<net::ConnectionLimit>();
  std::unique_ptr<Server> server;
  net::ListenSocket listening;
  std::unique_ptr<net::Listener> listener;
  OriginTo to;
  OriginLimits limits;
  OriginPool pool{loop};
  int accepted = 0, answered = 0;
};

TEST_F(H2OriginTest, many_requests_share_a_connection_and_none_is_left_after_retiring) {
  auto all = [](H2OriginTest& t) -> net::Task<void> {
    for (int i = 0; i < 60; ++i) {
      const std::string content = i % 2 ? pattern(100'000, static_cast<unsigned>(i)) : std::string();
      const std::string target = "/" + std::to_string(i);
      net::spawn(t.loop, ask_and_count(t, target, content, content.empty() ? "GET " + target : "POST " + content));
    }
    auto wait = until(t.loop, [&] { return t.answered == 60; });
    const bool done = co_await wait;
    EXPECT_TRUE(done);
    EXPECT_EQ(t.accepted, 1);
    t.pool.retire();
    auto gone = until(t.loop, [&] { return t.server->sessions() == 0; });
    const bool ended = co_await gone;
    EXPECT_TRUE(ended) << "the connection stayed";
    t.listener.reset();
  };
  run(loop, all(*this));
  EXPECT_EQ(loop.live(), 0u);
}

TEST_F(H2OriginTest, a_connection_that_ended_is_replaced) {
  auto all = [](H2OriginTest& t) -> net::Task<void> {
    auto one = ask_and_count(t, "/one", "", "GET /one");
    co_await one;
    t.server->cancel();
    auto gone = until(t.loop, [&] { return t.server->sessions() == 0; });
    co_await gone;
    auto two = ask_and_count(t, "/two", "", "GET /two");
    co_await two;
    EXPECT_EQ(t.accepted, 2);
    t.pool.retire();
    auto ended = until(t.loop, [&] { return t.server->sessions() == 0; });
    const bool over = co_await ended;
    EXPECT_TRUE(over);
    t.listener.reset();
  };
  run(loop, all(*this));
}

// Often it is over before its session has begun to read.
TEST_F(H2OriginTest, a_connection_that_breaks_at_once_fails_its_request_alone) {
  base::UniqueFd lone(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(lone.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(lone.get(), 16), 0);
  ASSERT_EQ(::getsockname(lone.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  to.address = *base::Endpoint::parse("127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  std::thread breaker([&] {
    const linger at_once{1, 0};
    for (int fd = 0; (fd = ::accept4(lone.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(fd))
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  });
  auto all = [](H2OriginTest& t) -> net::Task<void> {
    const std::size_t before = t.loop.live();
    for (int i = 0; i < 30'000; ++i) {
      auto one = t.ask("/one", "");
      const std::string got = co_await one;
      EXPECT_TRUE(got.starts_with("failed: ")) << got;
    }
    auto gone = until(t.loop, [&] { return t.loop.live() == before; });
    const bool ended = co_await gone;
    EXPECT_TRUE(ended) << "a session stayed";
    t.listener.reset();
  };
  run(loop, all(*this));
  ::shutdown(lone.get(), SHUT_RDWR);
  breaker.join();
}

}  // namespace
}  // namespace genkan::http
