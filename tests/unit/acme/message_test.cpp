// What a CA says, and what strangers could say in its place.
#include "acme/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(AcmeUrl, host_port_and_target_are_told_apart) {
  const auto plain = Url::parse("https://CA.example/dir?x=1");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "ca.example");
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(plain->target, "/dir?x=1");
  EXPECT_EQ(plain->authority(), "ca.example");
  EXPECT_EQ(Url::parse("https://ca.example:14000")->authority(), "ca.example:14000");
  EXPECT_EQ(Url::parse("https://ca.example:14000")->target, "/");
  EXPECT_EQ(Url::parse("https://ca.example?x")->target, "/?x");
  EXPECT_EQ(Url::parse("https://[2001:db8::1]:8443/")->authority(), "[2001:db8::1]:8443");
}

TEST(AcmeUrl, what_we_would_not_ask_is_refused) {
  for (const char* wrong :
       {"", "http://ca.example/", "https://", "https:///x", "https://u@ca.example/", "https://ca.example/ x",
        "https://ca.example/#f", "https://ca.example:0/", "https://ca.example:99999/", "https://ca.example:/",
        "https://ca.example\r\nX: y/", "https://[::1", "https://[x]/", "https://ca.example\\@evil.example/",
        "https://c\xc3\xa4.example/", "ftp://ca.example/"}) {
    EXPECT_FALSE(Url::parse(wrong)) << wrong;
  }
  EXPECT_FALSE(Url::parse("https://ca.example/" + std::string(3000, 'x')));
}

TEST(AcmeDirectory, needs_its_three_addresses) {
  const auto good = read_directory(R"({"newNonce":"https://c/n","newAccount":"https://c/a","newOrder":"https://c/o",
      "meta":{"termsOfService":"https://c/t","externalAccountRequired":true},"x":[1,{"y":null}]})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->new_order, "https://c/o");
  EXPECT_EQ(good->terms, "https://c/t");
  EXPECT_TRUE(good->external_account_required);
  for (const char* wrong : {"", "{}", "[]", "null", "<html>", "{\"newNonce\":\"https://c/n\"}", "{\"newNonce\":1}",
                            R"({"newNonce":"http://c/n","newAccount":"https://c/a","newOrder":"https://c/o"})",
                            R"({"newNonce":"https://c/n","newAccount":"https://c/a","newOrder":"https://c/o")"}) {
    EXPECT_FALSE(read_directory(wrong)) << wrong;
  }
}

TEST(AcmeJson, depth_and_length_are_limited) {
  const std::string deep(100, '[');
  EXPECT_EQ(read_order("{\"status\":" + deep).error(), Errc::malformed);
  EXPECT_EQ(read_order("{\"x\":\"" + std::string(kMaxJson, 'x') + "\"}").error(), Errc::too_large);
}

TEST(AcmeOrder, is_read_with_its_error) {
  const auto order = read_order(R"({"status":"invalid","authorizations":["https://c/1","https://c/2"],
      "finalize":"https://c/f","error":{"type":"urn:ietf:params:acme:error:caa","detail":"no",
      "subproblems":[{"identifier":{"type":"dns","value":"a.example"},"detail":"forbidden"}]}})");
  ASSERT_TRUE(order);
  EXPECT_EQ(order->status, Order::Status::invalid);
  EXPECT_THAT(order->authorizations, ElementsAre("https://c/1", "https://c/2"));
  EXPECT_EQ(order->error.type, "caa");
  EXPECT_EQ(order->error.detail, "no; a.example: forbidden");
}

TEST(AcmeOrder, addresses_that_are_none_are_refused) {
  EXPECT_FALSE(read_order(R"({"status":"pending","authorizations":["file:///etc/passwd"]})"));
  EXPECT_FALSE(read_order(R"({"status":"pending","authorizations":[1]})"));
  EXPECT_FALSE(read_order(R"({"status":"new"})"));
  std::string many = R"({"status":"pending","authorizations":[)";
  for (int i = 0; i < 101; ++i) many += (i > 0 ? "," : "") + std::string("\"https://c/1\"");
  EXPECT_EQ(read_order(many + "]}").error(), Errc::too_large);
}

TEST(AcmeAuthorization, unknown_and_broken_challenges_are_passed_over) {
  const auto one = read_authorization(R"({"status":"pending","identifier":{"type":"dns","value":"A.example"},
      "challenges":[{"type":"dns-01","url":"https://c/d","token":"t","status":"pending"},7,
      {"type":"http-01","url":"https://c/h","token":"../../etc/passwd","status":"pending"},
      {"type":"tls-alpn-01","url":"https://c/t","token":"tok_-1","status":"invalid",
       "error":{"type":"urn:ietf:params:acme:error:tls","detail":"no TLS"}}]})");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->name, "a.example");
  EXPECT_EQ(one->find("http-01"), nullptr) << "its token is no token";
  EXPECT_EQ(one->find("dns-01"), nullptr);
  ASSERT_NE(one->find("tls-alpn-01"), nullptr);
  EXPECT_EQ(one->find("tls-alpn-01")->error.type, "tls");
  EXPECT_FALSE(read_authorization(R"({"status":"pending","identifier":{"type":"ip","value":"192.0.2.1"}})"));
  EXPECT_FALSE(read_authorization(R"({"status":"pending"})"));
}

TEST(AcmeProblem, is_one_printable_line) {
  const auto problem = read_problem(R"({"type":"urn:ietf:params:acme:error:dns","detail":"a\nb\u001b[31mc"})");
  EXPECT_EQ(problem.type, "dns");
  EXPECT_EQ(problem.detail, "a b [31mc");
  EXPECT_EQ(read_problem(R"({"type":"about:blank"})").type, "about:blank");
  EXPECT_THAT(read_problem("<html>").type, IsEmpty());
  EXPECT_EQ(read_problem(R"({"detail":")" + std::string(5000, 'x') + "\"}").detail.size(), 600u);
}

TEST(AcmeRetryAfter, is_seconds_or_a_date) {
  const WallTime now = WallTime(std::chrono::seconds(1'700'000'000));  // Tue, 14 Nov 2023 22:13:20 GMT
  EXPECT_EQ(read_retry_after("120", now), 120s);
  EXPECT_EQ(read_retry_after(" 0 ", now), 0s);
  EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), 60s);
  EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:00:00 GMT", now), 0s) << "has passed";
  EXPECT_EQ(read_retry_after("99999999999", now), 168h);
  EXPECT_EQ(read_retry_after("", now), std::nullopt);
  EXPECT_EQ(read_retry_after("soon", now), std::nullopt);
  EXPECT_EQ(read_retry_after("-5", now), std::nullopt);
}

TEST(AcmeToken, is_base64url) {
  EXPECT_TRUE(is_token("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"));
  EXPECT_TRUE(is_token("-_"));
  for (const char* wrong : {"", "a/b", "a.b", "a=", "a b", "a\n", "\xc3\xa4"}) EXPECT_FALSE(is_token(wrong)) << wrong;
  EXPECT_FALSE(is_token(std::string(257, 'a')));
}

TEST(ForPeople, cuts_at_a_whole_character) {
  EXPECT_EQ(for_people("abcdef", 6), "abcdef");
  EXPECT_EQ(for_people("abcdefg", 6), "abc...");
  EXPECT_EQ(for_people("\xff\xfe", 10), "  ");
}

}  // namespace
}  // namespace genkan::acme
