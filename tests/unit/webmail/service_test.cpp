#include "webmail/service.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/unit/temp_dir.hpp"
#include "webmail/assets.hpp"
#include "webmail/delivery.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

TEST(Throttle, FiveWrongPasswordsCloseThePairForAWhile) {
  LoginThrottle throttle;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(throttle.wait("a@x", "1.2.3.4", 1000), 0);
    throttle.failed("a@x", "1.2.3.4", 1000);
  }
  EXPECT_EQ(throttle.wait("a@x", "1.2.3.4", 1100), LoginThrottle::kWindow - 100);
  EXPECT_EQ(throttle.wait("a@x", "5.6.7.8", 1100), 0);
  EXPECT_EQ(throttle.wait("a@x", "1.2.3.4", 1000 + LoginThrottle::kWindow), 0);
}

TEST(Throttle, OneHostThatTriesManyNamesIsStopped) {
  LoginThrottle throttle;
  for (int i = 0; i < 30; ++i) throttle.failed("user" + std::to_string(i), "1.2.3.4", 1000);
  EXPECT_GT(throttle.wait("new", "1.2.3.4", 1001), 0);
}

TEST(Throttle, ASuccessTakesItsTryBack) {
  LoginThrottle throttle;
  for (int i = 0; i < 200; ++i) {
    throttle.failed("a@x", "1.2.3.4", 1000);
    throttle.succeeded("a@x", "1.2.3.4");
  }
  EXPECT_EQ(throttle.wait("a@x", "1.2.3.4", 1000), 0);
}

TEST(Throttle, ItsTableIsBounded) {
  LoginThrottle throttle;
  for (int i = 0; i < 40'000; ++i) throttle.failed("u" + std::to_string(i), std::to_string(i), 1000);
  EXPECT_EQ(throttle.wait("fresh", "fresh", 1000), 0);
}

TEST(CrossSite, OnlyOurOwnPageMayPost) {
  Ask ask;
  EXPECT_TRUE(cross_site(ask, false).empty());
  EXPECT_FALSE(cross_site(ask, true).empty());
  ask.requested_with = "genkan";
  EXPECT_TRUE(cross_site(ask, true).empty());
  for (const char* site : {"cross-site", "same-site", "nonsense"}) {
    ask.fetch_site = site;
    EXPECT_FALSE(cross_site(ask, true).empty()) << site;
  }
  ask.fetch_site = "same-origin";
  EXPECT_TRUE(cross_site(ask, true).empty());
}

TEST(Cookies, AreFoundAndWritten) {
  EXPECT_EQ(cookie_value("a=1; __Host-genkan_session=xyz; b=2", "__Host-genkan_session"), "xyz");
  EXPECT_EQ(cookie_value("xa=1", "a"), "");
  EXPECT_EQ(set_cookie("__Host-s", "v", true, 60), "__Host-s=v; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60");
}

TEST(FileNames, AreQuotedForTheHeader) {
  EXPECT_EQ(content_disposition("attachment", "日/a\r\n.png"), "attachment; filename*=UTF-8''%e6%97%a5_a%0d%0a.png");
}

TEST(AssetFiles, DeepLinksGetTheIndexAndFilesTheirType) {
  Assets assets;
  assets.add("index.html", "<!doctype html>");
  assets.add("assets/app-3F2A9C01.js", "1");
  EXPECT_EQ(assets.get("", "").body, "<!doctype html>");
  EXPECT_EQ(assets.get("mail/inbox/e1", "").body, "<!doctype html>");
  EXPECT_EQ(assets.get("missing.js", "").status, 404);
  const auto script = assets.get("assets/app-3F2A9C01.js", "");
  EXPECT_EQ(script.type, "text/javascript; charset=utf-8");
  const auto field = [](const Answer& a, std::string_view name) {
    for (const auto& [n, v] : a.fields) {
      if (n == name) return v;
    }
    return std::string();
  };
  EXPECT_NE(field(script, "Cache-Control").find("immutable"), std::string::npos);
  EXPECT_EQ(field(assets.get("", ""), "Cache-Control"), "no-cache");
  EXPECT_EQ(assets.get("assets/app-3F2A9C01.js", "W/" + field(script, "ETag")).status, 304);
}

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    users_ = std::move(*Users::open(dir_.path(), {64, 1}));
    alice_ = *users_->add("alice@example.org", "Alice", "pw");
    bob_ = *users_->add("bob@example.org", "Bob", "pw2");
    Service::Options options;
    options.state_dir = dir_.path();
    options.conf.domains = {"example.org"};
    service_ = std::make_unique<Service>(options, *users_, telemetry_);
  }

  Ask ask(const std::string& path, bool post = false, const std::string& body = "") {
    Ask a;
    a.path = path;
    a.post = post;
    a.base = "https://mail.example.org";
    a.body = body;
    a.cookie = cookie_;
    a.requested_with = "genkan";
    a.content_type = "application/json";
    a.client = *base::IpAddress::parse("192.0.2.7");
    return a;
  }
  Answer call(const Ask& a) {
    Answer refusal;
    const auto who = service_->authenticate(a, now_, refusal);
    return who ? service_->serve(a, *who, now_) : refusal;
  }
  static std::string field(const Answer& a, std::string_view name) {
    for (const auto& [n, v] : a.fields) {
      if (n == name) return v;
    }
    return {};
  }
  Answer log_in(const std::string& name, const std::string& password) {
    return service_->login(
        ask("/webmail/auth/login", true, "{\"username\":\"" + name + "\",\"password\":\"" + password + "\"}"), now_);
  }
  void log_in() {
    const auto cookie = field(log_in("alice", "pw"), "Set-Cookie");
    cookie_ = cookie.substr(0, cookie.find(';'));
  }
  static std::string basic(const std::string& pair) { return "Basic " + base::base64(pair); }

  TempDir dir_;
  base::Log log_{{.level = base::Level::error, .path = "/dev/null"}};
  base::Metrics metrics_;
  base::StatusBoard status_;
  base::Telemetry telemetry_{log_, metrics_, status_};
  std::unique_ptr<Users> users_;
  User alice_, bob_;
  std::unique_ptr<Service> service_;
  std::string cookie_;
  std::int64_t now_ = 1'700'000'000;
};

TEST_F(ServiceTest, ALoginGivesACookieThatOpensTheMailbox) {
  const auto answer = log_in("alice", "pw");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find(alice_.account_id), std::string::npos);
  const auto cookie = field(answer, "Set-Cookie");
  EXPECT_TRUE(cookie.starts_with("__Host-genkan_session="));
  for (const char* flag : {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}) {
    EXPECT_NE(cookie.find(flag), std::string::npos) << flag;
  }
  EXPECT_EQ(call(ask("/webmail/auth/me")).status, 401);
  log_in();
  EXPECT_EQ(call(ask("/webmail/auth/me")).status, 200);
}

TEST_F(ServiceTest, WrongNameAndWrongPasswordLookTheSame) {
  const auto a = log_in("alice", "wrong"), b = log_in("nobody", "wrong"), c = log_in("../../x", "wrong");
  EXPECT_EQ(a.status, 401);
  EXPECT_EQ(a.body, b.body);
  EXPECT_EQ(a.body, c.body);
}

TEST_F(ServiceTest, ManyWrongPasswordsAreThrottled) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(log_in("alice", "wrong").status, 401);
  const auto answer = log_in("alice", "pw");
  EXPECT_EQ(answer.status, 429);
  EXPECT_GT(std::stoi(field(answer, "Retry-After")), 0);
  now_ += LoginThrottle::kWindow;
  EXPECT_EQ(log_in("alice", "pw").status, 200);
}

TEST_F(ServiceTest, ALoginThatIsNoJsonIsRefused) {
  auto a = ask("/webmail/auth/login", true, "username=alice");
  EXPECT_EQ(service_->login(a, now_).status, 400);
  a.content_type = "application/x-www-form-urlencoded";
  EXPECT_EQ(service_->login(a, now_).status, 415);
  a.fetch_site = "cross-site";
  EXPECT_EQ(service_->login(a, now_).status, 403);
  EXPECT_EQ(log_in(std::string(400, 'a'), "x").status, 400);
}

TEST_F(ServiceTest, LogoutEndsTheSessionOnTheServer) {
  log_in();
  EXPECT_EQ(call(ask("/webmail/auth/logout", true, "{}")).status, 204);
  EXPECT_EQ(call(ask("/webmail/auth/me")).status, 401);
  EXPECT_EQ(call(ask("/webmail/auth/logout", true, "{}")).status, 204);
}

TEST_F(ServiceTest, ASessionEndsAfterItsTimeWithoutUse) {
  log_in();
  now_ += 11 * 3600;
  EXPECT_EQ(call(ask("/webmail/auth/me")).status, 200);
  now_ += 13 * 3600;
  EXPECT_EQ(call(ask("/webmail/auth/me")).status, 401);
}

TEST_F(ServiceTest, BasicOpensJmapOnlyAndEndsWithThePassword) {
  auto a = ask("/webmail/jmap/session");
  a.authorization = basic("alice@example.org:pw");
  EXPECT_TRUE(service_->costly(a, now_));
  EXPECT_EQ(call(a).status, 200);
  EXPECT_FALSE(service_->costly(a, now_));
  EXPECT_EQ(call(a).status, 200);
  ASSERT_TRUE(users_->set_password("alice@example.org", "new"));
  EXPECT_EQ(call(a).status, 401);
  a.path = "/webmail/auth/me";
  a.authorization = basic("alice@example.org:new");
  EXPECT_EQ(call(a).status, 401);
}

TEST_F(ServiceTest, AChallengeIsSentToProgramsNotToOurPage) {
  auto a = ask("/webmail/jmap/session");
  EXPECT_EQ(field(call(a), "WWW-Authenticate"), "");
  a.requested_with.clear();
  EXPECT_NE(field(call(a), "WWW-Authenticate"), "");
}

TEST_F(ServiceTest, APostOfAnotherSiteIsRefused) {
  log_in();
  auto a = ask("/webmail/jmap/api", true, "{}");
  a.requested_with.clear();
  EXPECT_EQ(call(a).status, 403);
  a.requested_with = "genkan";
  a.fetch_site = "cross-site";
  EXPECT_EQ(call(a).status, 403);
  a.fetch_site = "same-origin";
  EXPECT_EQ(call(a).status, 400);
  a.content_type = "text/plain";
  EXPECT_EQ(call(a).status, 415);
}

TEST_F(ServiceTest, JmapAnswersAndBlobsGoUpAndDown) {
  log_in();
  auto up = ask("/webmail/jmap/upload/" + alice_.account_id + "/", true, "<svg onload=alert(1)>");
  up.content_type = "image/svg+xml";
  const auto uploaded = call(up);
  EXPECT_EQ(uploaded.status, 201);
  const auto at = uploaded.body.find("\"blobId\":\"") + 10;
  const auto blob = uploaded.body.substr(at, uploaded.body.find('"', at) - at);
  auto down = ask("/webmail/jmap/download/" + alice_.account_id + "/" + blob + "/%E7%B5%B5.svg");
  down.query = "type=image%2Fsvg%2Bxml&inline=1";
  const auto answer = call(down);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.type, "application/octet-stream");
  EXPECT_EQ(answer.body, "<svg onload=alert(1)>");
  EXPECT_TRUE(field(answer, "Content-Disposition").starts_with("attachment"));
  EXPECT_NE(field(answer, "Content-Security-Policy").find("sandbox"), std::string::npos);
  down.query = "type=image/png&inline=1";
  EXPECT_TRUE(field(call(down), "Content-Disposition").starts_with("inline"));
  EXPECT_EQ(call(ask("/webmail/jmap/download/" + bob_.account_id + "/" + blob + "/x")).status, 404);
  EXPECT_EQ(call(ask("/webmail/jmap/upload/" + bob_.account_id + "/", true, "x")).status, 404);
}

TEST_F(ServiceTest, ABodyPageIsFilteredAndSandboxed) {
  Delivery delivery(*users_, dir_.path());
  Source source;
  source.memory =
      "Subject: x\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
      "<p onclick=x>Hi<img src=cid:p><img src=http://t.org/x><script>alert(1)</script>\r\n--b\r\nContent-Type: "
      "image/png\r\n"
      "Content-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\nUE5H\r\n--b--\r\n";
  ASSERT_TRUE(delivery.deliver("alice@example.org", source));
  log_in();
  const auto list = call(ask("/webmail/jmap/api", true,
                             R"({"using":["urn:ietf:params:jmap:mail"],"methodCalls":[["Email/query",{"accountId":")" +
                                 alice_.account_id + R"("},"0"]]})"));
  const auto at = list.body.find("\"ids\":[\"") + 8;
  const auto id = list.body.substr(at, 21);
  auto a = ask("/webmail/body/" + id);
  const auto page = call(a);
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("data:image/png;base64,UE5H"), std::string::npos);
  EXPECT_EQ(page.body.find("alert"), std::string::npos);
  EXPECT_EQ(field(page, "Genkan-Blocked"), "1");
  const auto policy = field(page, "Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("sandbox "));
  EXPECT_EQ(policy.find("allow-scripts"), std::string::npos);
  EXPECT_NE(policy.find("img-src data:;"), std::string::npos);
  a.query = "images=1";
  EXPECT_NE(call(a).body.find("src=\"http://t.org/x\""), std::string::npos);
  EXPECT_EQ(call(ask("/webmail/body/enobody")).status, 404);
}

TEST_F(ServiceTest, AMailboxThatCannotBeReadIsAClearErrorAndOthersGoOn) {
  std::filesystem::create_directories(dir_.path() + "/mail/example.org");
  ASSERT_TRUE(base::write_file_durable(dir_.path() + "/mail/example.org/alice", "no folder"));
  log_in();
  const auto answer = call(ask("/webmail/jmap/api", true, R"({"using":[],"methodCalls":[]})"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("mailbox can't be opened"), std::string::npos);
  auto bob = ask("/webmail/jmap/api", true, R"({"using":[],"methodCalls":[]})");
  bob.authorization = basic("bob:pw2");
  bob.cookie.clear();
  EXPECT_EQ(call(bob).status, 200);
}

TEST_F(ServiceTest, StatesChangeWithNewMailAndEndWithTheSession) {
  log_in();
  Answer refusal;
  const auto who = *service_->authenticate(ask("/webmail/auth/me"), now_, refusal);
  const auto before = service_->states(who, "Email", now_);
  ASSERT_TRUE(before);
  EXPECT_EQ(service_->states(who, "Email", now_), before);
  Delivery delivery(*users_, dir_.path());
  Source source;
  source.memory = "Subject: new\r\n\r\nx";
  ASSERT_TRUE(delivery.deliver("alice@example.org", source));
  EXPECT_NE(service_->states(who, "Email", now_), before);
  ASSERT_TRUE(users_->close_session(who.token));
  EXPECT_FALSE(service_->states(who, "Email", now_));
}

TEST_F(ServiceTest, StreamsAndRequestsOfAnAccountAreCounted) {
  std::vector<Accounts::Share> held;
  for (int i = 0; i < 8; ++i) held.push_back(service_->take(alice_, Accounts::Use::stream));
  EXPECT_TRUE(held.back());
  EXPECT_FALSE(service_->take(alice_, Accounts::Use::stream));
  EXPECT_TRUE(service_->take(bob_, Accounts::Use::stream));
  held.pop_back();
  EXPECT_TRUE(service_->take(alice_, Accounts::Use::stream));
}

TEST_F(ServiceTest, UnknownPathsAndMethodsAreTold) {
  log_in();
  EXPECT_EQ(call(ask("/webmail/jmap/nothing")).status, 404);
  EXPECT_EQ(call(ask("/webmail/jmap/api")).status, 405);
}

}  // namespace
}  // namespace genkan::webmail
