// Fields, targets, the router.
#include <gtest/gtest.h>

#include "http/router.hpp"
#include "http/target.hpp"
#include "net/loop.hpp"

namespace genkan::http {
namespace {

TEST(Fields, are_found_without_case_and_kept_in_order) {
  Fields f;
  f.add("Set-Cookie", "a");
  f.add("X-One", "1");
  f.add("set-cookie", "b");
  EXPECT_EQ(f.count(FieldId::set_cookie), 2u);
  EXPECT_EQ(f.get("SET-COOKIE"), "a");
  EXPECT_EQ(f.joined("set-cookie"), "a, b");
  f.set("x-one", "2");
  EXPECT_EQ(f.get("X-One"), "2");
  f.remove(FieldId::set_cookie);
  EXPECT_FALSE(f.has(FieldId::set_cookie));
  EXPECT_EQ(f.size(), 1u);
}

TEST(Fields, a_copy_outlives_the_buffer) {
  Fields copy;
  {
    const std::string head = "Host: example.org\r\n";
    Fields parsed;
    parsed.clear(head.data());
    parsed.add_parsed(0, 4, 6, 11);
    copy = parsed;
  }
  EXPECT_EQ(copy.get(FieldId::host), "example.org");
}

TEST(Fields, every_known_name_is_found_by_its_id) {
  for (unsigned i = 1; i < static_cast<unsigned>(FieldId::count_); ++i) {
    const auto id = static_cast<FieldId>(i);
    EXPECT_EQ(field_id(field_name(id)), id) << field_name(id);
  }
  EXPECT_EQ(field_id("X-Unknown"), FieldId::other);
  EXPECT_EQ(field_id(""), FieldId::other);
}

std::string normal(std::string_view path) {
  std::string store;
  const auto result = normalise_path(path, store);
  return result ? std::string(*result) : "malformed";
}

TEST(Target, paths_are_normalised_once) {
  EXPECT_EQ(normal("/a/b"), "/a/b");
  EXPECT_EQ(normal("/a/./b/../c"), "/a/c");
  EXPECT_EQ(normal("/a//b///c"), "/a/b/c");
  EXPECT_EQ(normal("/%61%2D%7e"), "/a-~");
  EXPECT_EQ(normal("/a%2fb"), "/a%2Fb") << "an encoded slash stays one";
  EXPECT_EQ(normal("/a/%2e%2e/b"), "/b");
  EXPECT_EQ(normal("/a/.."), "/");
  EXPECT_EQ(normal("/a/."), "/a/");
  EXPECT_EQ(normal("/.hidden"), "/.hidden");
}

TEST(Target, what_climbs_out_or_is_badly_encoded_is_malformed) {
  for (const char* bad : {"/..", "/a/../../b", "/%2e%2e/x", "/%", "/%4", "/%zz", "/%00"})
    EXPECT_EQ(normal(bad), "malformed") << bad;
}

// Each of these is the root's /admin to some server, and something harmless below /public to a rule that does not look.
TEST(Target, no_trick_hides_a_climb_from_the_rules) {
  for (const char* bad : {"/public/%2e%2e%2fadmin", "/public/..%2Fadmin", "/public/..%5cadmin", "/public/..\\admin",
                          "/public/..;/admin", "/public/..;a=b/admin", "/public/%2e%2e;/admin", "/public/..%3b/admin",
                          "/public/x%2f..%2f..%2fadmin", "/public/%c0%ae%c0%ae/admin", "/public/..%c0%afadmin",
                          "/public/%e0%80%ae/", "/public/%2e.%2fadmin", "/public/a%00.png", "/public/.%2e\\admin"}) {
    EXPECT_EQ(normal(bad), "malformed") << bad;
  }
  EXPECT_EQ(normal("/public/../admin"), "/admin") << "plain dots are resolved before any rule";
  EXPECT_EQ(normal("/public/%2e%2e/admin"), "/admin");
  EXPECT_EQ(normal("/public//../admin"), "/admin");
  EXPECT_EQ(normal("/public/%252e%252e%252fadmin"), "/public/%252e%252e%252fadmin") << "decoded once, never twice";
  EXPECT_EQ(normal("/a;v=1/b;x"), "/a;v=1/b;x") << "parameters are part of their segment";
  EXPECT_EQ(normal("/a\\b"), "/a%5Cb");
  EXPECT_EQ(normal("/a/...%2fb"), "/a/...%2Fb");
}

TEST(Target, double_slashes_are_one_or_kept) {
  std::string store;
  EXPECT_EQ(normalise_path("//a///b//", store).value(), "/a/b/");
  EXPECT_EQ(normalise_path("//a///b//", store, false).value(), "//a///b//");
  EXPECT_EQ(normalise_path("/a//../b", store, false).value(), "/a/b") << "an empty segment is one (RFC 3986 5.2.4)";
  EXPECT_EQ(normalise_path("//", store, false).value(), "//");
}

TEST(Target, what_is_normal_stays_as_it_is) {
  for (const char* path : {"/public/%2e%2e/x", "/a%2fb/%7e", "/%e4/..;/x", "/a/./b//c", "/a\\b"}) {
    const auto once = normal(path);
    if (once != "malformed") {
      EXPECT_EQ(normal(once), once) << path;
    }
  }
}

TEST(Target, the_four_forms_are_told_apart) {
  EXPECT_EQ(split_target("/a?b")->form, TargetForm::origin);
  EXPECT_EQ(split_target("/a?b")->query, "b");
  EXPECT_EQ(split_target("http://h:1/x?y")->authority, "h:1");
  EXPECT_EQ(split_target("http://h")->path, "/");
  EXPECT_EQ(split_target("*")->form, TargetForm::asterisk);
  EXPECT_EQ(split_target("h:443")->form, TargetForm::authority);
  for (const char* bad : {"", "/a b", "/a#b", "/\x01", "/\xc3\xa9", "ftp://h/"}) EXPECT_FALSE(split_target(bad)) << bad;
}

TEST(Authority, follows_rfc3986) {
  EXPECT_EQ(parse_authority("example.org:8080")->port, "8080");
  EXPECT_EQ(parse_authority("[::1]:80")->host, "[::1]");
  EXPECT_TRUE(parse_authority("a_b.example"));
  EXPECT_TRUE(parse_authority("example.org:"));
  for (const char* bad : {"", "a:b", "a:70000", "user@a", "[::1", "[abc]", "a b", "a/b", ":80", "a,b:1:2", "[::1]x"}) {
    EXPECT_FALSE(parse_authority(bad)) << bad;
  }
}

class Nothing final : public Handler {
  net::Task<Result<Response>> handle(Request& r) override { co_return r.reply(204); }
};

struct Table {
  std::vector<conf::Route> routes;
  conf::Route& add(std::string name) {
    routes.emplace_back();
    routes.back().name = std::move(name);
    return routes.back();
  }
  std::string match(std::string_view host, std::string_view path, std::string_view agent = "",
                    std::string_view method = "GET") {
    net::Loop loop(1);
    Request r(loop);
    r.host = host;
    r.path = path;
    r.method_text = method;
    r.fields.add("User-Agent", agent);
    std::string why;
    auto router =
        Router::make(routes, std::vector<std::shared_ptr<Handler>>(routes.size(), std::make_shared<Nothing>()), why);
    const int row = (*router)->match(r);
    return row < 0 ? "none" : std::string((*router)->name(row));
  }
};

TEST(Router, the_first_row_that_matches_wins) {
  Table t;
  t.add("exact").hosts = {"Example.org"};
  t.add("wild").hosts = {"*.example.org"};
  t.add("pattern").hosts = {"~^shop[0-9]+\\."};
  t.add("api").path_prefix = "/api/";
  t.add("one").path = "/one";
  t.add("images").path_pattern = "\\.(png|jpg)$";
  t.add("bots").user_agent = "bot|crawler";
  t.add("posts").methods = {"POST"};
  EXPECT_EQ(t.match("example.org", "/"), "exact");
  EXPECT_EQ(t.match("www.example.org", "/"), "wild");
  EXPECT_EQ(t.match("shop12.test", "/"), "pattern");
  EXPECT_EQ(t.match("x", "/api/y"), "api");
  EXPECT_EQ(t.match("x", "/one"), "one");
  EXPECT_EQ(t.match("x", "/one/two"), "none");
  EXPECT_EQ(t.match("x", "/a/b.png"), "images");
  EXPECT_EQ(t.match("x", "/", "GoogleBot/2.1"), "bots");
  EXPECT_EQ(t.match("x", "/", "", "POST"), "posts");
  EXPECT_EQ(t.match("badexample.org", "/"), "none");
}

TEST(Router, header_rules_must_all_match) {
  Table t;
  auto& row = t.add("both");
  row.headers = {"X-Beta: ^yes$", "Accept: json"};
  net::Loop loop(1);
  std::string why;
  auto router = Router::make(t.routes, {std::make_shared<Nothing>()}, why);
  ASSERT_TRUE(router);
  Request r(loop);
  r.fields.add("X-Beta", "yes");
  EXPECT_EQ((*router)->match(r), -1);
  r.fields.add("Accept", "application/json");
  EXPECT_EQ((*router)->match(r), 0);
}

}  // namespace
}  // namespace genkan::http
