// The decisions of the layers around a route: texts, fields, origins, passwords, splits, the pace of a body.
#include <argon2.h>
#include <crypt.h>
#include <gtest/gtest.h>

#include "http/min_rate.hpp"
#include "net/loop.hpp"
#include "proxy/access.hpp"
#include "proxy/auth_request.hpp"
#include "proxy/basic_auth.hpp"
#include "proxy/browser_fields.hpp"
#include "proxy/password.hpp"
#include "proxy/rewrite.hpp"
#include "proxy/split.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {
namespace {

struct Asked {
  net::Loop loop{1};
  base::Endpoint client = base::Endpoint::parse("192.0.2.77:1").value();
  http::Request r{loop};
  Asked() {
    r.host = "example.org";
    r.path = "/a/b";
    r.query = "x=1&y=a%20b";
    r.has_query = true;
    r.method_text = "GET";
    r.scheme = "http";
    r.client = &client;
    r.client_text = "192.0.2.77";
  }
};

TEST(Texts, are_filled_from_the_request) {
  Asked a;
  a.r.fields.add("X-A", "one");
  a.r.fields.add("Cookie", "c=two");
  a.r.fields.add("Authorization", "Basic YW5uOng=");
  EXPECT_EQ(Text("{scheme}://{host}{target}").fill(a.r), "http://example.org/a/b?x=1&y=a%20b");
  EXPECT_EQ(Text("{header:x-a}/{cookie:c}/{arg:y}/{user}").fill(a.r), "one/two/a b/ann");
  EXPECT_EQ(Text("{network}").fill(a.r), "192.0.2.0") << "whoever has one address of a /24 shares its bucket";
  EXPECT_EQ(Text("{status}").fill(a.r, 404), "404");
  const std::vector<std::string_view> groups{"all", "first"};
  EXPECT_EQ(Text("/{1}/{2}").fill(a.r, 0, groups), "/first/");
  EXPECT_EQ(Text("{header:None}{tls_version}").fill(a.r), "");
}

TEST(Texts, the_request_id_is_made_once) {
  Asked a;
  const std::string made = Text("{request_id}").fill(a.r);
  EXPECT_GE(made.size(), 16u);
  EXPECT_EQ(Text("{request_id}").fill(a.r), made);
}

TEST(Texts, nothing_harmful_gets_into_a_field_or_a_url) {
  EXPECT_EQ(field_safe("a\r\nX: b"), "a  X: b");
  EXPECT_EQ(field_safe(" a\x7f"), "a");
  EXPECT_EQ(url_safe("/a b\r\n<\xc3\xa4>%20"), "/a%20b%0D%0A%3C%C3%A4%3E%20");
}

TEST(FieldRules, set_add_and_remove_and_see_the_request_as_it_came) {
  Asked a;
  conf::RouteFields fields;
  fields.set = {"X-A: {header:X-B}", "X-B: {header:X-A}", "X-Empty: {header:None}"};
  fields.add = {"X-C: {header:X-A}"};
  fields.remove = {"X-D"};
  for (const char* name : {"X-A", "X-B", "X-D", "X-Empty"}) a.r.fields.add(name, name + 2);
  FieldRules(fields).apply(a.r, a.r.fields);
  EXPECT_EQ(a.r.fields.joined("X-A"), "B");
  EXPECT_EQ(a.r.fields.joined("X-B"), "A");
  EXPECT_EQ(a.r.fields.joined("X-C"), "A");
  EXPECT_FALSE(a.r.fields.get("X-D"));
  EXPECT_FALSE(a.r.fields.get("X-Empty"));
}

TEST(Addresses, deny_comes_before_allow) {
  conf::Route route;
  Asked a;
  route.allow = {base::Cidr::parse("192.0.2.0/24").value()};
  EXPECT_TRUE(AddressLayer(nullptr, route).passes(a.r));
  route.deny = {base::Cidr::parse("192.0.2.77/32").value()};
  EXPECT_FALSE(AddressLayer(nullptr, route).passes(a.r));
  route.allow = {base::Cidr::parse("10.0.0.0/8").value()};
  route.deny.clear();
  EXPECT_FALSE(AddressLayer(nullptr, route).passes(a.r));
}

TEST(Cors, an_origin_is_allowed_by_its_very_name_or_a_parent) {
  const std::vector<std::string> allowed{"https://app.example", "https://*.example.org"};
  EXPECT_TRUE(origin_allowed(allowed, "https://app.example"));
  EXPECT_TRUE(origin_allowed(allowed, "https://a.b.example.org"));
  for (const char* no :
       {"http://app.example", "https://example.org", "https://badexample.org", "https://app.example.evil",
        "https://x/.example.org", "https://user@.example.org", "https://x:1.example.org", "null", ""}) {
    EXPECT_FALSE(origin_allowed(allowed, no)) << no;
  }
}

TEST(Passwords, are_checked_against_each_kind_of_hash) {
  auto data = std::make_unique<::crypt_data>();
  for (const char* setting :
       {"$2y$05$abcdefghijklmnopqrstuu", "$6$rounds=1000$salt$", "$5$rounds=1000$salt$", "$y$j75$salt$"}) {
    const char* made = ::crypt_r("secret", setting, data.get());
    ASSERT_TRUE(made && made[0] == '$') << setting;
    const std::string hash = made;
    EXPECT_TRUE(check_password("secret", hash)) << setting;
    EXPECT_FALSE(check_password("secreT", hash)) << setting;
    EXPECT_FALSE(check_password(std::string("secret\0x", 8), hash)) << "crypt() would stop at the zero";
  }
  std::array<char, 128> argon{};
  ASSERT_EQ(::argon2id_hash_encoded(1, 64, 1, "secret", 6, "somesalt", 8, 32, argon.data(), argon.size()), 0);
  EXPECT_TRUE(check_password("secret", argon.data()));
  EXPECT_FALSE(check_password("secreT", argon.data()));
  for (const char* nothing : {"", "*", "$argon2id$", "$2y$05$x", "{SHA}"}) {
    EXPECT_FALSE(check_password("x", nothing)) << nothing;
  }
}

TEST(Passwords, a_file_has_a_name_and_a_known_hash_in_each_line) {
  std::string why;
  const auto users = parse_passwords("# x\n\nann:$5$abc\r\nbob:$6$a$b:more\n", why);
  ASSERT_TRUE(users) << why;
  EXPECT_EQ(users->at("ann"), "$5$abc");
  EXPECT_EQ(users->at("bob"), "$6$a$b");
  EXPECT_FALSE(parse_passwords("ann", why));
  EXPECT_FALSE(parse_passwords("a:$6$x\nann:plain\n", why));
  EXPECT_TRUE(why.starts_with("line 2:")) << why;
}

TEST(BasicAuth, credentials_are_taken_apart) {
  const auto good = parse_basic("basic  YW5uOmE6Yg==");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->user, "ann");
  EXPECT_EQ(good->password, "a:b");
  for (const char* bad : {"", "Basic", "Basic !!!", "Bearer YW5uOmE=", "Basic YW5u"}) {
    EXPECT_FALSE(parse_basic(bad)) << bad;
  }
}

TEST(AuthRequest, only_2xx_lets_pass) {
  for (const int s : {200, 204, 299}) EXPECT_EQ(auth_verdict(s), AuthVerdict::pass);
  for (const int s : {401, 403, 302}) EXPECT_EQ(auth_verdict(s), AuthVerdict::tell);
  for (const int s : {0, 101, 304, 404, 500, 503}) EXPECT_EQ(auth_verdict(s), AuthVerdict::failed);
}

TEST(Splits, go_by_rule_and_then_by_weight_and_stay_with_the_visitor) {
  conf::Route route;
  route.name = "r";
  route.splits = {{"a", 10, "X-C: ^a$", ""}, {"b", 20, "", "c: ^b$"}};
  route.split_by = "header:X-Id";
  const Split split(route, {nullptr, nullptr}, nullptr);
  Asked a;
  EXPECT_EQ(split.choose(a.r, 0), 0);
  EXPECT_EQ(split.choose(a.r, 9.9), 0);
  EXPECT_EQ(split.choose(a.r, 10), 1);
  EXPECT_EQ(split.choose(a.r, 29.9), 1);
  EXPECT_EQ(split.choose(a.r, 30), -1);
  EXPECT_FALSE(split.kept_draw(a.r)) << "without the field: by chance";
  a.r.fields.add("X-Id", "7");
  const auto draw = split.kept_draw(a.r);
  ASSERT_TRUE(draw);
  EXPECT_EQ(split.kept_draw(a.r), draw);
  EXPECT_TRUE(*draw >= 0 && *draw < 100);
  a.r.fields.add("Cookie", "c=b");
  EXPECT_EQ(split.choose(a.r, 99), 1);
  a.r.fields.add("X-C", "a");
  EXPECT_EQ(split.choose(a.r, 99), 0);
}

TEST(Pace, counts_windows_of_waiting_and_no_fast_beginning_helps) {
  http::Pace pace;
  EXPECT_FALSE(pace.too_slow(5s, 0, 100, 10s)) << "within the window nothing counts";
  EXPECT_FALSE(pace.too_slow(6s, 2000, 100, 10s)) << "11 s at 100 bytes a second are 1100";
  EXPECT_FALSE(pace.too_slow(9s, 2000, 100, 10s));
  EXPECT_TRUE(pace.too_slow(2s, 2001, 100, 10s)) << "one byte in the last window";
  http::Pace fast;
  EXPECT_FALSE(fast.too_slow(11s, 100'000'000, 100, 10s));
  EXPECT_TRUE(fast.too_slow(11s, 100'000'011, 100, 10s));
  http::Pace off;
  EXPECT_FALSE(off.too_slow(1000s, 0, 0, 10s));
}

}  // namespace
}  // namespace genkan::proxy
