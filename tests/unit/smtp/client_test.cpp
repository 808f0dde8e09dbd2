#include <gtest/gtest.h>

#include "smtp/client/connection.hpp"
#include "smtp/client/reply.hpp"
#include "smtp/client/transaction.hpp"
#include "smtp/delivery/passage.hpp"

namespace genkan::smtp {
namespace {

Reply reply_of(int code, std::string text) {
  Reply reply;
  reply.code = code;
  reply.lines.push_back(std::move(text));
  return reply;
}

Result<bool> feed(std::string_view text, std::size_t piece, Reply& reply) {
  ReplyParser parser;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t used = 0;
    auto complete = parser.feed(text.substr(at, piece), used, reply);
    if (!complete || *complete) return complete;
    at += used;
  }
  return false;
}

TEST(ReplyParser, ReadsOneAndManyLinesInAnySegmentation) {
  for (std::size_t piece = 1; piece < 60; ++piece) {
    Reply reply;
    auto complete = feed("250-mx.example\r\n250-SIZE 1000\r\n250 DSN\r\n", piece, reply);
    ASSERT_TRUE(complete && *complete) << piece;
    EXPECT_EQ(reply.code, 250);
    ASSERT_EQ(reply.lines.size(), 3u);
    EXPECT_EQ(reply.lines[1], "SIZE 1000");
  }
  Reply bare;
  EXPECT_TRUE(*feed("354\r\n", 100, bare));
  EXPECT_EQ(bare.code, 354);
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const std::string text :
       {"hello\r\n", "25\r\n", "650 x\r\n", "150 x\r\n", "250x\r\n", "250-a\r\n251 b\r\n", "\r\n"}) {
    Reply reply;
    EXPECT_FALSE(feed(text, 100, reply)) << text;
  }
  Reply reply;
  EXPECT_FALSE(feed("250 " + std::string(3000, 'x') + "\r\n", 100, reply));
  std::string endless;
  for (int i = 0; i < 200; ++i) endless += "250-x\r\n";
  Reply many;
  EXPECT_FALSE(feed(endless, 1000, many));
}

TEST(Reply, GivesTheEnhancedStatusThatAgreesWithItsCode) {
  EXPECT_EQ(reply_of(550, "5.1.1 no").status(), "5.1.1");
  EXPECT_EQ(reply_of(550, "4.1.1 odd").status(), "5.0.0");
  EXPECT_EQ(reply_of(451, "try later").status(), "4.0.0");
  EXPECT_EQ(reply_of(550, "a\x01\nb").text(), "550 a  b");
}

class TransactionTest : public testing::Test {
 protected:
  TransactionTest() {
    features_.extended = features_.pipelining = true;
    envelope_.sender = "s@client.example";
    for (const auto* name : {"a@x.example", "b@x.example"}) {
      Recipient recipient;
      recipient.address = name;
      recipients_.push_back(recipient);
    }
  }
  Transaction begin() {
    delivery_.envelope = &envelope_;
    delivery_.recipients.clear();
    for (const auto& recipient : recipients_) delivery_.recipients.push_back(&recipient);
    return Transaction(features_, delivery_);
  }

  Features features_;
  Envelope envelope_;
  std::vector<Recipient> recipients_;
  Delivery delivery_;
  std::string out_;
};

TEST_F(TransactionTest, PipelinesTheEnvelopeAndSendsContentAfter354) {
  auto t = begin();
  EXPECT_EQ(t.start(out_), Transaction::Step::replies);
  EXPECT_EQ(out_, "MAIL FROM:<s@client.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n");
  out_.clear();
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::replies);
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::replies);
  EXPECT_EQ(t.reply(reply_of(550, "5.1.1 no b"), out_), Transaction::Step::replies);
  EXPECT_EQ(t.reply(reply_of(354, "go"), out_), Transaction::Step::content);
  EXPECT_TRUE(t.in_doubt());
  EXPECT_EQ(t.reply(reply_of(250, "2.0.0 ok"), out_), Transaction::Step::finished);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(t.outcomes()[0].kind, Outcome::Kind::delivered);
  EXPECT_EQ(t.outcomes()[1].kind, Outcome::Kind::failed);
  EXPECT_EQ(t.outcomes()[1].reply, "550 5.1.1 no b");
}

TEST_F(TransactionTest, GivesNoContentWhereTheSenderWasRefused) {
  auto t = begin();
  t.start(out_);
  t.reply(reply_of(450, "not now"), out_);
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(250, "ok"), out_);
  out_.clear();
  EXPECT_EQ(t.reply(reply_of(354, "go"), out_), Transaction::Step::broken);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(t.outcomes()[0].kind, Outcome::Kind::deferred);
}

TEST_F(TransactionTest, GoesStepByStepWithoutPipelining) {
  features_.pipelining = false;
  auto t = begin();
  t.start(out_);
  EXPECT_EQ(out_, "MAIL FROM:<s@client.example>\r\n");
  for (const auto* expected : {"RCPT TO:<a@x.example>\r\n", "RCPT TO:<b@x.example>\r\n", "DATA\r\n"}) {
    out_.clear();
    EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::replies);
    EXPECT_EQ(out_, expected);
  }
}

TEST_F(TransactionTest, BinaryContentGoesAsOneChunkBehindTheAnswers) {
  features_.chunking = features_.binary = true;
  envelope_.body = BodyType::binary;
  delivery_.size = 7;
  auto t = begin();
  t.start(out_);
  EXPECT_NE(out_.find(" BODY=BINARYMIME"), std::string::npos);
  EXPECT_EQ(out_.find("DATA"), std::string::npos);
  out_.clear();
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(250, "ok"), out_);
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::chunk);
  EXPECT_EQ(out_, "BDAT 7 LAST\r\n");
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::finished);
}

TEST_F(TransactionTest, LmtpSettlesEachRecipientByItsOwnAnswer) {
  features_.lmtp = true;
  Recipient third;
  third.address = "c@x.example";
  recipients_.push_back(third);
  auto t = begin();
  t.start(out_);
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(550, "5.1.1 no"), out_);
  t.reply(reply_of(250, "ok"), out_);
  EXPECT_EQ(t.reply(reply_of(354, "go"), out_), Transaction::Step::content);
  EXPECT_EQ(t.reply(reply_of(452, "4.2.2 full"), out_), Transaction::Step::replies);
  t.lost("cut");
  EXPECT_EQ(t.outcomes()[0].reply, "452 4.2.2 full");
  EXPECT_EQ(t.outcomes()[1].kind, Outcome::Kind::failed);
  EXPECT_EQ(t.outcomes()[2].reply, "cut");
}

TEST_F(TransactionTest, SendsEmptyContentWhenNobodyWasTakenBut354Comes) {
  auto t = begin();
  t.start(out_);
  out_.clear();
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(550, "no"), out_);
  t.reply(reply_of(450, "later"), out_);
  EXPECT_EQ(t.reply(reply_of(354, "go"), out_), Transaction::Step::replies);
  EXPECT_EQ(out_, ".\r\n");
  out_.clear();
  EXPECT_EQ(t.reply(reply_of(554, "no recipients"), out_), Transaction::Step::replies);
  EXPECT_EQ(out_, "RSET\r\n");
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::finished);
  EXPECT_EQ(t.outcomes()[0].kind, Outcome::Kind::failed);
  EXPECT_EQ(t.outcomes()[1].kind, Outcome::Kind::deferred);
}

TEST_F(TransactionTest, AFailedMailSettlesEverybodyAndLeavesTheConnectionUsable) {
  auto t = begin();
  t.start(out_);
  out_.clear();
  EXPECT_EQ(t.reply(reply_of(451, "4.3.0 busy"), out_), Transaction::Step::replies);
  t.reply(reply_of(503, "no"), out_);
  t.reply(reply_of(503, "no"), out_);
  EXPECT_EQ(t.reply(reply_of(503, "no"), out_), Transaction::Step::replies);
  EXPECT_EQ(out_, "RSET\r\n");
  EXPECT_EQ(t.reply(reply_of(250, "ok"), out_), Transaction::Step::finished);
  for (const auto& outcome : t.outcomes()) EXPECT_EQ(outcome.reply, "451 4.3.0 busy");
}

TEST_F(TransactionTest, ALostConnectionDefersWhatIsNotKnown) {
  auto t = begin();
  t.start(out_);
  t.reply(reply_of(250, "ok"), out_);
  t.reply(reply_of(550, "no"), out_);
  t.lost("the line went dead");
  EXPECT_EQ(t.outcomes()[0].kind, Outcome::Kind::failed);
  EXPECT_EQ(t.outcomes()[1].kind, Outcome::Kind::deferred);
  EXPECT_EQ(t.outcomes()[1].reply, "the line went dead");
  EXPECT_TRUE(t.touched());
}

TEST_F(TransactionTest, A421ClosesTheConnection) {
  auto t = begin();
  t.start(out_);
  EXPECT_EQ(t.reply(reply_of(421, "bye"), out_), Transaction::Step::broken);
  EXPECT_EQ(t.outcomes()[0].kind, Outcome::Kind::deferred);
}

TEST_F(TransactionTest, ManyRecipientsGoInGroups) {
  recipients_.clear();
  for (int i = 0; i < 120; ++i) {
    Recipient recipient;
    recipient.address = "u" + std::to_string(i) + "@x.example";
    recipients_.push_back(recipient);
  }
  auto t = begin();
  t.start(out_);
  EXPECT_EQ(out_.find("DATA"), std::string::npos);
  int sent = 0, answered = 0;
  const auto count = [&] {
    for (auto at = out_.find("RCPT"); at != std::string::npos; at = out_.find("RCPT", at + 1)) ++sent;
  };
  count();
  EXPECT_EQ(sent, 50);
  out_.clear();
  t.reply(reply_of(250, "ok"), out_);
  while (answered < 120) {
    t.reply(reply_of(250, "ok"), out_);
    ++answered;
    count();
    if (sent == 120 && answered < 120) {
      EXPECT_TRUE(out_.empty() || out_.find("DATA") != std::string::npos);
    }
    out_.clear();
  }
  EXPECT_EQ(sent, 120);
  EXPECT_EQ(t.reply(reply_of(354, "go"), out_), Transaction::Step::content);
}

TEST_F(TransactionTest, SendsParametersThatTheNextHopKnowsAndNoOthers) {
  features_.pipelining = false;
  features_.size_known = features_.eight_bit = features_.dsn = true;
  envelope_.ret = Ret::headers;
  envelope_.envid = "id1";
  delivery_.size = 123;
  delivery_.eight_bit = true;
  recipients_[0].notify = kNotifySuccess | kNotifyDelay;
  recipients_[0].orcpt = "rfc822;o@x.example";
  auto t = begin();
  t.start(out_);
  EXPECT_EQ(out_, "MAIL FROM:<s@client.example> SIZE=123 BODY=8BITMIME RET=HDRS ENVID=id1\r\n");
  out_.clear();
  t.reply(reply_of(250, "ok"), out_);
  EXPECT_EQ(out_, "RCPT TO:<a@x.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@x.example\r\n");
}

TEST_F(TransactionTest, DoesNotSendWhatTheNextHopSaysItCannotTake) {
  features_.size_known = true;
  features_.size = 100;
  delivery_.size = 101;
  auto t = begin();
  EXPECT_EQ(t.start(out_), Transaction::Step::finished);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(t.outcomes()[0].status, "5.3.4");
  features_.size_known = false;
  recipients_[1].address = "д@x.example";
  auto u = begin();
  EXPECT_EQ(u.start(out_), Transaction::Step::finished);
  EXPECT_EQ(u.outcomes()[0].status, "5.6.7");
}

TEST(Features, AreReadFromTheEhloReply) {
  Reply reply = reply_of(250, "mx.example PIPELINING");
  for (const auto* line : {"pipelining", "SIZE 1000", "8BITMIME", "DSN", "STARTTLS", "X-ODD thing"})
    reply.lines.emplace_back(line);
  const auto features = parse_features(reply);
  EXPECT_TRUE(features.pipelining && features.eight_bit && features.dsn && features.start_tls && features.size_known);
  EXPECT_EQ(features.size, 1000u);
  EXPECT_FALSE(features.utf8);
}

TEST(StuffDots, DoublesTheFirstDotOfALineHoweverTheContentIsCut) {
  const std::string content = ".a\r\nb.c\r\n..\r\n\r\n.\r\nend\r\n";
  const std::string expected = "..a\r\nb.c\r\n...\r\n\r\n..\r\nend\r\n";
  for (std::size_t limit = 1; limit <= content.size(); ++limit) {
    std::string out;
    for (std::size_t at = 0; at < content.size();) at = stuff_dots(content, at, limit, out);
    EXPECT_EQ(out, expected) << limit;
  }
}

TEST(Passage, PassesAReplyOnAsOneLineWithAStatus) {
  EXPECT_EQ(passed_on(reply_of(250, "2.1.5 ok")), "250 2.1.5 ok");
  EXPECT_EQ(passed_on(reply_of(550, "no such user")), "550 5.0.0 no such user");
  EXPECT_EQ(passed_on(reply_of(550, "4.1.1 does not agree")), "550 5.0.0 4.1.1 does not agree");
  auto two = reply_of(452, "4.2.2 full");
  two.lines.push_back("come later");
  EXPECT_EQ(passed_on(two), "452 4.2.2 full come later");
  EXPECT_EQ(passed_on(reply_of(421, "4.3.2 I close")), "451 4.3.2 I close") << "it is not we who close";
  EXPECT_EQ(passed_on(reply_of(354, "go on")), "451 4.5.0 the next hop gave a wrong answer");
  EXPECT_EQ(passed_on(reply_of(600, "what")), "451 4.5.0 the next hop gave a wrong answer");
  EXPECT_EQ(passed_on(reply_of(250, "a\rb")), "250 2.0.0 a b");
}

}  // namespace
}  // namespace genkan::smtp
