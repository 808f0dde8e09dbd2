// Who is answered on /.well-known/acme-challenge/, and by what.
#include "acme/challenges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/net/loop_rig.hpp"

namespace genkan::acme {
namespace {

using net::test::run;

class Routes final : public http::Handler {
 public:
  net::Task<Result<http::Response>> handle(http::Request& request) override {
    co_return request.reply(418, "text/plain", "the routes");
  }
};

struct Rig {
  std::shared_ptr<Challenges> challenges = std::make_shared<Challenges>();
  ChallengeHandler handler{challenges, std::make_shared<Routes>()};

  static net::Task<void> ask_it(ChallengeHandler& handler, http::Request& request, std::string* out) {
    const auto response = co_await handler.handle(request);
    if (!response) co_return;
    Result<http::Chunk> chunk = http::Chunk{};
    response->body->poll(chunk);
    *out = std::to_string(response->head->status) + " " + std::string(chunk->data);
  }
  std::string ask(http::Method method, std::string_view host, std::string_view path) {
    net::Loop loop(1);
    http::Request request(loop);
    request.method = method;
    request.host = host;
    request.path = path;
    std::string out;
    run(loop, ask_it(handler, request, &out));
    return out;
  }
};

TEST(ChallengeHandler, answers_pending_tokens_and_passes_everything_else_on) {
  Rig rig;
  rig.challenges->put("tok", "tok.thumb");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/tok"), "200 tok.thumb");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/other"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::post, "a.example", "/.well-known/acme-challenge/tok"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/tok/"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/x/.well-known/acme-challenge/tok"), "418 the routes");
  rig.challenges->take_back("tok");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/tok"), "418 the routes");
}

TEST(ChallengeHandler, with_a_shared_account_any_token_for_our_hosts) {
  Rig rig;
  rig.challenges->share("thumb", {"a.example"});
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/any"), "200 any.thumb");
  EXPECT_EQ(rig.ask(http::Method::get, "b.example", "/.well-known/acme-challenge/any"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/a%2Fb"), "418 the routes");
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/<script>"), "418 the routes");
  rig.challenges->share("", {});
  EXPECT_EQ(rig.ask(http::Method::get, "a.example", "/.well-known/acme-challenge/any"), "418 the routes");
}

TEST(Challenges, are_bounded) {
  Challenges challenges;
  for (int i = 0; i < 3000; ++i) challenges.put("t" + std::to_string(i), "x");
  EXPECT_TRUE(challenges.answer("", "t999"));
  EXPECT_FALSE(challenges.answer("", "t1000"));
}

}  // namespace
}  // namespace genkan::acme
