// A cache in front of an origin that is a script, on a loop with its own thread.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cache/cache.hpp"
#include "net/loop.hpp"
#include "tests/unit/cache/fields_of.hpp"

namespace genkan::test {

using FieldList = std::vector<std::pair<std::string, std::string>>;

// One answer of the origin. `gate`: the content comes in two halves, the second when the gate opens.
struct Answer {
  int status = 200;
  FieldList fields;
  std::string content = "content";
  bool breaks = false;  // the second half never comes, an error does
  bool says_length = true;
  Error error;                      // set: no response at all
  net::Event* head_gate = nullptr;  // waits before the head
  net::Event* body_gate = nullptr;  // waits before the second half
};

class ScriptBody final : public http::Body {
 public:
  ScriptBody(Answer answer, int& open) : answer_(std::move(answer)), open_(open) {
    for (const auto& [name, value] : answer_.fields) head.fields.add(name, value);
    head.status = answer_.status;
    ++open_;
  }
  bool poll(Result<http::Chunk>& out) override {
    if (step_ != 0 || !answer_.content.empty()) return false;
    out = http::Chunk{{}, true};
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    const std::string_view all = answer_.content;
    const auto half = all.size() / 2;
    if (step_++ == 0) co_return http::Chunk{all.substr(0, half), false};
    if (answer_.body_gate) co_await *answer_.body_gate;
    if (answer_.breaks) co_return Errc::end_of_stream;
    co_return http::Chunk{all.substr(half), true};
  }
  std::optional<std::uint64_t> length() const override {
    return answer_.says_length ? std::optional<std::uint64_t>(answer_.content.size()) : std::nullopt;
  }
  void release() noexcept override {
    --open_;
    delete this;
  }
  http::ResponseHead head;

 private:
  Answer answer_;
  int& open_;
  int step_ = 0;
};

class ScriptOrigin final : public http::Handler {
 public:
  net::Task<Result<http::Response>> handle(http::Request& r) override {
    seen.push_back(r.fields);
    Answer answer = script.empty() ? Answer{500} : script.front();
    if (!script.empty()) script.pop_front();
    r.fields.set("X-Rewritten", "by the proxy");
    r.fields.remove(http::FieldId::accept_encoding);
    if (answer.head_gate) co_await *answer.head_gate;
    if (answer.error) co_return answer.error;
    auto* body = new ScriptBody(std::move(answer), open);
    http::Response response{&body->head, nullptr};
    response.body.reset(body);
    co_return std::move(response);
  }
  std::deque<Answer> script;
  std::vector<http::Fields> seen;
  int open = 0;  // bodies that were not released
};

// What a client got.
struct Got {
  int status = 0;
  http::Fields fields;
  std::string content;
  bool complete = false;
  bool failed = false;  // the handler itself returned an error
  std::string cache_result;
  bool done = false;

  std::string field(std::string_view name) const { return fields.joined(name); }
};

struct Ask {
  http::Method method = http::Method::get;
  std::string path = "/a";
  FieldList fields;
  std::string client = "127.0.0.1:1";
  std::string route = "r";
  std::size_t leave_after = SIZE_MAX;  // the client goes after so many chunks
};

class CacheRig : public testing::Test {
 protected:
  void SetUp() override {
    make({});
    thread = std::thread([this] { loop.run(); });
  }
  void TearDown() override {
    loop.stop();
    thread.join();
  }
  // Runs `f` on the loop and waits for it.
  void on_loop(std::function<void()> f) {
    std::promise<void> done;
    loop.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }
  void open(net::Event& gate) {
    on_loop([&] { gate.notify(); });
    settle();
  }
  void make(conf::Cache settings) {
    handler.reset();
    cache.reset();
    cache = std::make_shared<cache::Cache>(telemetry, settings);
    handler = std::make_shared<cache::CacheHandler>(cache, origin, settings, "genkan");
  }

  // Starts a request; it goes on as far as it can.
  std::shared_ptr<Got> start(Ask ask) {
    auto got = std::make_shared<Got>();
    on_loop([&] {
      ++running;
      net::spawn(loop, run(this, std::move(ask), got));
    });
    settle();
    return got;
  }
  Got get(Ask ask = {}) {
    auto got = start(std::move(ask));
    EXPECT_TRUE(got->done);
    return *got;
  }
  Got get(FieldList fields) {
    Ask ask;
    ask.fields = std::move(fields);
    return get(std::move(ask));
  }
  void answer(FieldList fields, std::string content = "content", int status = 200) {
    Answer a;
    a.status = status;
    a.fields = std::move(fields);
    a.content = std::move(content);
    origin->script.push_back(std::move(a));
  }
  // Lets the loop go round until nothing more happens by itself: nothing here waits for anything but gates.
  void settle() {
    for (int i = 0; i < 20; ++i) on_loop([] {});
  }

  static net::Task<void> run(CacheRig* rig, Ask ask, std::shared_ptr<Got> got) {
    auto endpoint = base::Endpoint::parse(ask.client).value();
    http::Request r(rig->loop);
    r.method = ask.method;
    r.path = r.target = ask.path;
    r.scheme = "http";
    r.host = r.authority = "example.org";
    r.route = ask.route;
    r.client = &endpoint;
    for (const auto& [name, value] : ask.fields) r.fields.add(name, value);
    auto response = co_await rig->handler->handle(r);
    if (!response) {
      got->failed = true;
    } else {
      got->status = response->head->status;
      got->fields = response->head->fields;
      got->complete = true;
      std::size_t chunks = 0;
      while (response->body && chunks++ < ask.leave_after) {
        Result<http::Chunk> chunk = http::Chunk{};
        if (!response->body->poll(chunk)) chunk = co_await response->body->fetch();
        if (!chunk) got->complete = false;
        if (!chunk) break;
        got->content += chunk->data;
        if (chunk->last) break;
      }
      response->body.reset();
    }
    got->cache_result = r.cache_result;
    got->done = true;
    --rig->running;
  }

  base::Log log{{.level = base::Level::error}};
  base::Metrics metrics;
  base::StatusBoard board;
  base::Telemetry telemetry{log, metrics, board};
  net::Loop loop{1};  // has a thread of its own; the test touches what it uses only while that is idle
  std::thread thread;
  int running = 0;
  std::shared_ptr<ScriptOrigin> origin = std::make_shared<ScriptOrigin>();
  std::shared_ptr<cache::Cache> cache;
  std::shared_ptr<cache::CacheHandler> handler;
};

}  // namespace genkan::test
