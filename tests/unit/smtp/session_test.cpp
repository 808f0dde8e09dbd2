#include "smtp/session.hpp"

#include <gtest/gtest.h>

#include <string>

#include "smtp/line.hpp"

namespace genkan::smtp {
namespace {

class SessionTest : public testing::Test {
 protected:
  SessionTest() { options_.hostname = "mx.example"; }

  // One line in, the reply out; recipients at good.example are ours, "nobody" is not a user.
  std::string say(std::string_view text, Moment moment = {}) {
    std::string out;
    want_ = session_.line(text, moment, out);
    if (want_ == Want::recipient) {
      auto verdict = Verdict::accept;
      if (session_.asked().domain != "good.example" && !is_postmaster(session_.asked()))
        verdict = Verdict::relay_denied;
      if (session_.asked().local == "nobody") verdict = Verdict::unknown_user;
      if (session_.asked().local == "slow") verdict = Verdict::try_later;
      want_ = session_.recipient_judged(verdict, out);
    }
    return out;
  }
  std::string code(std::string_view text, Moment moment = {}) { return say(text, moment).substr(0, 9); }
  void open() {
    say("EHLO client.example");
    say("MAIL FROM:<s@client.example>");
    say("RCPT TO:<u@good.example>");
  }

  SessionOptions options_;
  Session session_{options_};
  Want want_ = Want::command;
};

TEST_F(SessionTest, GreetsWithItsName) {
  std::string out;
  session_.greet(out);
  EXPECT_EQ(out, "220 mx.example ESMTP Genkan\r\n");
}

TEST_F(SessionTest, OffersWhatItDoesAndStartTlsOnlyWhenItCan) {
  const auto plain = say("EHLO client.example");
  for (const auto* word :
       {"PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING"}) {
    EXPECT_NE(plain.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(plain.find("STARTTLS"), std::string::npos);
  options_.tls = true;
  EXPECT_NE(say("EHLO client.example").find("STARTTLS"), std::string::npos);
  EXPECT_EQ(say("HELO client.example"), "250 mx.example\r\n");
}

TEST_F(SessionTest, TakesAMessageToItsEnd) {
  open();
  EXPECT_EQ(code("DATA"), "354 end w");
  EXPECT_EQ(want_, Want::content);
  std::string out;
  EXPECT_EQ(session_.content_ended({}, 0, out), Want::store);
  EXPECT_EQ(session_.envelope().recipients.size(), 1u);
  EXPECT_EQ(session_.stored(true, false, "abc", out), Want::command);
  EXPECT_EQ(out, "250 2.0.0 queued as abc\r\n");
  EXPECT_FALSE(session_.in_transaction());
}

TEST_F(SessionTest, RefusesCommandsOutOfOrder) {
  EXPECT_EQ(code("MAIL FROM:<a@b.example>"), "503 5.5.1");
  EXPECT_EQ(code("RCPT TO:<u@good.example>"), "503 5.5.1");
  EXPECT_EQ(code("DATA"), "503 5.5.1");
  say("EHLO x.example");
  EXPECT_EQ(code("RCPT TO:<u@good.example>"), "503 5.5.1");
  say("MAIL FROM:<a@b.example>");
  EXPECT_EQ(code("MAIL FROM:<a@b.example>"), "503 5.5.1");
  EXPECT_EQ(code("DATA"), "554 5.5.1");
}

TEST_F(SessionTest, EhloAndRsetForgetTheTransaction) {
  open();
  EXPECT_EQ(code("RSET"), "250 2.0.0");
  EXPECT_EQ(code("DATA"), "503 5.5.1");
  open();
  say("EHLO again.example");
  EXPECT_EQ(code("RCPT TO:<u@good.example>"), "503 5.5.1");
}

TEST_F(SessionTest, JudgesRecipients) {
  say("EHLO x.example");
  say("MAIL FROM:<>");
  EXPECT_EQ(code("RCPT TO:<u@elsewhere.example>"), "550 5.7.1");
  EXPECT_EQ(code("RCPT TO:<nobody@good.example>"), "550 5.1.1");
  EXPECT_EQ(code("RCPT TO:<slow@good.example>"), "451 4.3.0");
  EXPECT_EQ(code("DATA"), "554 5.5.1");
  EXPECT_EQ(code("RCPT TO:<Postmaster>"), "250 2.1.5");
}

TEST_F(SessionTest, TooManyRecipientsAreDeferredAndTheOthersStay) {
  options_.max_recipients = 1;
  open();
  EXPECT_EQ(code("RCPT TO:<v@good.example>"), "452 4.5.3");
  EXPECT_EQ(code("DATA"), "354 end w");
}

TEST_F(SessionTest, ChecksSizeAndRoom) {
  say("EHLO x.example");
  EXPECT_EQ(code("MAIL FROM:<a@b.example> SIZE=999999999"), "552 5.3.4");
  Moment full;
  full.room = 1000;
  EXPECT_EQ(code("MAIL FROM:<a@b.example> SIZE=1000", full), "452 4.3.1");
  EXPECT_EQ(code("MAIL FROM:<a@b.example> SIZE=999", full), "250 2.1.0");
}

TEST_F(SessionTest, CutsOffAClientThatDoesNotWaitFor354) {
  open();
  Moment early;
  early.more_buffered = true;
  EXPECT_EQ(code("DATA", early), "554 5.5.0");
  EXPECT_EQ(want_, Want::close);
}

TEST_F(SessionTest, RefusesContentWithTheRightCode) {
  const auto end = [&](ContentFacts facts, std::size_t received) {
    open();
    say("DATA");
    std::string out;
    EXPECT_EQ(session_.content_ended(facts, received, out), Want::command);
    return out.substr(0, 9);
  };
  ContentFacts facts;
  facts.too_large = true;
  EXPECT_EQ(end(facts, 0), "552 5.3.4");
  facts = {};
  facts.bare_newline = true;
  EXPECT_EQ(end(facts, 0), "550 5.6.0");
  EXPECT_EQ(end({}, 51), "554 5.4.6");
}

TEST_F(SessionTest, SaysWhyItCouldNotStore) {
  open();
  say("DATA");
  std::string out;
  session_.stored(false, true, "", out);
  EXPECT_EQ(out.substr(0, 9), "452 4.3.1");
  out.clear();
  session_.stored(false, false, "", out);
  EXPECT_EQ(out.substr(0, 9), "451 4.3.0");
}

TEST_F(SessionTest, TakesChunks) {
  open();
  std::string out = say("BDAT 5");
  EXPECT_EQ(want_, Want::chunk);
  EXPECT_TRUE(session_.first_chunk());
  EXPECT_EQ(session_.chunk_size(), 5u);
  EXPECT_EQ(out, "");
  EXPECT_EQ(session_.chunk_ended({}, 0, out), Want::command);
  EXPECT_EQ(out, "250 2.0.0 5 octets received\r\n");
  EXPECT_EQ(code("DATA"), "503 5.5.1");
  EXPECT_EQ(code("RCPT TO:<u@good.example>"), "503 5.5.1");
  say("BDAT 0 LAST");
  EXPECT_FALSE(session_.first_chunk());
  EXPECT_EQ(session_.chunk_ended({}, 0, out), Want::store);
}

TEST_F(SessionTest, SwallowsChunksThatItRefuses) {
  say("EHLO x.example");
  EXPECT_EQ(code("BDAT 10 LAST"), "503 5.5.1");
  EXPECT_EQ(want_, Want::chunk);
  EXPECT_FALSE(session_.chunk_wanted());
  open();
  EXPECT_EQ(code("BDAT 60000000"), "552 5.3.4");
  EXPECT_EQ(want_, Want::chunk);
  EXPECT_EQ(code("BDAT 1 LAST"), "503 5.5.1");
  EXPECT_EQ(code("RSET"), "250 2.0.0");
  open();
  say("BDAT 9999999999999");
  EXPECT_EQ(want_, Want::close);
  EXPECT_EQ(code("BDAT -1"), "501 5.5.4");
  EXPECT_EQ(want_, Want::close);
  EXPECT_EQ(code("BDAT 5 FIRST"), "501 5.5.4");
  EXPECT_EQ(want_, Want::chunk);
  EXPECT_FALSE(session_.chunk_wanted());
  EXPECT_EQ(code("BDAT"), "501 5.5.4");
  EXPECT_EQ(want_, Want::command);
}

TEST_F(SessionTest, DisclosesNothingOnVrfy) {
  EXPECT_EQ(code("VRFY root"), "252 2.5.2");
  EXPECT_EQ(code("VRFY"), "501 5.5.4");
  EXPECT_EQ(code("EXPN list"), "502 5.5.1");
  EXPECT_EQ(code("HELP"), "214 2.0.0");
  EXPECT_EQ(code("NOOP with text"), "250 2.0.0");
  EXPECT_EQ(code("BOGUS"), "500 5.5.2");
  EXPECT_EQ(code("QUIT"), "221 2.0.0");
  EXPECT_EQ(want_, Want::close);
}

TEST_F(SessionTest, ClosesAfterTooManyErrors) {
  options_.max_errors = 3;
  say("BOGUS");
  say("BOGUS");
  const auto last = say("BOGUS");
  EXPECT_EQ(last.substr(0, 9), "500 5.5.2");
  EXPECT_NE(last.find("\r\n421 4.7.0"), std::string::npos);
  EXPECT_EQ(want_, Want::close);
}

TEST_F(SessionTest, ClosesAfterTooManyCommandsWithoutMail) {
  int count = 0;
  while (want_ != Want::close && count < 1000) {
    say("NOOP");
    ++count;
  }
  EXPECT_EQ(count, 101);
}

TEST_F(SessionTest, ForgetsEverythingAtStartTls) {
  options_.tls = true;
  open();
  EXPECT_EQ(code("STARTTLS"), "220 2.0.0");
  EXPECT_EQ(want_, Want::start_tls);
  session_.tls_started();
  EXPECT_EQ(code("MAIL FROM:<a@b.example>"), "503 5.5.1");
  EXPECT_EQ(say("EHLO x.example").find("STARTTLS"), std::string::npos);
  EXPECT_EQ(code("STARTTLS"), "503 5.5.1");
  EXPECT_EQ(session_.protocol(), "ESMTPS");
}

TEST_F(SessionTest, NeedsSmtpUtf8ForUtf8Addresses) {
  say("EHLO x.example");
  EXPECT_EQ(code("MAIL FROM:<д@b.example>"), "553 5.6.7");
  say("MAIL FROM:<a@b.example>");
  EXPECT_EQ(code("RCPT TO:<д@good.example>"), "553 5.6.7");
  say("RSET");
  say("MAIL FROM:<a@b.example> SMTPUTF8");
  EXPECT_EQ(code("RCPT TO:<д@good.example>"), "250 2.1.5");
  EXPECT_EQ(session_.protocol(), "UTF8SMTP");
}

TEST_F(SessionTest, LimitsTheCommandLineToItsKind) {
  EXPECT_EQ(code("NOOP " + std::string(505, 'x')), "250 2.0.0");
  EXPECT_EQ(code("NOOP " + std::string(506, 'x')), "500 5.5.2");
}

TEST(LineSplitter, TakesOnlyLinesThatEndInCrlf) {
  LineSplitter splitter;
  EXPECT_EQ(splitter.next("NOOP").kind, LineResult::Kind::need_more);
  EXPECT_EQ(splitter.next("NOOP\r").kind, LineResult::Kind::need_more);
  const auto good = splitter.next("NOOP\r\nRSET\r\n");
  EXPECT_EQ(good.kind, LineResult::Kind::line);
  EXPECT_EQ(good.line, "NOOP");
  EXPECT_EQ(good.used, 6u);
  for (const std::string& bad :
       {std::string("NOOP\n"), std::string("NO\rOP\r\n"), std::string("\n"), std::string("a\r\r\n")}) {
    const auto result = splitter.next(bad);
    EXPECT_EQ(result.kind, LineResult::Kind::bad);
    EXPECT_EQ(result.fault, bad.find("\r\n") == std::string::npos ? LineFault::bare_lf : LineFault::bare_newline);
    EXPECT_EQ(result.used, bad.size());
  }
  EXPECT_EQ(splitter.next(std::string_view("NO\0P\r\n", 6)).fault, LineFault::nul);
}

TEST(LineSplitter, SwallowsALineThatIsTooLongToItsEnd) {
  LineSplitter splitter;
  std::string in(3000, 'x');
  auto result = splitter.next(in);
  EXPECT_EQ(result.kind, LineResult::Kind::need_more);
  EXPECT_EQ(result.used, 2999u);
  in = "x\r\nNOOP\r\n";
  result = splitter.next(in);
  EXPECT_EQ(result.kind, LineResult::Kind::bad);
  EXPECT_EQ(result.fault, LineFault::too_long);
  EXPECT_EQ(splitter.next(std::string_view(in).substr(result.used)).line, "NOOP");
}

TEST_F(SessionTest, EndsAfterALineFeedAlone) {
  std::string out;
  EXPECT_EQ(session_.bad_line(LineFault::bare_newline, out), Want::command);
  EXPECT_EQ(session_.bad_line(LineFault::bare_lf, out), Want::close);
}

}  // namespace
}  // namespace genkan::smtp
