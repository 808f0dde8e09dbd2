// Who the client is: AUTH, XCLIENT and XFORWARD as machines.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "smtp/login.hpp"
#include "smtp/session.hpp"
#include "smtp/xclient.hpp"

namespace genkan::smtp {
namespace {

using Step = LoginMachine::Step;

std::string plain(std::string_view authzid, std::string_view name, std::string_view password) {
  std::string text(authzid);
  text += '\0';
  text += name;
  text += '\0';
  text += password;
  return base::base64(text);
}

TEST(Login, PlainComesAtOnceOrAfterAChallenge) {
  LoginMachine login;
  std::string out;
  EXPECT_EQ(login.begin("PLAIN " + plain("", "u", "p"), out), Step::verify);
  EXPECT_EQ(login.credentials().user, "u");
  EXPECT_EQ(login.credentials().password, "p");
  EXPECT_EQ(login.begin("plain", out), Step::challenge);
  EXPECT_EQ(out, "334 \r\n");
  EXPECT_TRUE(login.active());
  EXPECT_EQ(login.response(plain("u", "u", "p q"), out), Step::verify);
  EXPECT_EQ(login.credentials().password, "p q");
  EXPECT_FALSE(login.active());
}

TEST(Login, LoginAsksForNameAndPassword) {
  LoginMachine login;
  std::string out;
  EXPECT_EQ(login.begin("LOGIN", out), Step::challenge);
  EXPECT_EQ(login.response(base::base64("u"), out), Step::challenge);
  EXPECT_EQ(login.response(base::base64("p"), out), Step::verify);
  EXPECT_EQ(login.credentials().user, "u");
  EXPECT_EQ(login.begin("LOGIN " + base::base64("w"), out), Step::challenge);
  EXPECT_EQ(login.response("*", out), Step::refused);
  EXPECT_FALSE(login.active());
}

TEST(Login, RefusesWhatIsNoResponse) {
  for (const auto& text : {std::string("!!!!"), base::base64("a"), plain("", "", "p"), plain("", "u", ""),
                           plain("other", "u", "p"), plain("", std::string(300, 'u'), "p"), std::string("AAA")}) {
    LoginMachine login;
    std::string out;
    EXPECT_EQ(login.begin("PLAIN " + text, out), Step::refused) << text;
    EXPECT_EQ(out.front(), '5');
    EXPECT_FALSE(login.active());
  }
}

TEST(Claim, ReadsWhatAProxySays) {
  ClientClaim claim;
  const auto* text = "ADDR=IPV6:2001:db8::1 NAME=real.example PORT=25 PROTO=ESMTP HELO=a+2Bb LOGIN=[UNAVAILABLE]";
  EXPECT_EQ(parse_claim(text, ClaimKind::xclient, claim), Fault::none);
  EXPECT_EQ(claim.addr->text(), "2001:db8::1");
  EXPECT_EQ(*claim.name, "real.example");
  EXPECT_EQ(*claim.port, 25);
  EXPECT_TRUE(*claim.esmtp);
  EXPECT_EQ(*claim.helo, "a+b");
  EXPECT_EQ(*claim.login, "");
}

TEST(Claim, RefusesWhatCannotBe) {
  for (const auto* text :
       {"", "ADDR", "=x", "ADDR=1.2.3", "PORT=65536", "PROTO=HTTP", "HELO=a+20b", "HELO=a+", "NAME=a=b"}) {
    ClientClaim claim;
    EXPECT_NE(parse_claim(text, ClaimKind::xclient, claim), Fault::none) << text;
  }
  ClientClaim claim;
  EXPECT_EQ(parse_claim("IDENT=x", ClaimKind::xclient, claim), Fault::unknown_parameter);
  EXPECT_EQ(parse_claim("LOGIN=x", ClaimKind::xforward, claim), Fault::unknown_parameter);
  EXPECT_EQ(parse_claim("IDENT=x SOURCE=LOCAL", ClaimKind::xforward, claim), Fault::none);
}

class SubmissionTest : public testing::Test {
 protected:
  SubmissionTest() {
    options_.hostname = "mx.example";
    options_.max_errors = 5;
    role_.submission = true;
    session_ = std::make_unique<Session>(options_, role_);
    session_->tls_from_the_start();
  }
  std::string say(std::string_view line) {
    std::string out;
    want_ = session_->line(line, {}, out);
    if (want_ == Want::login) {
      const bool good = session_->credentials().password == "good";
      want_ = session_->login_judged(good ? LoginVerdict::good : LoginVerdict::bad, "u@home.example", out);
    }
    return out;
  }
  SessionOptions options_;
  SessionRole role_;
  std::unique_ptr<Session> session_;
  Want want_ = Want::command;
};

TEST_F(SubmissionTest, TakesMailOnlyFromWhoLoggedInAndInHisName) {
  say("EHLO c.example");
  EXPECT_EQ(say("MAIL FROM:<u@home.example>").substr(0, 9), "530 5.7.0");
  EXPECT_EQ(say("AUTH PLAIN " + plain("", "u@home.example", "good")).substr(0, 3), "235");
  EXPECT_EQ(say("AUTH PLAIN " + plain("", "u@home.example", "good")).substr(0, 3), "503");
  EXPECT_EQ(say("MAIL FROM:<v@home.example>").substr(0, 9), "553 5.7.1");
  EXPECT_EQ(say("MAIL FROM:<U+tag@Home.Example> AUTH=<>").substr(0, 3), "250");
  EXPECT_EQ(session_->protocol(), "ESMTPSA");
}

TEST_F(SubmissionTest, GuessingEndsTheSession) {
  say("EHLO c.example");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(say("AUTH PLAIN " + plain("", "u", "bad")).substr(0, 3), "535");
  say("AUTH PLAIN " + plain("", "u", "bad"));
  EXPECT_EQ(want_, Want::close);
}

TEST_F(SubmissionTest, AnOverlongResponseEndsTheExchange) {
  say("EHLO c.example");
  say("AUTH LOGIN");
  std::string out;
  session_->bad_line(LineFault::too_long, out);
  EXPECT_EQ(say("NOOP").substr(0, 3), "250") << "not taken for a name";
}

}  // namespace
}  // namespace genkan::smtp
