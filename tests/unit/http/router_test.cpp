// The table of routes: each condition, the order, and that the index finds what asking row by row finds.
#include "http/router.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "http/lookup.hpp"
#include "net/loop.hpp"
#include "net/tls_stream.hpp"

namespace genkan::http {
namespace {

class FakeTls final : public net::TlsStream {
 public:
  std::string name = "www.example", ver = "TLSv1.3";
  std::optional<net::PeerCertificate> certificate;
  ssize_t read(net::Socket&, char*, std::size_t, net::TlsWant&, Error&) noexcept override { return 0; }
  ssize_t write(net::Socket&, const char*, std::size_t, net::TlsWant&, Error&) noexcept override { return 0; }
  bool handshake(net::Socket&, net::TlsWant&, Error&) noexcept override { return true; }
  void close_notify(net::Socket&) noexcept override {}
  bool pending() const noexcept override { return false; }
  std::string_view server_name() const noexcept override { return name; }
  std::string_view alpn() const noexcept override { return {}; }
  std::string_view version() const noexcept override { return ver; }
  std::string_view cipher() const noexcept override { return {}; }
  const net::PeerCertificate* peer() const noexcept override { return certificate ? &*certificate : nullptr; }
};

struct Asked {
  net::Loop loop{1};
  base::Endpoint client = base::Endpoint::parse("192.0.2.7:1").value();
  Request r{loop};
  explicit Asked(std::string_view host = "example.org", std::string_view path = "/") {
    r.host = host;
    r.path = path;
    r.method_text = "GET";
    r.scheme = "http";
    r.client = &client;
    r.started_wall = WallClock::now();
  }
};

std::shared_ptr<Router> table(std::vector<conf::Route> routes) {
  std::string why;
  auto made = Router::make(routes, std::vector<std::shared_ptr<Handler>>(routes.size()), why);
  EXPECT_TRUE(made) << why;
  return made ? *made : nullptr;
}

Condition miss(const conf::Route& route, const Request& r) { return table({route})->first_miss(0, r); }

TEST(Router, a_row_asks_for_the_kind_of_program) {
  conf::Route route;
  route.agents = {"mobile"};
  Asked a;
  EXPECT_EQ(miss(route, a.r), Condition::agent) << "no User-Agent is a bot";
  a.r.fields.set("User-Agent", "Mozilla/5.0 (Linux; Android 14) Chrome/126 Mobile Safari/537.36");
  EXPECT_EQ(miss(route, a.r), Condition::none);
  a.r.fields.set("User-Agent", "Mozilla/5.0 (Linux; Android 6) Mobile (compatible; Googlebot/2.1; +http://g.co/bot)");
  EXPECT_EQ(miss(route, a.r), Condition::agent) << "a crawler is no phone";
  route.agents = {"bot"};
  EXPECT_EQ(miss(route, a.r), Condition::none);
  route.agents = {"browser"};
  a.r.fields.set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
  EXPECT_EQ(miss(route, a.r), Condition::none);
}

TEST(Router, a_row_asks_for_cookies_and_arguments) {
  conf::Route route;
  route.cookies = {"beta: ^1$"};
  Asked a;
  EXPECT_EQ(miss(route, a.r), Condition::cookie);
  a.r.fields.set("Cookie", "xbeta=1; beta=12; other=beta=1");
  EXPECT_EQ(miss(route, a.r), Condition::cookie) << "the first one of that very name counts";
  a.r.fields.set("Cookie", "a=b;beta=1");
  EXPECT_EQ(miss(route, a.r), Condition::none);

  route = {};
  route.args = {"name: ^two words$"};
  a.r.query = "x=1&name=two+words";
  EXPECT_EQ(miss(route, a.r), Condition::none);
  a.r.query = "n%61me=two%20words";
  EXPECT_EQ(miss(route, a.r), Condition::none);
  a.r.query = "name=two&name=two+words";
  EXPECT_EQ(miss(route, a.r), Condition::arg);
}

TEST(Router, a_row_asks_for_the_client_and_its_connection) {
  conf::Route route;
  route.from = {base::Cidr::parse("192.0.2.0/24").value()};
  Asked a;
  EXPECT_EQ(miss(route, a.r), Condition::none);
  a.client = base::Endpoint::parse("198.51.100.1:1").value();
  EXPECT_EQ(miss(route, a.r), Condition::from);

  FakeTls tls;
  route = {};
  route.tls_versions = {"1.3"};
  EXPECT_EQ(miss(route, a.r), Condition::tls_version) << "without TLS";
  a.r.tls = &tls;
  EXPECT_EQ(miss(route, a.r), Condition::none);
  route.server_names = {"*.EXAMPLE"};
  EXPECT_EQ(miss(route, a.r), Condition::none);
  tls.name = "example";
  EXPECT_EQ(miss(route, a.r), Condition::server_name);
  route = {};
  route.client_certificate = "CN=backup";
  EXPECT_EQ(miss(route, a.r), Condition::client_certificate);
  tls.certificate.emplace().subject = "CN=backup,O=Example";
  EXPECT_EQ(miss(route, a.r), Condition::none);
  route = {};
  route.scheme = "https";
  EXPECT_EQ(miss(route, a.r), Condition::scheme);
}

TEST(Router, a_row_asks_for_the_time_of_the_week) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  conf::Route route;
  Asked a;
  const auto at = [&](const char* date) { a.r.started_wall = base::parse_http_date(date).value(); };
  route.times = {"Mon-Fri 08:00-18:00"};
  at("Fri, 20 Nov 2026 17:59:59 GMT");
  EXPECT_EQ(miss(route, a.r), Condition::none);
  at("Fri, 20 Nov 2026 18:00:00 GMT");
  EXPECT_EQ(miss(route, a.r), Condition::time);
  at("Sat, 21 Nov 2026 12:00:00 GMT");
  EXPECT_EQ(miss(route, a.r), Condition::time);
  route.times = {"Sat 22:00-06:00"};
  at("Sun, 22 Nov 2026 05:59:00 GMT");
  EXPECT_EQ(miss(route, a.r), Condition::none) << "over midnight, and over the end of the week";
  at("Sun, 22 Nov 2026 22:30:00 GMT");
  EXPECT_EQ(miss(route, a.r), Condition::time);
}

TEST(Router, a_prefix_tree_finds_every_prefix_and_nothing_else) {
  PrefixTree tree;
  const std::vector<std::string> prefixes{"/", "/a", "/ab/", "/abc", "/b", "/abcd/e", "/abc"};
  for (std::size_t i = 0; i < prefixes.size(); ++i) tree.add(prefixes[i], static_cast<int>(i));
  for (const std::string text : {"/", "/abcd/ef", "/ab", "/ab/c", "/c", "", "/abc"}) {
    std::vector<int> found;
    tree.each_prefix(text, [&](const Rows& rows) { found.insert(found.end(), rows.begin(), rows.end()); });
    std::sort(found.begin(), found.end());
    std::vector<int> expected;
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
      if (text.starts_with(prefixes[i])) expected.push_back(static_cast<int>(i));
    }
    EXPECT_EQ(found, expected) << text;
  }
}

// Small alphabets, so that rows overlap a lot.
conf::Route random_route(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<const char*> items) {
    return std::string(*(items.begin() + random() % items.size()));
  };
  conf::Route route;
  for (unsigned n = random() % 3; n > 0; --n) {
    route.hosts.push_back(pick({"a.org", "b.org", "*.org", "*.b.org", "~^[ab]", "~c$", "x.b.org"}));
  }
  switch (random() % 5) {
    case 0:
      route.path = pick({"/", "/a", "/a/b", "/b"});
      break;
    case 1:
      route.path_prefix = pick({"/", "/a", "/a/", "/a/b", "/b/"});
      break;
    case 2:
      route.path_pattern = pick({"^/a", "b$", "c", "/a/.*b"});
      break;
    default:
      break;
  }
  if (random() % 3 == 0) route.methods = {pick({"GET", "POST"})};
  if (random() % 4 == 0) route.user_agent = pick({"one", "two"});
  if (random() % 4 == 0) route.headers = {pick({"X-A: 1", "X-A: 2"})};
  return route;
}

TEST(Router, the_index_finds_what_asking_row_by_row_finds) {
  std::mt19937 random(20261123);
  for (int round = 0; round < 60; ++round) {
    std::vector<conf::Route> routes;
    for (unsigned n = 9 + random() % 60; n > 0; --n) routes.push_back(random_route(random));
    const auto router = table(routes);
    for (const char* host : {"a.org", "b.org", "x.b.org", "y.x.b.org", "org", "c", ""}) {
      for (const char* path : {"/", "/a", "/a/b", "/a/b/c", "/b/", "/c"}) {
        Asked a(host, path);
        a.r.method_text = random() % 2 ? "GET" : "POST";
        if (random() % 2) a.r.fields.add("User-Agent", random() % 2 ? "ONE" : "two");
        if (random() % 2) a.r.fields.add("X-A", random() % 2 ? "1" : "2");
        ASSERT_EQ(router->match(a.r), router->match_in_order(a.r)) << host << path << " round " << round;
      }
    }
  }
}

// Not a measure of time: how many rows are asked is what must not grow, and that shows in the bound.
TEST(Router, ten_thousand_rows_of_every_kind_are_found_by_the_index) {
  std::vector<conf::Route> routes;
  for (int i = 0; i < 10'000; ++i) {
    conf::Route route;
    const std::string n = std::to_string(i);
    switch (i % 4) {
      case 0:
        route.path = "/exact/" + n;
        break;
      case 1:
        route.path_prefix = "/prefix/" + n + "/";
        break;
      case 2:
        route.path_pattern = "^/pattern/" + n + "/[0-9]+$";
        break;
      default:
        route.hosts = {"h" + n + ".example"};
    }
    routes.push_back(std::move(route));
  }
  const auto router = table(routes);
  EXPECT_EQ(router->match(Asked("x", "/exact/9996").r), 9996);
  EXPECT_EQ(router->match(Asked("x", "/prefix/9997/x").r), 9997);
  EXPECT_EQ(router->match(Asked("x", "/pattern/9998/12").r), 9998);
  EXPECT_EQ(router->match(Asked("h9999.example", "/").r), 9999);
  EXPECT_EQ(router->match(Asked("x", "/nothing").r), -1);
}

TEST(Lookup, the_kinds_of_programs) {
  EXPECT_EQ(agent_class(""), kBot);
  EXPECT_EQ(agent_class("curl/8.5.0"), kBot);
  EXPECT_EQ(agent_class("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"), kBot);
  EXPECT_EQ(agent_class("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"),
            kBrowser | kMobile);
  EXPECT_EQ(agent_class("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36"), kBrowser);
}

}  // namespace
}  // namespace genkan::http
