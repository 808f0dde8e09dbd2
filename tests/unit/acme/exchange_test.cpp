// One order against a CA that is played here: the usual way, and every way in which it can go wrong.
#include "acme/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const WallTime kNow = WallTime(std::chrono::seconds(1'700'000'000));

Wanted wanted() {
  Wanted out;
  out.directory = "https://c/dir";
  out.names = {"a.example"};
  out.challenge = "http-01";
  out.contacts = {"mailto:a@b.example"};
  return out;
}

Answer json(std::string body, int status = 200, std::string location = {}) {
  Answer out;
  out.status = status;
  out.location = std::move(location);
  out.nonce = "n";
  out.content_type = "application/json; charset=utf-8";
  out.body = std::move(body);
  return out;
}

Answer problem(const std::string& type, int status, std::string retry_after = {}) {
  Answer out = json(R"({"type":"urn:ietf:params:acme:error:)" + type + R"(","detail":"said so"})", status);
  out.content_type = "application/problem+json";
  out.retry_after = std::move(retry_after);
  return out;
}

const std::string kDirectory =
    R"({"newNonce":"https://c/n","newAccount":"https://c/a","newOrder":"https://c/o","meta":{"termsOfService":"https://c/t"}})";
std::string order(const std::string& status, const std::string& more = "") {
  return R"({"status":")" + status + R"(","authorizations":["https://c/z/1"],"finalize":"https://c/f")" + more + "}";
}
std::string authorization(const std::string& status, const std::string& challenge = "pending",
                          const std::string& error = "") {
  return R"({"status":")" + status + R"(","identifier":{"type":"dns","value":"a.example"},"challenges":[
      {"type":"http-01","url":"https://c/ch","token":"tok","status":")" +
         challenge + "\"" + error + "}]}";
}

// An exchange, and what it wants next.
struct Play {
  Exchange exchange{wanted()};
  Action action = exchange.begin();

  Send& send() { return std::get<Send>(action); }
  bool sends(const std::string& url) const {
    const auto* s = std::get_if<Send>(&action);
    return s && s->url == url;
  }
  Failure& failure() { return std::get<Failure>(action); }
  bool failed() const { return std::holds_alternative<Failure>(action); }
  void answer(const Answer& a) { action = exchange.answered(a, kNow); }
  Duration pause() {
    const auto* p = std::get_if<Pause>(&action);
    EXPECT_NE(p, nullptr);
    const Duration length = p ? p->length : Duration::zero();
    action = exchange.waited();
    return length;
  }
  void to_account() {
    answer(json(kDirectory));
    if (sends("https://c/n")) answer(json(""));
  }
  void to_order() {
    to_account();
    answer(json(R"({"status":"valid"})", 201, "https://c/acct/1"));
  }
  void to_authorization() {
    to_order();
    answer(json(order("pending"), 201, "https://c/o/1"));
  }
  void to_watch() {
    to_authorization();
    answer(json(authorization("pending")));
    action = exchange.proved();
    answer(json("{}"));
  }
  void to_finalize() {
    to_watch();
    pause();
    answer(json(authorization("valid", "valid")));
    action = exchange.requested("csr");
  }
};

TEST(Exchange, from_the_directory_to_the_certificate) {
  Play p;
  EXPECT_EQ(p.send().form, Send::Form::get);
  EXPECT_TRUE(p.sends("https://c/dir"));
  auto directory = json(kDirectory);
  directory.nonce.clear();
  p.answer(directory);
  EXPECT_TRUE(p.sends("https://c/n"));
  EXPECT_EQ(p.send().form, Send::Form::head);
  p.answer(json("", 204));
  EXPECT_TRUE(p.sends("https://c/a"));
  EXPECT_EQ(p.send().form, Send::Form::signed_by_key);
  EXPECT_EQ(p.send().payload, R"({"termsOfServiceAgreed":true,"contact":["mailto:a@b.example"]})");
  EXPECT_EQ(p.send().nonce, "n");
  p.answer(json(R"({"status":"valid"})", 201, "https://c/acct/1"));
  EXPECT_EQ(p.exchange.account(), "https://c/acct/1");
  EXPECT_TRUE(p.sends("https://c/o"));
  EXPECT_EQ(p.send().account, "https://c/acct/1");
  EXPECT_EQ(p.send().payload, R"({"identifiers":[{"type":"dns","value":"a.example"}]})");
  p.answer(json(order("pending"), 201, "https://c/o/1"));
  EXPECT_TRUE(p.sends("https://c/z/1"));
  EXPECT_EQ(p.send().payload, "") << "POST-as-GET";
  p.answer(json(authorization("pending")));
  const auto prove = std::get<Prove>(p.action);
  EXPECT_EQ(prove.name, "a.example");
  EXPECT_EQ(prove.token, "tok");
  p.action = p.exchange.proved();
  EXPECT_TRUE(p.sends("https://c/ch"));
  EXPECT_EQ(p.send().payload, "{}");
  p.answer(json("{}"));
  EXPECT_EQ(p.pause(), 250ms);
  EXPECT_TRUE(p.sends("https://c/z/1"));
  p.answer(json(authorization("valid", "valid")));
  EXPECT_TRUE(std::holds_alternative<MakeRequest>(p.action));
  p.action = p.exchange.requested("csr");
  EXPECT_TRUE(p.sends("https://c/f"));
  EXPECT_EQ(p.send().payload, R"({"csr":"Y3Ny"})");
  p.answer(json(order("processing")));
  p.pause();
  EXPECT_TRUE(p.sends("https://c/o/1"));
  p.answer(json(order("valid", R"(,"certificate":"https://c/cert")")));
  EXPECT_TRUE(p.sends("https://c/cert"));
  auto chain = json("PEM");
  chain.content_type = "application/pem-certificate-chain";
  p.answer(chain);
  EXPECT_EQ(std::get<Done>(p.action).chain, "PEM");
}

TEST(Exchange, a_known_account_is_not_made_again) {
  Wanted known = wanted();
  known.account = "https://c/acct/9";
  Play p;
  p.exchange = Exchange(known);
  p.action = p.exchange.begin();
  p.answer(json(kDirectory));
  EXPECT_TRUE(p.sends("https://c/o"));
  EXPECT_EQ(p.send().account, "https://c/acct/9");
}

TEST(Exchange, an_account_that_the_ca_has_forgotten_is_made_again_once) {
  Wanted known = wanted();
  known.account = "https://c/acct/9";
  Play p;
  p.exchange = Exchange(known);
  p.action = p.exchange.begin();
  p.answer(json(kDirectory));
  p.answer(problem("accountDoesNotExist", 400));
  EXPECT_TRUE(p.sends("https://c/dir"));
  EXPECT_EQ(p.exchange.account(), "");
  p.answer(json(kDirectory));
  EXPECT_TRUE(p.sends("https://c/a"));
  p.answer(json(R"({"status":"valid"})", 200, "https://c/acct/10"));
  EXPECT_EQ(p.send().account, "https://c/acct/10");
  p.answer(problem("accountDoesNotExist", 400));
  EXPECT_TRUE(p.failed());
}

TEST(Exchange, names_that_are_proved_already_are_not_proved_again) {
  Play p;
  p.to_authorization();
  p.answer(json(authorization("valid", "valid")));
  EXPECT_TRUE(std::holds_alternative<MakeRequest>(p.action));
}

TEST(Exchange, a_bad_nonce_is_answered_with_the_new_one_a_few_times) {
  Play p;
  p.to_order();
  for (int i = 1; i < Exchange::kMaxNonceTries; ++i) {
    auto bad = problem("badNonce", 400);
    bad.nonce = "n" + std::to_string(i);
    p.answer(bad);
    ASSERT_TRUE(p.sends("https://c/o")) << i;
    EXPECT_EQ(p.send().nonce, bad.nonce);
    EXPECT_THAT(p.send().payload, HasSubstr("a.example"));
  }
  p.answer(problem("badNonce", 400));
  EXPECT_THAT(p.failure().what, HasSubstr("none of its own nonces"));
}

TEST(Exchange, a_bad_nonce_without_a_new_one_fetches_one) {
  Play p;
  p.to_order();
  auto bad = problem("badNonce", 400);
  bad.nonce.clear();
  p.answer(bad);
  EXPECT_TRUE(p.sends("https://c/n"));
  p.answer(json("", 200));
  EXPECT_TRUE(p.sends("https://c/o"));
}

TEST(Exchange, a_nonce_that_could_break_a_header_is_not_taken) {
  Play p;
  auto directory = json(kDirectory);
  directory.nonce = "a b";
  p.answer(directory);
  EXPECT_TRUE(p.sends("https://c/n"));
  directory.nonce = std::string(600, 'x');
  p.answer(directory);
  EXPECT_GT(p.pause(), 0s);
}

TEST(Exchange, a_ca_that_is_down_is_tried_again_a_few_times) {
  Play p;
  p.to_order();
  Duration before = 0s;
  for (int i = 1; i < Exchange::kMaxTries; ++i) {
    p.answer(json("oops", 503));
    const Duration length = p.pause();
    EXPECT_GT(length, before);
    before = length;
    EXPECT_TRUE(p.sends("https://c/o"));
  }
  p.answer(json("oops", 503));
  EXPECT_THAT(p.failure().what, HasSubstr("HTTP status 503"));
  EXPECT_THAT(p.failure().advice, HasSubstr("tried again"));
}

TEST(Exchange, no_answer_is_as_an_error_of_the_server) {
  Play p;
  for (int i = 1; i < Exchange::kMaxTries; ++i) {
    p.action = p.exchange.unanswered("connection refused");
    p.pause();
  }
  p.action = p.exchange.unanswered("connection refused");
  EXPECT_EQ(p.failure().what, "reading the directory: connection refused");
}

TEST(Exchange, a_server_that_wants_to_be_left_alone_for_long_is) {
  Play p;
  p.to_order();
  auto busy = json("", 503);
  busy.retry_after = "7200";
  p.answer(busy);
  EXPECT_EQ(p.failure().wait, 2h);
}

TEST(Exchange, a_rate_limit_ends_it_with_the_cas_time) {
  Play p;
  p.to_order();
  p.answer(problem("rateLimited", 429, "3600"));
  EXPECT_TRUE(p.failure().limited);
  EXPECT_EQ(p.failure().wait, 1h);
  EXPECT_THAT(p.failure().what, HasSubstr("ordering: rateLimited: said so"));
  EXPECT_THAT(p.failure().advice, HasSubstr("a restart does not help"));
}

TEST(Exchange, polling_takes_the_time_that_the_ca_proposes) {
  Play p;
  p.to_watch();
  p.pause();
  auto pending = json(authorization("pending", "processing"));
  pending.retry_after = "7";
  p.answer(pending);
  EXPECT_EQ(p.pause(), 7s);
  EXPECT_TRUE(p.sends("https://c/z/1"));
}

TEST(Exchange, polling_ends) {
  Play p;
  p.to_watch();
  int polls = 0;
  while (std::holds_alternative<Pause>(p.action) && polls < 10'000) {
    p.pause();
    auto pending = json(authorization("pending", "processing"));
    pending.retry_after = "0";
    p.answer(pending);
    ++polls;
  }
  EXPECT_TRUE(p.failed());
  EXPECT_LE(polls, 1000);
  EXPECT_THAT(p.failure().what, HasSubstr("not finished after 10 minutes"));
}

TEST(Exchange, a_proof_that_was_not_accepted_says_why_and_what_to_do) {
  Play p;
  p.to_watch();
  p.pause();
  p.answer(json(authorization("invalid", "invalid",
                              R"(,"error":{"type":"urn:ietf:params:acme:error:connection","detail":"refused"})")));
  EXPECT_THAT(p.failure().what, HasSubstr("did not accept the proof for a.example: connection: refused"));
  EXPECT_THAT(p.failure().advice, HasSubstr("port 80"));
}

TEST(Exchange, a_challenge_that_is_not_offered_is_named) {
  Wanted tls = wanted();
  tls.challenge = "tls-alpn-01";
  Play p;
  p.exchange = Exchange(tls);
  p.action = p.exchange.begin();
  p.to_authorization();
  p.answer(json(authorization("pending")));
  EXPECT_THAT(p.failure().what, HasSubstr("offers no tls-alpn-01 for a.example"));
}

TEST(Exchange, an_authorization_for_another_name_is_not_worked_on) {
  Play p;
  p.to_authorization();
  p.answer(json(R"({"status":"pending","identifier":{"type":"dns","value":"evil.example"},"challenges":[]})"));
  EXPECT_TRUE(p.failed());
}

TEST(Exchange, an_order_that_is_not_ready_yet_is_finished_a_moment_later) {
  Play p;
  p.to_finalize();
  p.answer(problem("orderNotReady", 403));
  p.pause();
  EXPECT_TRUE(p.sends("https://c/f"));
}

TEST(Exchange, an_order_that_became_invalid_says_why) {
  Play p;
  p.to_finalize();
  p.answer(json(order("invalid", R"(,"error":{"type":"urn:ietf:params:acme:error:caa","detail":"CAA"})")));
  EXPECT_THAT(p.failure().what, HasSubstr("finishing the order: caa: CAA"));
  EXPECT_THAT(p.failure().advice, HasSubstr("CAA record"));
}

TEST(Exchange, a_closed_account_says_how_to_get_another) {
  Play p;
  p.to_order();
  p.answer(problem("unauthorized", 403));
  EXPECT_THAT(p.failure().advice, HasSubstr("remove its key"));
  Play q;
  q.to_account();
  q.answer(json(R"({"status":"revoked"})", 200, "https://c/acct/1"));
  EXPECT_THAT(q.failure().what, HasSubstr("the account is revoked"));
}

TEST(Exchange, an_external_account_is_demanded_and_given) {
  const std::string demands =
      R"({"newNonce":"https://c/n","newAccount":"https://c/a","newOrder":"https://c/o","meta":{"externalAccountRequired":true}})";
  Play p;
  p.answer(json(demands));
  EXPECT_THAT(p.failure().advice, HasSubstr("`eab_key_id`"));
  Wanted with = wanted();
  with.has_external_key = true;
  Play q;
  q.exchange = Exchange(with);
  q.action = q.exchange.begin();
  q.answer(json(demands));
  EXPECT_TRUE(q.send().bind_external);
  q.answer(problem("unauthorized", 401));
  EXPECT_THAT(q.failure().advice, HasSubstr("check `eab_key_id`"));
}

TEST(Exchange, what_is_no_json_is_no_answer) {
  Play p;
  auto page = json("<html>");
  page.content_type = "text/html";
  p.answer(page);
  EXPECT_THAT(p.failure().what, HasSubstr("no JSON but `text/html`"));
  EXPECT_THAT(p.failure().advice, HasSubstr("`directory`"));
  Play q;
  q.answer(json("{\"newNonce\":"));
  EXPECT_THAT(q.failure().what, HasSubstr("no directory"));
}

TEST(Exchange, a_chain_of_another_type_is_not_taken) {
  Play p;
  p.to_finalize();
  p.answer(json(order("valid", R"(,"certificate":"https://c/cert")")));
  p.answer(json("PEM"));
  EXPECT_THAT(p.failure().what, HasSubstr("came as `application/json"));
}

TEST(Exchange, redirections_are_not_followed) {
  Play p;
  p.answer(json("", 302, "https://elsewhere/"));
  EXPECT_THAT(p.failure().what, HasSubstr("HTTP status 302"));
}

TEST(Exchange, more_proofs_than_names_are_not_given) {
  Play p;
  p.to_order();
  p.answer(json(R"({"status":"pending","authorizations":["https://c/1","https://c/2"],"finalize":"https://c/f"})", 201,
                "https://c/o/1"));
  EXPECT_TRUE(p.failed());
}

}  // namespace
}  // namespace genkan::acme
