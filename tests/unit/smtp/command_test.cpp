#include "smtp/command.hpp"

#include <gtest/gtest.h>

#include <string>

namespace genkan::smtp {
namespace {

TEST(Command, AVerbIsFoundInAnyCaseAndItsArgumentHasNoOuterSpaces) {
  const auto command = parse_command("mAiL  FROM:<a@b.example>  ");
  EXPECT_EQ(command.verb, Verb::mail);
  EXPECT_EQ(command.argument, "FROM:<a@b.example>");
  EXPECT_EQ(parse_command("STARTTLS").verb, Verb::starttls);
  EXPECT_EQ(parse_command("MAILFROM:<a@b>").verb, Verb::unknown);
  EXPECT_EQ(parse_command("").verb, Verb::unknown);
}

TEST(Command, ThePathKeepsTheAddressOctetByOctet) {
  MailArguments mail;
  ASSERT_EQ(parse_mail("FROM:<\"a b\\\"c\"@Example.ORG>", mail), Fault::none);
  EXPECT_EQ(mail.from.text, "\"a b\\\"c\"@Example.ORG");
  EXPECT_EQ(mail.from.local, "\"a b\\\"c\"");
  EXPECT_EQ(mail.from.domain, "Example.ORG");
}

TEST(Command, ASourceRouteIsAcceptedAndDropped) {
  RcptArguments rcpt;
  ASSERT_EQ(parse_rcpt("TO:<@one.example,@two.example:user@three.example>", rcpt), Fault::none);
  EXPECT_EQ(rcpt.to.text, "user@three.example");
  EXPECT_EQ(parse_rcpt("TO:<@one.example:>", rcpt), Fault::bad_address);
  EXPECT_EQ(parse_rcpt("TO:<@:user@three.example>", rcpt), Fault::bad_address);
}

TEST(Command, TheNullPathIsASenderButNoRecipient) {
  MailArguments mail;
  ASSERT_EQ(parse_mail("FROM:<>", mail), Fault::none);
  EXPECT_TRUE(mail.from.is_null());
  RcptArguments rcpt;
  EXPECT_EQ(parse_rcpt("TO:<>", rcpt), Fault::bad_address);
}

TEST(Command, PostmasterNeedsNoDomain) {
  RcptArguments rcpt;
  ASSERT_EQ(parse_rcpt("TO:<PostMaster>", rcpt), Fault::none);
  EXPECT_TRUE(is_postmaster(rcpt.to));
  EXPECT_EQ(rcpt.to.text, "PostMaster");
  EXPECT_EQ(parse_rcpt("TO:<other>", rcpt), Fault::bad_address);
}

TEST(Command, AddressLiteralsAreChecked) {
  RcptArguments rcpt;
  EXPECT_EQ(parse_rcpt("TO:<a@[192.0.2.1]>", rcpt), Fault::none);
  EXPECT_EQ(parse_rcpt("TO:<a@[IPv6:2001:db8::1]>", rcpt), Fault::none);
  EXPECT_EQ(parse_rcpt("TO:<a@[2001:db8::1]>", rcpt), Fault::bad_address);
  EXPECT_EQ(parse_rcpt("TO:<a@[192.0.2.256]>", rcpt), Fault::bad_address);
  EXPECT_EQ(parse_rcpt("TO:<a@[192.0.2.1>", rcpt), Fault::bad_address);
}

TEST(Command, BrokenPathsAreRefused) {
  for (const std::string path : {"",        "a@b",     "<a@b",   "a@b>",     "<a>",     "<@b>",     "<a@>",
                                 "<a@b@c>", "<.a@b>",  "<a.@b>", "<a..b@c>", "<a b@c>", "<a@b..c>", "<a@-b>",
                                 "<a@b->",  "<\"a@b>", "<a@.b>", "<a@b.>",   "<a@b>x",  "<a@\xff>", "<a@b\xc0\x80>"}) {
    RcptArguments rcpt;
    EXPECT_NE(parse_rcpt("TO:" + path, rcpt), Fault::none) << path;
  }
}

TEST(Command, LengthsAreLimitedAsRfc5321Says) {
  RcptArguments rcpt;
  const std::string local64(64, 'l');
  EXPECT_EQ(parse_rcpt("TO:<" + local64 + "@b.example>", rcpt), Fault::none);
  EXPECT_EQ(parse_rcpt("TO:<" + local64 + "l@b.example>", rcpt), Fault::address_too_long);
  std::string domain;
  while (domain.size() < 240) domain += "abcdefghi.";
  EXPECT_EQ(parse_rcpt("TO:<a@" + domain + "example>", rcpt), Fault::none);
  EXPECT_EQ(parse_rcpt("TO:<local@" + domain + "toolong.example>", rcpt), Fault::address_too_long);
  EXPECT_EQ(parse_rcpt("TO:<a@" + std::string(64, 'x') + ".example>", rcpt), Fault::bad_address);
}

TEST(Command, MailParametersAreReadInAnyOrder) {
  MailArguments mail;
  ASSERT_EQ(parse_mail("FROM:<a@b.example> smtputf8 BODY=8bitmime SIZE=1234 RET=HDRS ENVID=x+2Dy", mail), Fault::none);
  EXPECT_EQ(mail.size, 1234u);
  EXPECT_EQ(mail.body, BodyType::eight_bit);
  EXPECT_TRUE(mail.utf8);
  EXPECT_EQ(mail.ret, Ret::headers);
  EXPECT_EQ(mail.envid, "x+2Dy");
}

TEST(Command, BadMailParametersHaveTheRightFault) {
  const auto fault = [](std::string_view parameters) {
    MailArguments mail;
    return parse_mail("FROM:<a@b.example> " + std::string(parameters), mail);
  };
  EXPECT_EQ(fault("FUTURE=1"), Fault::unknown_parameter);
  EXPECT_EQ(fault("SIZE=12x"), Fault::bad_parameter);
  EXPECT_EQ(fault("SIZE=-1"), Fault::bad_parameter);
  EXPECT_EQ(fault("SIZE=99999999999999999999999"), Fault::bad_parameter);
  EXPECT_EQ(fault("SIZE"), Fault::bad_parameter);
  EXPECT_EQ(fault("SIZE=1 SIZE=2"), Fault::bad_parameter);
  EXPECT_EQ(fault("BODY=9BIT"), Fault::bad_parameter);
  EXPECT_EQ(fault("SMTPUTF8=1"), Fault::bad_parameter);
  EXPECT_EQ(fault("RET=ALL"), Fault::bad_parameter);
  EXPECT_EQ(fault("ENVID=a+b"), Fault::bad_parameter);
  EXPECT_EQ(fault("=x"), Fault::syntax);
}

TEST(Command, RcptParametersAreReadAndChecked) {
  RcptArguments rcpt;
  ASSERT_EQ(parse_rcpt("TO:<a@b.example> NOTIFY=success,FAILURE ORCPT=rfc822;a+40b.example", rcpt), Fault::none);
  EXPECT_EQ(rcpt.notify, kNotifySuccess | kNotifyFailure);
  EXPECT_EQ(rcpt.orcpt, "rfc822;a+40b.example");
  const auto fault = [](std::string_view parameters) {
    RcptArguments args;
    return parse_rcpt("TO:<a@b.example> " + std::string(parameters), args);
  };
  EXPECT_EQ(fault("NOTIFY=NEVER"), Fault::none);
  EXPECT_EQ(fault("NOTIFY=NEVER,DELAY"), Fault::bad_parameter);
  EXPECT_EQ(fault("NOTIFY="), Fault::bad_parameter);
  EXPECT_EQ(fault("ORCPT=rfc822"), Fault::bad_parameter);
  EXPECT_EQ(fault("ORCPT=;x"), Fault::bad_parameter);
  EXPECT_EQ(fault("SIZE=1"), Fault::unknown_parameter);
}

TEST(Command, BdatNeedsASizeAndMayBeTheLast) {
  BdatArguments bdat;
  ASSERT_EQ(parse_bdat("86 last", bdat), Fault::none);
  EXPECT_EQ(bdat.size, 86u);
  EXPECT_TRUE(bdat.last);
  bdat = {};
  ASSERT_EQ(parse_bdat("0", bdat), Fault::none);
  EXPECT_FALSE(bdat.last);
  for (const auto* text : {"", "-1", "+1", "1x", "1 MORE", "LAST", "99999999999999999999"}) {
    EXPECT_EQ(parse_bdat(text, bdat), Fault::syntax) << text;
  }
}

TEST(Command, AUtf8AddressIsMarkedAsSuch) {
  MailArguments mail;
  ASSERT_EQ(parse_mail("FROM:<д@пример.example> SMTPUTF8", mail), Fault::none);
  EXPECT_TRUE(mail.from.non_ascii);
}

TEST(Address, TheLocalPartOfAUserLosesQuotesAndCase) {
  EXPECT_EQ(local_of("\"John\\ Doe\"@example.org"), "john doe");
  EXPECT_EQ(local_of("USER@example.org"), "user");
  EXPECT_EQ(domain_of("\"a@b\"@example.org"), "example.org");
}

}  // namespace
}  // namespace genkan::smtp
