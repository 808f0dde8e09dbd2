// The HTTP/2 server with nghttp2 as its client, both on one loop.
#include <gtest/gtest.h>

#include "../net/telemetry.hpp"
#include "h2_client.hpp"
#include "http/h2/priority.hpp"
#include "http/server.hpp"

namespace genkan::http {
namespace {

using namespace net::test;
using test::H2Client;
using test::NameValue;

// Answers by path: /echo the content, /big 300,000 bytes, /sum the content's length as a trailer of nothing else,
// /wait only when it may, else what the request looked like.
class Answers final : public Handler {
 public:
  net::Task<Result<Response>> handle(Request& r) override {
    ++calls;
    std::string content;
    if (r.body && r.path != "/unread") {
      Result<Chunk> chunk = Chunk{};
      while (!chunk->last) {
        if (!r.body->poll(chunk)) chunk = co_await r.body->fetch();
        if (!chunk) co_return chunk.error();
        content += chunk->data;
      }
    }
    if (r.path == "/wait") {
      while (!go_on && !r.informer->gone()) {
        auto pause = net::sleep_for(r.loop, 5ms);
        co_await pause;
      }
      gone += r.informer->gone();
    }
    if (r.path == "/big") content.assign(300'000, r.query.empty() ? 'x' : r.query.front());
    if (r.path == "/late") content.assign(300'000, 'l');
    if (r.path == "/seen") {
      content.append(r.method_text).append(" ").append(r.target).append(" ").append(r.host).append(" ");
      content.append(r.protocol).append(" ").append(r.fields.joined(FieldId::cookie));
    }
    Response response = r.reply(200, "text/plain", std::move(content));
    response.head->fields.add("X-Mixed-Case", "kept");
    response.head->fields.add("Connection", "close");
    if (r.path == "/late") response.head->fields.add("Priority", "u=7");
    co_return response;
  }
  int calls = 0, gone = 0;
  bool go_on = false;
};

class Counted final : public Observer {
 public:
  void finished(const Request&, const ResponseHead*, const Outcome& outcome) noexcept override {
    statuses.push_back(outcome.status);
    complete += outcome.complete;
  }
  std::vector<int> statuses;
  int complete = 0;
};

class H2ServerTest : public testing::Test {
 public:
  H2ServerTest() {
    conf = std::make_shared<conf::Conf>();
    handler = std::make_shared<Answers>();
    observer = std::make_shared<Counted>();
  }
  std::unique_ptr<H2Client> connect() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->conf = conf;
    snapshot->handler = handler;
    snapshot->observer = observer;
    if (!server) server = std::make_unique<Server>(loop, seen.telemetry, metrics, snapshot, limit);
    Pair ends = pair(loop, Kind::unix_socket);
    limit->open.fetch_add(1);
    server->accept(std::move(ends.a), std::make_shared<Entrance>());
    return std::make_unique<H2Client>(std::move(ends.b));
  }
  // Runs the test's part, then ends the connections.
  void run_with(net::Task<void> (*part)(H2ServerTest&, H2Client&)) {
    auto client = connect();
    auto all = [](H2ServerTest& t, H2Client& c, net::Task<void> (*p)(H2ServerTest&, H2Client&)) -> net::Task<void> {
      co_await p(t, c);
      t.server->cancel();
      auto ended = until(t.loop, [&] { return t.server->sessions() == 0 && c.closed; });
      const bool end = co_await ended;
      EXPECT_TRUE(end);
    };
    run(loop, all(*this, *client, part));
    EXPECT_EQ(loop.live(), 0u) << "a coroutine was left";
  }

  net::Loop loop{1};
  Seen seen;
  ServerMetrics metrics{seen.metrics, "public"};
  std::shared_ptr<net::ConnectionLimit> limit = std::make_shared<net::ConnectionLimit>();
  std::shared_ptr<conf::Conf> conf;
  std::shared_ptr<Answers> handler;
  std::shared_ptr<Counted> observer;
  std::unique_ptr<Server> server;
};

net::Task<void> ended(net::Loop& loop, H2Client& c, std::int32_t id) {
  auto wait = until(loop, [&] { return c.answers[id].ended; });
  const bool there = co_await wait;
  EXPECT_TRUE(there) << "stream " << id;
}

TEST_F(H2ServerTest, a_request_looks_to_handlers_as_one_of_http_1) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::vector<NameValue> more{{"cookie", "a=1"}, {"cookie", "b=2"}};
    const std::int32_t id = c.get("/x/../seen?q=1", more);
    co_await ended(t.loop, c, id);
    EXPECT_EQ(c.answers[id].status, 200);
    EXPECT_EQ(c.answers[id].body, "GET /x/../seen?q=1 a HTTP/2.0 a=1; b=2");
    EXPECT_EQ(c.answers[id].fields.at("x-mixed-case"), "kept");
    EXPECT_FALSE(c.answers[id].fields.contains("connection"));
    EXPECT_TRUE(c.answers[id].fields.contains("date"));
    EXPECT_EQ(t.observer->statuses, std::vector<int>{200});
    EXPECT_EQ(t.observer->complete, 1);
  });
}

TEST_F(H2ServerTest, content_comes_and_goes_beyond_every_window) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::string content = pattern(3'000'000);
    const std::vector<NameValue> fields{
        {":method", "POST"}, {":scheme", "http"}, {":path", "/echo"}, {":authority", "a"}};
    const std::int32_t id = c.request(fields, &content);
    co_await ended(t.loop, c, id);
    EXPECT_TRUE(c.answers[id].body == content);
  });
}

TEST_F(H2ServerTest, fifty_large_answers_share_the_connection) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(c.get("/big?" + std::string(1, static_cast<char>('A' + i))));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      co_await ended(t.loop, c, ids[i]);
      EXPECT_TRUE(c.answers[ids[i]].body == std::string(300'000, static_cast<char>('A' + i)));
    }
    EXPECT_EQ(t.observer->complete, 50);
  });
}

TEST_F(H2ServerTest, urgent_answers_overtake_others) {  // RFC 9218
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::vector<NameValue> low{{"priority", "u=6"}}, high{{"priority", "u=1"}};
    const std::int32_t late = c.get("/big?a", low);
    const std::int32_t later = c.get("/big?b", low);
    const std::int32_t soon = c.get("/big?c", high);
    co_await ended(t.loop, c, late);
    co_await ended(t.loop, c, later);
    co_await ended(t.loop, c, soon);
    const auto last_of = [&](std::int32_t id) {
      return std::find(c.order.rbegin(), c.order.rend(), id).base() - c.order.begin();
    };
    EXPECT_LT(last_of(soon), last_of(late));
    EXPECT_LT(last_of(late), last_of(later)) << "not incremental: one after the other";
  });
}

TEST_F(H2ServerTest, a_backend_may_say_that_its_answer_can_wait) {  // RFC 9218 8
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::vector<NameValue> high{{"priority", "u=0"}};
    const std::int32_t late = c.get("/late", high);
    const std::int32_t soon = c.get("/big?a");
    co_await ended(t.loop, c, late);
    co_await ended(t.loop, c, soon);
    const auto last_of = [&](std::int32_t id) {
      return std::find(c.order.rbegin(), c.order.rend(), id).base() - c.order.begin();
    };
    EXPECT_LT(last_of(soon), last_of(late));
  });
}

TEST(H2Priority, takes_over_what_is_named) {
  h2::Priority p;
  h2::merge_priority("u=1, i", p);
  EXPECT_EQ(p.urgency, 1u);
  EXPECT_TRUE(p.incremental);
  h2::merge_priority("i=?0", p);
  EXPECT_EQ(p.urgency, 1u);
  EXPECT_FALSE(p.incremental);
  h2::merge_priority("u=8, u=x, j, , u=12", p);
  EXPECT_EQ(p.urgency, 1u);
}

TEST_F(H2ServerTest, incremental_answers_take_turns) {  // RFC 9218 4.2
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::vector<NameValue> shared{{"priority", "u=3, i"}};
    const std::int32_t one = c.get("/big?a", shared);
    const std::int32_t two = c.get("/big?b", shared);
    co_await ended(t.loop, c, one);
    co_await ended(t.loop, c, two);
    std::size_t turns = 0;
    for (std::size_t i = 1; i < c.order.size(); ++i) turns += c.order[i] != c.order[i - 1];
    EXPECT_GT(turns, 10u);
  });
}

TEST_F(H2ServerTest, a_reset_cancels_the_handlers_work) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::int32_t id = c.get("/wait");
    auto began = until(t.loop, [&] { return t.handler->calls == 1; });
    co_await began;
    c.reset(id);
    auto gone = until(t.loop, [&] { return t.handler->gone == 1 && t.observer->statuses.size() == 1; });
    const bool there = co_await gone;
    EXPECT_TRUE(there);
    EXPECT_EQ(t.observer->statuses, std::vector<int>{499});
    const std::int32_t next = c.get("/seen");
    co_await ended(t.loop, c, next);
    EXPECT_EQ(c.answers[next].status, 200);
  });
}

TEST_F(H2ServerTest, an_answer_before_the_content_stops_the_client) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::string content(5'000'000, 'x');
    const std::vector<NameValue> fields{
        {":method", "POST"}, {":scheme", "http"}, {":path", "/unread"}, {":authority", "a"}};
    const std::int32_t id = c.request(fields, &content);
    co_await ended(t.loop, c, id);
    EXPECT_EQ(c.answers[id].status, 200);
    const std::int32_t next = c.get("/seen");
    co_await ended(t.loop, c, next);
    EXPECT_EQ(c.answers[next].status, 200) << "the connection's window was given back";
    const std::int32_t again = c.request(fields, &content);
    co_await ended(t.loop, c, again);
    EXPECT_EQ(c.answers[again].status, 200);
  });
}

TEST_F(H2ServerTest, a_drain_serves_what_was_taken_and_closes) {
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    const std::int32_t slow = c.get("/wait");
    auto began = until(t.loop, [&] { return t.handler->calls == 1; });
    co_await began;
    t.server->drain(std::chrono::milliseconds(100));
    auto told = until(t.loop, [&] { return c.goaways.size() == 2; });
    const bool twice = co_await told;
    EXPECT_TRUE(twice);
    t.handler->go_on = true;
    co_await ended(t.loop, c, slow);
    EXPECT_EQ(c.answers[slow].status, 200);
    auto over = until(t.loop, [&] { return c.closed; });
    const bool closed = co_await over;
    EXPECT_TRUE(closed);
  });
}

TEST_F(H2ServerTest, limits_are_those_of_http_1) {
  conf->http.max_fields = 10;
  conf->http.max_target = 100;
  conf->http.max_body = 1000;
  run_with([](H2ServerTest& t, H2Client& c) -> net::Task<void> {
    std::vector<NameValue> many;
    for (int i = 0; i < 11; ++i) many.emplace_back("x-" + std::to_string(i), "1");
    const std::string content(2000, 'x');
    const std::vector<NameValue> post{
        {":method", "POST"}, {":scheme", "http"}, {":path", "/echo"}, {":authority", "a"}};
    const std::int32_t fields = c.get("/", many);
    const std::int32_t target = c.get("/" + std::string(200, 'a'));
    const std::int32_t body = c.request(post, &content);
    co_await ended(t.loop, c, fields);
    co_await ended(t.loop, c, target);
    co_await ended(t.loop, c, body);
    EXPECT_EQ(c.answers[fields].status, 431);
    EXPECT_EQ(c.answers[target].status, 414);
    EXPECT_EQ(c.answers[body].status, 413);
  });
}

}  // namespace
}  // namespace genkan::http
