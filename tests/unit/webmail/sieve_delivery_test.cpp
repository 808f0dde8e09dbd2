// Local delivery by scripts: folders, redirects in two steps, vacation answers, and what happens when something fails.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"
#include "tests/unit/temp_dir.hpp"
#include "webmail/delivery.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/sorting.hpp"
#include "webmail/sieve/vacation.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

class SieveDelivery : public ::testing::Test {
 protected:
  SieveDelivery() : users_(*Users::open(dir_.path(), PasswordCost{64, 1})), delivery_(*users_, dir_.path()) {
    EXPECT_TRUE(users_->add("bob@x.org", "Bob", "pw"));
    delivery_.set_sieve(rules_);
  }

  void script(const std::string& text, const std::string& path = "") {
    const auto file = path.empty() ? sieve::script_path(dir_.path(), "bob@x.org") : path;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    ASSERT_TRUE(base::write_file_durable(file, text));
  }

  Result<> deliver(const std::string& content = kMail, const std::string& sender = "ann@y.org") {
    smtp::LocalMessage message;
    message.user = "bob@x.org";
    message.recipient = "Bob+tag@x.org";
    message.sender = sender;
    message.id = "abc";
    message.content = content;
    return delivery_.deliver(message, plan_);
  }

  // Names of the files in a folder, new and cur.
  std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> out;
    for (const auto* part : {"new", "cur"}) {
      const auto path = dir_.path() + "/mail/x.org/bob/" + folder + (folder.empty() ? "" : "/") + part;
      std::error_code none;
      for (const auto& file : std::filesystem::directory_iterator(path, none)) out.push_back(file.path().filename());
    }
    return out;
  }

  static constexpr const char* kMail =
      "From: Ann <ann@y.org>\r\nTo: bob@x.org\r\nSubject: hello\r\nMessage-ID: <m@y>\r\n\r\nx\r\n";
  TempDir dir_;
  std::unique_ptr<Users> users_;
  conf::SmtpSieve rules_;
  Delivery delivery_;
  smtp::LocalPlan plan_;
};

TEST_F(SieveDelivery, WithoutAScriptMailGoesToTheInbox) {
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 1u);
  EXPECT_EQ(plan_.reply, "250 2.1.5 delivered");
  EXPECT_TRUE(plan_.notes.empty());
}

TEST_F(SieveDelivery, FilesIntoFoldersWithFlags) {
  script(
      "require [\"fileinto\",\"mailbox\",\"imap4flags\",\"copy\"]; fileinto :create :flags "
      "[\"\\\\Seen\",\"\\\\Flagged\",\"word\"] "
      "\"Work/Plan\"; fileinto :copy :create \"Work\"; ");
  ASSERT_TRUE(deliver());
  ASSERT_EQ(files(".Work.Plan").size(), 1u);
  EXPECT_TRUE(files(".Work.Plan")[0].ends_with(":2,FS"));
  EXPECT_EQ(files(".Work").size(), 1u);
  EXPECT_EQ(files("").size(), 0u);
  EXPECT_EQ(plan_.reply, "250 2.1.5 filed into Work/Plan, filed into Work");
}

TEST_F(SieveDelivery, AMailboxThatIsNotThereMeansTheInbox) {
  script("require \"fileinto\"; fileinto \"Nowhere\";");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 1u);
  ASSERT_EQ(plan_.notes.size(), 1u);
  EXPECT_EQ(plan_.notes[0], "can not file into 'Nowhere': there is no such mailbox");
}

TEST_F(SieveDelivery, AScriptThatIsBrokenOnTheDiskKeepsTheMail) {
  script("if true {");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 1u);
  ASSERT_EQ(plan_.notes.size(), 1u);
  EXPECT_NE(plan_.notes[0].find("bob.sieve:1:10: "), std::string::npos) << plan_.notes[0];
  plan_ = {};
  script(std::string(200'000, ' '));
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 2u);
  EXPECT_EQ(plan_.notes.size(), 1u) << "larger than max_script";
}

TEST_F(SieveDelivery, RedirectsAreAskedForBeforeAnythingIsStored) {
  script("require \"copy\"; redirect :copy \"c@z.org\"; redirect \"d@z.org\"; keep;");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(plan_.redirects, (std::vector<std::string>{"c@z.org", "d@z.org"}));
  EXPECT_EQ(plan_.redirect_fields, "X-Sieve-Redirected-From: bob@x.org\r\n");
  EXPECT_EQ(files("").size(), 0u);
  plan_.asked = true;
  ASSERT_TRUE(deliver());
  EXPECT_TRUE(plan_.redirects.empty());
  EXPECT_EQ(files("").size(), 1u);
  EXPECT_EQ(plan_.reply, "250 2.1.5 sent on to c@z.org, sent on to d@z.org, delivered");
}

TEST_F(SieveDelivery, WhatCanNotBeSentOnIsKept) {
  script("redirect \"c@z.org\";");
  ASSERT_TRUE(deliver());
  plan_.asked = true;
  plan_.not_redirected = {"c@z.org"};
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 1u);
}

TEST_F(SieveDelivery, ARedirectIsNotRepeatedWhenTheRestIsTriedAgain) {
  script("redirect \"c@z.org\"; keep;");
  delivery_.set_quota(10);
  ASSERT_TRUE(deliver());
  ASSERT_EQ(plan_.redirects.size(), 1u);
  plan_.asked = true;
  EXPECT_EQ(deliver().error(), Errc::exhausted);
  delivery_.set_quota(0);
  plan_ = {};
  ASSERT_TRUE(deliver());
  EXPECT_TRUE(plan_.redirects.empty());
  EXPECT_EQ(files("").size(), 1u);
}

TEST_F(SieveDelivery, ALoopOfRedirectsEndsInTheInbox) {
  script("redirect \"c@z.org\";");
  ASSERT_TRUE(
      deliver("X-Sieve-Redirected-From: other@z.org\r\nX-Sieve-Redirected-From: BOB@x.org\r\n" + std::string(kMail)));
  EXPECT_TRUE(plan_.redirects.empty());
  EXPECT_EQ(files("").size(), 1u);
  EXPECT_EQ(plan_.notes.size(), 1u);
}

TEST_F(SieveDelivery, RefusalsGoBackToTheSender) {
  script("require \"reject\"; reject text:\nNot\n  wanted.\n.\n;");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(plan_.refusal, "550 5.7.1 Not wanted. ");
  plan_ = {};
  ASSERT_TRUE(deliver(kMail, ""));
  EXPECT_EQ(plan_.refusal, "");
  EXPECT_EQ(files("").size(), 0u);
}

TEST_F(SieveDelivery, TheSitesScriptRunsFirstAndMayEndIt) {
  rules_.before = dir_.path() + "/before.sieve";
  delivery_.set_sieve(rules_);
  script("require [\"fileinto\", \"mailbox\"]; if header :contains \"x-spam\" \"yes\" { fileinto :create \"Junk\"; }",
         rules_.before);
  script("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Mine\";");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files(".Mine").size(), 1u);
  ASSERT_TRUE(deliver("X-Spam: yes\r\n" + std::string(kMail)));
  EXPECT_EQ(files(".Junk").size(), 1u);
  EXPECT_EQ(files(".Mine").size(), 1u);
  script("nonsense", rules_.before);
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files(".Mine").size(), 2u) << "one that is broken does not keep the user's from running";
}

TEST_F(SieveDelivery, SwitchedOffNoScriptRuns) {
  script("discard;");
  rules_.enabled = false;
  delivery_.set_sieve(rules_);
  ASSERT_TRUE(deliver());
  EXPECT_EQ(files("").size(), 1u);
}

TEST_F(SieveDelivery, ASenderIsAnsweredOnceInTheTimeOfTheScript) {
  script("require \"vacation\"; vacation :days 3 \"I am away\";");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(plan_.answer_to, "ann@y.org");
  EXPECT_EQ(files("").size(), 1u);
  plan_ = {};
  ASSERT_TRUE(deliver(kMail, "ANN@y.org"));
  EXPECT_EQ(plan_.answer, "");
  ASSERT_TRUE(deliver(kMail, "eve@y.org"));
  EXPECT_NE(plan_.answer, "");
  Delivery later(*users_, dir_.path());  // after a restart
  later.set_sieve(rules_);
  smtp::LocalPlan plan;
  smtp::LocalMessage message;
  message.user = message.recipient = "bob@x.org";
  message.sender = "ann@y.org";
  message.content = kMail;
  ASSERT_TRUE(later.deliver(message, plan));
  EXPECT_EQ(plan.answer, "");
}

TEST(SieveMemory, ForgetsWhenItsTimeIsOver) {
  TempDir dir;
  auto memory = sieve::Memory::open(dir.path());
  ASSERT_TRUE(memory);
  EXPECT_EQ((*memory)->take("u", "k", 1000, 60), true);
  EXPECT_EQ((*memory)->take("u", "k", 1059, 60), false);
  EXPECT_EQ((*memory)->take("v", "k", 1059, 60), true);
  EXPECT_EQ((*memory)->knows("u", "k", 1059), true);
  EXPECT_EQ((*memory)->take("u", "k", 1061, 60), true);
}

std::string refusal(const std::string& fields, const std::string& sender = "ann@y.org",
                    std::vector<std::string> own = {}) {
  const auto content = fields + "\r\n\r\nx\r\n";
  sieve::VacationWish wish;
  wish.addresses = std::move(own);
  sieve::VacationFacts facts;
  facts.user = "bob@x.org";
  facts.recipient = "bob+tag@x.org";
  facts.sender = sender;
  return std::string(sieve::vacation_refusal(wish, facts, sieve::MailView(content)));
}

TEST(SieveVacation, AnswersPeopleWhoWroteToTheUserOnly) {
  EXPECT_EQ(refusal("To: Bob <BOB@x.org>"), "");
  EXPECT_EQ(refusal("Cc: a@b.org, bob+tag@x.org"), "");
  EXPECT_EQ(refusal("Resent-To: bob@x.org"), "");
  EXPECT_EQ(refusal("To: info@x.org", "ann@y.org", {"info@x.org"}), "");
  EXPECT_EQ(refusal("Auto-Submitted: no\r\nTo: bob@x.org"), "");
  EXPECT_NE(refusal("To: info@x.org"), "");
  EXPECT_NE(refusal("To: bob@x.org", ""), "");
  EXPECT_NE(refusal("To: bob@x.org", "bob@x.org"), "");
  for (const auto* robot :
       {"MAILER-DAEMON@y.org", "owner-list@y.org", "list-request@y.org", "majordomo@y.org", "LISTSERV@y.org"})
    EXPECT_NE(refusal("To: bob@x.org", robot), "") << robot;
  for (const auto* field : {"List-Id: <l.y.org>", "List-Unsubscribe: <x:y>", "Auto-Submitted: auto-replied (vacation)",
                            "Precedence: Bulk", "X-Auto-Response-Suppress: DR, OOF"})
    EXPECT_NE(refusal("To: bob@x.org\r\n" + std::string(field)), "") << field;
}

TEST(SieveVacation, TheAnswerIsOneMessageWhateverItIsMadeOf) {
  const std::string content =
      "From: x\r\nSubject: =?UTF-8?Q?hi=0D=0ABcc:_eve@y.org?=\r\nMessage-ID: <m1@y.org>\r\nReferences: "
      "<m0@y.org>\r\n\r\n";
  sieve::VacationWish wish;
  wish.reason = "Gone.\r\n.\r\nBack \xc3\xbc\r\n";
  sieve::VacationFacts facts;
  facts.user = "bob@x.org";
  facts.name = "Bob";
  facts.sender = "ann@y.org";
  const sieve::MailView mail(content);
  auto text = sieve::vacation_message(wish, facts, mail, WallClock::now());
  auto message = mime::parse(text);
  const auto field = [&](const char* name) {
    const auto* found = message.root.find(name);
    return found ? mime::decode_text(found->value.in(text)) : std::string("(none)");
  };
  EXPECT_EQ(field("from"), "Bob <bob@x.org>");
  EXPECT_EQ(field("to"), "ann@y.org");
  EXPECT_EQ(field("subject").substr(0, 8), "Auto: hi");
  EXPECT_EQ(field("bcc"), "(none)");
  EXPECT_EQ(field("in-reply-to"), "<m1@y.org>");
  EXPECT_EQ(field("references"), "<m0@y.org> <m1@y.org>");
  EXPECT_EQ(field("auto-submitted"), "auto-replied (vacation)");
  EXPECT_EQ(mime::part_text(text, message.root).value, "Gone.\n.\nBack \xc3\xbc\n");
  wish.mime = true;
  wish.subject = "Away";
  wish.reason = "Content-Type: text/html\nTo: eve@y.org\n\n<b>away</b>\n";
  text = sieve::vacation_message(wish, facts, mail, WallClock::now());
  message = mime::parse(text);
  EXPECT_EQ(message.root.type, "text/html");
  EXPECT_EQ(field("to"), "ann@y.org");
  EXPECT_EQ(field("subject"), "Away");
  EXPECT_EQ(mime::part_text(text, message.root).value, "<b>away</b>\n");
}

}  // namespace
}  // namespace genkan::webmail
