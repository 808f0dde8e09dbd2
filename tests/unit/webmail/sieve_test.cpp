// Sieve: what scripts mean, and what is wrong with those that mean nothing (RFC 5228 and its extensions).
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/run.hpp"

namespace genkan::webmail::sieve {
namespace {

constexpr std::string_view kMail =
    "Received: from x\r\n"
    "From: Ann Example <Ann+news@Coyote.Example>\r\n"
    "To: bob@desert.example, \"C, D\" <cd@desert.example>\r\n"
    "Cc: team: e@desert.example, f@acme.example;\r\n"
    "Subject: I have a present for you\r\n"
    "X-Encoded: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?q?_=E9?=\r\n"
    "X-Priority: 003\r\n"
    "Date: Tue, 1 Apr 1997 09:06:31 -0800\r\n"
    "Folded: one\r\n two\r\n"
    "\r\n"
    "Look, I'm sorry about the whole anvil thing.\r\n";

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += " " + word;
  return out;
}

std::string text_of(const Outcome& o) {
  std::string out;
  for (const auto& store : o.stores)
    out += "file " + store.mailbox + (store.create ? " create" : "") + joined(store.flags) + "; ";
  for (const auto& to : o.redirects) out += "redirect " + to + "; ";
  if (o.reject) out += "reject " + *o.reject + "; ";
  if (o.vacation) out += "vacation " + o.vacation->reason + "; ";
  if (o.keeps()) out += std::string(o.explicit_keep ? "keep" : "implicit keep") + joined(o.keep_flags) + "; ";
  if (o.error) out += "error " + o.error->where() + "; ";
  return out.empty() ? "discard" : out.substr(0, out.size() - 2);
}

std::string run_on(std::string_view mail, const std::string& script, const Limits& limits = {}) {
  const auto compiled = compile(script);
  if (!compiled.program) return "no script: " + compiled.problem.where();
  Input input;
  input.content = mail;
  input.sender = "ann+news@coyote.example";
  input.recipient = "bob+list@desert.example";
  input.mailbox_exists = [](const std::string& name) { return name == "INBOX" || name == "Work"; };
  return text_of(run(*compiled.program, input, limits));
}

std::string does(const std::string& script) { return run_on(kMail, script); }

const std::string kAll =
    "require [\"fileinto\", \"copy\", \"envelope\", \"subaddress\", \"relational\", \"comparator-i;ascii-numeric\", "
    "\"variables\", \"imap4flags\", \"mailbox\", \"reject\", \"vacation\", \"vacation-seconds\", \"body\", "
    "\"encoded-character\"];\n";

// Whether a test holds.
bool holds(const std::string& test) {
  const auto result = does(kAll + "if " + test + " { discard; }");
  EXPECT_TRUE(result == "discard" || result == "implicit keep") << test << ": " << result;
  return result == "discard";
}

std::string wrong(const std::string& script) {
  const auto compiled = compile(script);
  return compiled.program ? "good" : compiled.problem.where();
}

TEST(Sieve, KeepsWhatNothingIsSaidAbout) {
  EXPECT_EQ(does(""), "implicit keep");
  EXPECT_EQ(does("# a comment\n/* another\n*/ stop;"), "implicit keep");
  EXPECT_EQ(does("keep;"), "keep");
  EXPECT_EQ(does("discard;"), "discard");
  EXPECT_EQ(does("discard; keep;"), "keep");
  EXPECT_EQ(does("stop; discard;"), "implicit keep");
}

TEST(Sieve, ImplicitKeepIsCancelledAsTheActionsSay) {
  EXPECT_EQ(does(kAll + "fileinto \"Work\";"), "file Work");
  EXPECT_EQ(does(kAll + "fileinto :copy \"Work\";"), "file Work; implicit keep");
  EXPECT_EQ(does(kAll + "redirect \"a@b.example\";"), "redirect a@b.example");
  EXPECT_EQ(does(kAll + "redirect :copy \"a@b.example\";"), "redirect a@b.example; implicit keep");
  EXPECT_EQ(does(kAll + "redirect \"a@b.example\"; keep;"), "redirect a@b.example; keep");
  EXPECT_EQ(does(kAll + "vacation \"away\";"), "vacation away; implicit keep");
  EXPECT_EQ(does(kAll + "reject \"no\";"), "reject no");
}

TEST(Sieve, TheFirstBranchThatHoldsIsTaken) {
  EXPECT_EQ(does(kAll + "if false { fileinto \"a\"; } elsif true { fileinto \"b\"; } else { fileinto \"c\"; }"),
            "file b");
  EXPECT_EQ(does(kAll + "if false { fileinto \"a\"; } elsif false { fileinto \"b\"; } else { fileinto \"c\"; }"),
            "file c");
  EXPECT_EQ(does(kAll + "if true { if false { stop; } else { fileinto \"in\"; stop; } } fileinto \"out\";"), "file in");
}

TEST(Sieve, DuplicatesHappenOnce) {
  EXPECT_EQ(does(kAll + "fileinto \"Work\"; fileinto \"Work\";"), "file Work");
  EXPECT_EQ(does(kAll + "redirect \"a@b.example\"; redirect \"A@B.example\";"), "redirect a@b.example");
}

TEST(SieveTests, HeaderFieldsAreComparedDecodedAndUnfolded) {
  EXPECT_TRUE(holds("header \"subject\" \"i HAVE a present for you\""));
  EXPECT_FALSE(holds("header :comparator \"i;octet\" \"subject\" \"i HAVE a present for you\""));
  EXPECT_TRUE(holds("header :contains [\"x\", \"Subject\"] [\"nothing\", \"PRESENT\"]"));
  EXPECT_TRUE(
      holds("header :is \"x-encoded\" \"Gr\xc3\xbc\xc3\x9f"
            "e \xc3\xa9\""));
  EXPECT_TRUE(holds("header :is \"folded\" \"one two\""));
  EXPECT_TRUE(holds("header :contains \"subject\" \"\""));
  EXPECT_FALSE(holds("header :contains \"missing\" \"\""));
  EXPECT_TRUE(holds("exists [\"from\", \"DATE\"]"));
  EXPECT_FALSE(holds("exists [\"from\", \"missing\"]"));
}

TEST(SieveTests, WildcardsMatchTheWholeValue) {
  EXPECT_TRUE(holds("header :matches \"subject\" \"*PRESENT*\""));
  EXPECT_FALSE(holds("header :matches \"subject\" \"present*\""));
  EXPECT_TRUE(holds("header :matches \"subject\" \"? have a present for yo?\""));
  EXPECT_TRUE(holds("header :matches \"x-encoded\" \"Gr??e ?\"")) << "a character of UTF-8 is one";
  EXPECT_FALSE(holds("header :matches \"subject\" \"\\\\*present\\\\*\""));
  EXPECT_TRUE(holds("header :matches \"missing\" \"*\"") == false);
}

TEST(SieveTests, AddressesHaveParts) {
  EXPECT_TRUE(holds("address :is :all \"from\" \"ann+news@coyote.example\""));
  EXPECT_TRUE(holds("address :localpart \"from\" \"ann+news\""));
  EXPECT_TRUE(holds("address :domain \"from\" \"coyote.example\""));
  EXPECT_TRUE(holds("address :user \"from\" \"ann\""));
  EXPECT_TRUE(holds("address :detail \"from\" \"news\""));
  EXPECT_FALSE(holds("address :detail \"to\" \"\"")) << "no detail is not an empty one";
  EXPECT_TRUE(holds("address :is \"to\" \"cd@desert.example\""));
  EXPECT_TRUE(holds("address :domain :is \"cc\" \"acme.example\"")) << "in a group";
  EXPECT_FALSE(holds("address :contains \"from\" \"Ann Example\"")) << "names do not count";
  EXPECT_TRUE(holds("envelope :detail \"to\" \"list\""));
  EXPECT_TRUE(holds("envelope \"from\" \"ANN+news@coyote.example\""));
}

TEST(SieveTests, SizesNumbersAndCounts) {
  EXPECT_TRUE(holds("size :over 100"));
  EXPECT_FALSE(holds("size :over 1K"));
  EXPECT_TRUE(holds("size :under 1M"));
  EXPECT_TRUE(holds("header :value \"lt\" :comparator \"i;ascii-numeric\" \"x-priority\" \"10\""));
  EXPECT_TRUE(holds("header :is :comparator \"i;ascii-numeric\" \"x-priority\" \"3\""));
  EXPECT_TRUE(holds("header :value \"gt\" :comparator \"i;ascii-numeric\" \"subject\" \"99\""))
      << "no number is infinity";
  EXPECT_TRUE(holds("address :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] \"4\""));
  EXPECT_FALSE(holds("header :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] \"4\""));
  EXPECT_TRUE(holds("header :value \"ge\" \"subject\" \"i\""));
}

TEST(SieveTests, LogicAndMailboxesAndBodies) {
  EXPECT_TRUE(holds("allof (true, not false, anyof (false, true))"));
  EXPECT_FALSE(holds("not anyof (true)"));
  EXPECT_TRUE(holds("mailboxexists [\"INBOX\", \"Work\"]"));
  EXPECT_FALSE(holds("mailboxexists [\"INBOX\", \"Play\"]"));
  EXPECT_TRUE(holds("body :contains \"ANVIL\""));
  EXPECT_TRUE(holds("body :raw :contains \"anvil\""));
  EXPECT_FALSE(holds("body :content \"text/html\" :contains \"anvil\""));
  EXPECT_TRUE(holds("body :content \"text\" :contains \"anvil\""));
}

TEST(SieveVariables, AreSetModifiedAndMatched) {
  const auto subject = [](const std::string& script, const std::string& value) {
    EXPECT_EQ(does(kAll + script + " fileinto \"${v}\";"), "file " + value);
  };
  subject("set \"v\" \"Dog\";", "Dog");
  subject("set \"V\" \"dog\"; set :upperfirst \"v\" \"${v}s\";", "Dogs");
  subject("set :upper :lowerfirst \"v\" \"Dog\";", "dOG");
  subject(
      "set :length \"v\" \"Gr\xc3\xbc\xc3\x9f"
      "e\";",
      "5");
  subject("set :quotewildcard \"v\" \"a*b?\\\\\";", "a\\*b\\?\\\\");
  subject("set \"v\" \"[${none}]${\";", "[]${");
  subject("if header :matches \"subject\" \"I have a * for *\" { set \"v\" \"${1}-${2}-${3}\"; }", "present-you-");
  subject("if header :matches \"from\" \"* <*@*>\" { set \"v\" \"${2}\"; }", "Ann+news");
  subject("if string :matches \"\xe6\x97\xa5\xc3\xa9\" \"?*?*\" { set \"v\" \"${1};${2};${3};${4}\"; }",
          "\xe6\x97\xa5;;\xc3\xa9;");
  subject("if header :matches \"subject\" \"*a*\" { set \"v\" \"[${1}][${2}]\"; }", "[I h][ve a present for you]");
  EXPECT_TRUE(holds("string :is \"${missing}\" \"\""));
  EXPECT_EQ(does("require \"fileinto\"; fileinto \"${v}\";"), "file ${v}") << "without variables it is text";
  EXPECT_EQ(does("require [\"fileinto\", \"encoded-character\"]; fileinto \"${hex:4d 41}${unicode: 65e5}${hex:x}\";"),
            "file MA\xe6\x97\xa5${hex:x}");
}

TEST(SieveFlags, GoWithTheMail) {
  EXPECT_EQ(does(kAll + "fileinto :flags [\"\\\\Seen\", \"a b\"] \"Work\";"), "file Work \\Seen a b");
  EXPECT_EQ(does(kAll + "setflag \"\\\\Flagged\"; addflag \"\\\\Seen \\\\flagged\"; fileinto \"Work\";"),
            "file Work \\Flagged \\Seen");
  EXPECT_EQ(does(kAll + "addflag [\"a\", \"b\"]; removeflag \"A\"; "), "implicit keep b");
  EXPECT_EQ(does(kAll + "addflag \"v\" [\"a\", \"b\"]; if hasflag \"v\" \"B\" { keep :flags \"${v}\"; }"), "keep a b");
  EXPECT_EQ(does(kAll + "addflag \"x\"; keep :flags \"\";"), "keep");
}

TEST(SieveLimits, AMistakeWhileItRunsKeepsTheMailAndNothingElse) {
  EXPECT_EQ(does(kAll + "fileinto \"a\"; redirect \"${v}\";"), "implicit keep; error 2:15: '' is not an address");
  EXPECT_EQ(does(kAll + "fileinto \"a\"; reject \"x\";"),
            "implicit keep; error 2:15: 'reject' can not go together with other actions");
  EXPECT_EQ(does(kAll + "vacation \"a\"; vacation \"b\";"), "implicit keep; error 2:15: 'vacation' was there already");
  std::string many = kAll;
  for (int i = 0; i < 5; ++i) many += "redirect \"u" + std::to_string(i) + "@x.example\";\n";
  EXPECT_EQ(does(many), "implicit keep; error 6:1: more than 4 redirects for one message");
  Limits none;
  none.redirects = 0;
  EXPECT_NE(run_on(kMail, kAll + "redirect \"a@b.example\";", none).find("more than 0 redirects"), std::string::npos);
  none.actions = 2;
  EXPECT_NE(run_on(kMail, kAll + "fileinto \"a\"; fileinto \"b\"; keep;", none).find("more than 2 actions"),
            std::string::npos);
}

TEST(SieveLimits, TheWorkOfTestsIsBounded) {
  std::string header;
  for (int i = 0; i < 900; ++i) header += "X: " + std::string(250, 'a') + "\r\n";
  std::string script = kAll;
  for (int i = 0; i < 300; ++i) script += "if header :matches \"x\" \"*a*a*a*a*a*a*a*a*b\" { discard; }\n";
  const auto start = Clock::now();
  EXPECT_NE(run_on(header + "\r\n", script).find("too much work"), std::string::npos);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
  std::string grow = kAll + "set \"a\" \"" + std::string(4000, 'x') + "\"; set \"b\" \"";
  for (int i = 0; i < 40; ++i) grow += "${a}";
  EXPECT_NE(does(grow + "\";").find("a string becomes too long"), std::string::npos);
  std::string variables = kAll;
  for (int i = 0; i < 200; ++i) variables += "set \"v" + std::to_string(i) + "\" \"x\";";
  EXPECT_NE(does(variables).find("more than 128 variables"), std::string::npos);
}

TEST(SieveCompile, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(wrong("keep"), "1:5: ';' or a block must follow 'keep', not the end of the script");
  EXPECT_EQ(wrong("if true {\n  kep;\n}"), "2:3: there is no command 'kep'");
  EXPECT_EQ(wrong("if tru { keep; }"), "1:4: there is no test 'tru'");
  EXPECT_EQ(wrong("fileinto \"x\";"), "1:1: 'fileinto' needs: require \"fileinto\";");
  EXPECT_EQ(wrong("require \"nonsense\";"), "1:9: there is no extension 'nonsense'");
  EXPECT_EQ(wrong("keep; require \"fileinto\";"), "1:7: 'require' must stand before everything else");
  EXPECT_EQ(wrong("redirect :copy \"a@b.example\";"), "1:10: ':copy' needs: require \"copy\";");
  EXPECT_EQ(wrong("redirect \"nobody\";"), "1:10: 'nobody' is not an address");
  EXPECT_EQ(wrong("redirect;"), "1:1: 'redirect' needs an address");
  EXPECT_EQ(wrong("redirect [\"a@b.example\"];"), "1:10: 'redirect' needs an address, not a list");
  EXPECT_EQ(wrong("keep \"x\";"), "1:6: 'keep' has one argument too many");
  EXPECT_EQ(wrong("keep :x;"), "1:6: 'keep' has no :x");
  EXPECT_EQ(wrong("if header :contains \"subject\" 5 { keep; }"), "1:31: 'header' needs keys to compare with here");
  EXPECT_EQ(wrong("if header :is :contains \"a\" \"b\" { keep; }"), "1:15: there is a match type already");
  EXPECT_EQ(wrong("if header :comparator \"i;x\" \"a\" \"b\" { keep; }"), "1:23: there is no comparator 'i;x'");
  EXPECT_EQ(wrong("if address \"subject\" \"b\" { keep; }"), "1:12: the field 'subject' holds no addresses");
  EXPECT_EQ(wrong("else { keep; }"), "1:1: 'else' must follow an 'if' or 'elsif'");
  EXPECT_EQ(wrong("if true { keep; } keep; else { stop; }"), "1:25: 'else' must follow an 'if' or 'elsif'");
  EXPECT_EQ(wrong("if true { keep;"), "1:16: the block of 'if' has no end (})");
  EXPECT_EQ(wrong("keep; \"x"), "1:7: this string has no end (\")");
  EXPECT_EQ(wrong("/* x"), "1:1: this comment has no end (*/)");
  EXPECT_EQ(wrong("if size :over 99999999999999999999 { keep; }"), "1:15: this number is too large");
  EXPECT_EQ(wrong("keep; \xff"), "1:7: the script is not UTF-8");
  EXPECT_EQ(wrong("require \"variables\"; set \"1x\" \"y\";"), "1:26: this is not the name of a variable");
  EXPECT_EQ(wrong("require \"variables\"; set \"x\" \"${a.b}\";"),
            "1:30: the name space of the variable ${a.b} is not known");
  EXPECT_EQ(wrong("require [\"fileinto\"]; fileinto \"a//b\";"), "1:32: 'a//b' can not be the name of a mailbox");
  EXPECT_EQ(wrong("if anyof true { keep; }"), "1:4: 'anyof' needs tests in parentheses");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "if not not not true {";
  EXPECT_NE(wrong(deep).find("nested too deeply"), std::string::npos);
  EXPECT_EQ(wrong("if " + std::string(4000, '(')), "1:5: a test must stand here, not '('");
}

TEST(SieveCompile, TextInManyLines) {
  EXPECT_EQ(does(kAll + "vacation text: # now\na\n..b\n.\n;"), "vacation a\r\n.b\r\n; implicit keep");
  EXPECT_EQ(does(kAll + "reject \"a\\\"b\\\\c\\d\";"), "reject a\"b\\cd");
  EXPECT_EQ(wrong("require \"vacation\"; vacation text:\nno end"),
            "1:30: this text has no end (a line with a dot alone)");
}

TEST(SieveMailbox, NamesBecomeFolders) {
  EXPECT_EQ(mailbox_folder("inbox"), "");
  EXPECT_EQ(mailbox_folder("Work/Plan 1.0"), ".Work.Plan 1&AC4-0");
  EXPECT_TRUE(valid_mailbox("\xe6\x97\xa5\xe6\x9c\xac"));
  for (const auto* bad : {"", "/", "a/", "/a", "a//b", "a\nb", "\xff"}) EXPECT_FALSE(valid_mailbox(bad)) << bad;
  EXPECT_FALSE(valid_mailbox(std::string(300, 'x')));
}

}  // namespace
}  // namespace genkan::webmail::sieve
