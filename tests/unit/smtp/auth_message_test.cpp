// DKIM, ARC, DMARC and Authentication-Results: canonical forms, tags, keys, alignment, what is taken out of a header.
// That signatures hold for others is shown with dkimpy and OpenDKIM (tests/e2e).
#include "smtp/auth/message_auth.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "smtp/auth/public_suffix.hpp"
#include "tests/unit/smtp/auth_dns.hpp"

namespace genkan::smtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::now;
using testing_support::TableDns;
using testing_support::Zone;

std::string header_form(std::string_view text, Canon canon) {
  const MailHeader header{std::string(text)};
  std::string out;
  for (const auto& field : header.fields()) put_canonical(field, canon, out);
  return out;
}

TEST(MailHeader, the_example_of_rfc_6376) {
  const std::string_view text = "A: X\r\nB : Y\t\r\n\tZ  \r\n";
  EXPECT_EQ(header_form(text, Canon::relaxed), "a:X\r\nb:Y Z\r\n");
  EXPECT_EQ(header_form(text, Canon::simple), text);
}

TEST(MailHeader, lines_that_are_no_field_stand_for_themselves) {
  const MailHeader header(std::string("From: a\r\nno field\r\n: x\r\nb c: d\r\nTo:\r\n \r\n"));
  ASSERT_EQ(header.fields().size(), 5u);
  EXPECT_THAT(header.all("TO"), ElementsAre(4u));
  EXPECT_EQ(header.fields()[1].name, "");
  EXPECT_EQ(header.fields()[3].name, "") << "a space within a name";
}

base::Sha256 hashed(std::string_view body, Canon canon, std::size_t piece, std::optional<std::uint64_t> limit = {}) {
  BodyHash hash(canon, limit);
  for (std::size_t at = 0; at < body.size(); at += piece) hash.feed(body.substr(at, piece));
  hash.finish();
  return hash.digest();
}

TEST(BodyHash, canonical_forms_in_any_pieces) {
  struct Case {
    const char *body, *simple, *relaxed;
  };
  const Case cases[] = {
      {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},  // RFC 6376 3.4.5
      {"", "\r\n", ""},
      {"\r\n\r\n", "\r\n", ""},
      {" \r\n\t\r\n", " \r\n\t\r\n", ""},
      {"x", "x\r\n", "x\r\n"},
      {"x\r\n \r\ny \r\n", "x\r\n \r\ny \r\n", "x\r\n\r\ny\r\n"},
      {"\r\n\r\nx\r\n", "\r\n\r\nx\r\n", "\r\n\r\nx\r\n"},
      {"a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
      {"a \r b\r\n", "a \r b\r\n", "a \r b\r\n"},
      {"  a\t\tb  c\t\r\n", "  a\t\tb  c\t\r\n", " a b c\r\n"},
  };
  for (const auto& c : cases) {
    for (const std::size_t piece : {1, 2, 3, 100}) {
      EXPECT_EQ(hashed(c.body, Canon::simple, piece), base::sha256(c.simple)) << c.body << piece;
      EXPECT_EQ(hashed(c.body, Canon::relaxed, piece), base::sha256(c.relaxed)) << c.body << piece;
    }
  }
  EXPECT_EQ(hashed("12345\r\n", Canon::simple, 2, 3), base::sha256("123"));
  EXPECT_EQ(hashed("12345\r\n", Canon::simple, 2, 0), base::sha256(""));
}

TEST(TagList, reads_folded_tags_and_refuses_what_is_none) {
  const auto tags = TagList::parse(" v=1;\r\n\ta = b c ;d=;x=y=z;\r\n");
  ASSERT_TRUE(tags);
  EXPECT_EQ(tags->get("a"), "b c");
  EXPECT_EQ(tags->packed("a"), "bc");
  EXPECT_TRUE(tags->has("d"));
  EXPECT_EQ(tags->get("x"), "y=z");
  for (const auto* bad : {"a=1;a=2", "a", "=1", "1a=1", "a=1;;b=2", "a=\x01", "a b=1"})
    EXPECT_FALSE(TagList::parse(bad)) << bad;
}

TEST(Signature, its_own_value_is_left_out_of_the_digest) {
  EXPECT_EQ(without_signature(field_of("X: a=1; b=AAA\r\n BBB ; bh=b=;\r\n")), "X: a=1; b=; bh=b=;\r\n");
  EXPECT_EQ(without_signature(field_of("X: a=1; bh=x; b = AAA\r\n BBB\r\n")), "X: a=1; bh=x; b =\r\n");
  EXPECT_EQ(without_signature(field_of("X: a=1; bh=x\r\n")), "X: a=1; bh=x\r\n");
}

DkimKey key_of(base::KeyKind kind, unsigned bits = 1024) {
  DkimKey key;
  key.domain = "a.example";
  key.selector = "s";
  key.key = std::make_shared<const base::SigningKey>(base::SigningKey::generate(kind, bits).value());
  key.names = default_signed_names();
  return key;
}

std::shared_ptr<AuthRules> rules_with(const DkimKey& key) {
  auto rules = std::make_shared<AuthRules>();
  rules->authserv_id = "mx.example";
  rules->keys.push_back(key);
  rules->seal = &rules->keys.front();
  return rules;
}

std::string with_fields(const std::shared_ptr<AuthRules>& rules, const std::string& content, AuthTask task) {
  MessageAuth auth(rules, task, 1'700'000'000);
  auth.feed(content);
  auth.finish();
  return auth.sign().value() + content;
}

AuthFindings judged(const std::shared_ptr<AuthRules>& rules, const std::string& content, Zone zone,
                    AuthVerdict* verdict = nullptr) {
  AuthTask task;
  task.verify = true;
  MessageAuth auth(rules, task, 1'700'000'000);
  for (std::size_t at = 0; at < content.size(); at += 5) auth.feed(std::string_view(content).substr(at, 5));
  auth.finish();
  TableDns dns(std::move(zone));
  ClientAuth client;
  const auto said = now(auth.judge(dns, client, ClientQuestion(), 50));
  if (verdict) *verdict = said;
  return auth.findings();
}

const std::string kMail = "From: ann@a.example\r\nSubject: x\r\n\r\nbody\r\n";

TEST(Dkim, both_kinds_of_keys_sign_and_verify) {
  for (const auto kind : {base::KeyKind::rsa, base::KeyKind::ed25519}) {
    const auto key = key_of(kind);
    const auto rules = rules_with(key);
    AuthTask task;
    task.sign = true;
    const auto content = with_fields(rules, kMail, task);
    const Zone zone{{"s._domainkey.a.example", {"TXT " + key_record(*key.key)}}};
    const auto result = [&](const std::string& text, const Zone& z) {
      return judged(rules, text, z).dkim.at(0).check.result;
    };
    EXPECT_EQ(result(content, zone), SignatureResult::pass);
    EXPECT_EQ(result("From: eve@a.example\r\n" + content, zone), SignatureResult::fail)
        << "From is signed once too often";
    EXPECT_EQ(result("To: eve@a.example\r\n" + content, zone), SignatureResult::pass) << "there was no To";
    EXPECT_EQ(result(content + "x", zone), SignatureResult::fail);
    EXPECT_EQ(result(content, {}), SignatureResult::permerror);
    EXPECT_EQ(result(content, {{"s._domainkey.a.example", {"TIMEOUT"}}}), SignatureResult::temperror);
    EXPECT_EQ(result(content, {{"s._domainkey.a.example", {"TXT junk", "TXT " + key_record(*key.key)}}}),
              SignatureResult::pass);
  }
}

TEST(Dkim, only_mail_of_its_domain_is_signed) {
  const auto rules = rules_with(key_of(base::KeyKind::ed25519));
  AuthTask task;
  task.sign = true;
  const std::string body = "\r\nbody\r\n";
  for (const auto* from : {"From: a@b.example\r\n", "From: a@sub.a.example\r\n", "",
                           "From: x@a.example\r\nFrom: y@a.example\r\n", "From: x@a.example, y@b.example\r\n"}) {
    EXPECT_EQ(with_fields(rules, from + body, task), from + body) << from;
  }
}

TEST(Dkim, an_rsa_key_of_512_bits_is_refused_and_one_of_1024_is_not) {
  SignatureCheck check;
  // 512 bits
  const std::string small =
      "v=DKIM1; k=rsa; "
      "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+"
      "CqvjWYzvQwECAwEAAQ==";
  EXPECT_FALSE(parse_key(small, base::KeyKind::rsa, check));
  EXPECT_THAT(check.why, HasSubstr("512 bits"));
  EXPECT_TRUE(parse_key(key_record(*key_of(base::KeyKind::rsa).key), base::KeyKind::rsa, check));
}

TEST(Arc, a_chain_of_seals_holds_until_somebody_changes_it) {
  const auto key = key_of(base::KeyKind::rsa);
  const auto rules = rules_with(key);
  const Zone zone{{"s._domainkey.a.example", {"TXT " + key_record(*key.key)}}};
  std::string content = kMail;
  for (std::size_t number = 1; number <= 3; ++number) {
    AuthTask task;
    task.verify = task.seal = true;
    MessageAuth auth(rules, task, 1'700'000'000);
    auth.feed(content);
    auth.finish();
    TableDns dns(zone);
    now(auth.judge(dns, ClientAuth(), ClientQuestion(), 0));
    content = auth.sign().value() + content;
    const auto found = judged(rules, content, zone).arc;
    EXPECT_EQ(found.result, ArcAnswer::Result::pass) << found.why;
    EXPECT_EQ(found.sets, number);
    EXPECT_EQ(found.sealer, "a.example");
  }
  const auto broken = judged(rules, content + "more\r\n", zone).arc;
  EXPECT_EQ(broken.result, ArcAnswer::Result::fail);
  EXPECT_THAT(broken.why, HasSubstr("the body was changed"));
  EXPECT_EQ(judged(rules, content, {}).arc.result, ArcAnswer::Result::fail);
  EXPECT_EQ(judged(rules, "ARC-Seal: i=51; cv=none\r\n" + kMail, zone).arc.result, ArcAnswer::Result::fail);
  EXPECT_EQ(judged(rules, kMail, zone).arc.result, ArcAnswer::Result::none);
}

TEST(Dmarc, records) {
  EXPECT_FALSE(parse_dmarc("p=none; v=DMARC1")) << "v stands first";
  EXPECT_FALSE(parse_dmarc("v=DMARC2; p=none"));
  EXPECT_FALSE(parse_dmarc("v=DMARC1"));
  EXPECT_FALSE(parse_dmarc("v=DMARC1; p=what"));
  EXPECT_EQ(parse_dmarc("v=DMARC1; p=what; rua=mailto:x@y.example")->policy, DmarcPolicy::none);
  const auto record = parse_dmarc("v=DMARC1;p=Reject;sp=quarantine;adkim=s;aspf=r;pct=30;fo=1");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->policy, DmarcPolicy::reject);
  EXPECT_EQ(record->subdomains, DmarcPolicy::quarantine);
  EXPECT_TRUE(record->strict_dkim);
  EXPECT_FALSE(record->strict_spf);
  EXPECT_EQ(record->percent, 30u);
  EXPECT_EQ(parse_dmarc("v=DMARC1; p=none; pct=400")->percent, 100u);
}

TEST(Dmarc, organisations) {
  EXPECT_EQ(organisational_domain("a.b.example.com"), "example.com");
  EXPECT_EQ(organisational_domain("a.example.co.uk"), "example.co.uk");
  EXPECT_EQ(organisational_domain("co.uk"), "co.uk");
  EXPECT_TRUE(is_aligned("mail.example.com", "news.Example.com", false));
  EXPECT_FALSE(is_aligned("mail.example.com", "example.com", true));
  EXPECT_FALSE(is_aligned("a.co.uk", "b.co.uk", false));
}

TEST(Dmarc, domains_of_from) {
  const auto domains = [](const char* text) { return address_domains(text); };
  EXPECT_THAT(domains(" Ann <ann@A.example>\r\n"), ElementsAre("a.example"));
  EXPECT_THAT(domains("ann@a.example, \"x, y\" <b@b.example>, c@a.example"), ElementsAre("a.example", "b.example"));
  EXPECT_THAT(domains("\"evil@x.example\" <ann@a.example>"), ElementsAre("a.example"));
  EXPECT_THAT(domains("(evil@x.example \\) <z@z.example>) ann@a.example (c)"), ElementsAre("a.example"));
  EXPECT_THAT(domains("\"a@b\"@c.example"), ElementsAre("c.example"));
  EXPECT_THAT(domains("Team: a@a.example, b@b.example;"), ElementsAre("a.example", "b.example"));
  EXPECT_THAT(domains("nobody"), IsEmpty());
  EXPECT_THAT(domains("a@[192.0.2.1]"), IsEmpty());
  EXPECT_THAT(domains("a@b..example"), IsEmpty());
}

TEST(Dmarc, is_enforced_by_sampling_and_not_without_an_answer) {
  auto rules = rules_with(key_of(base::KeyKind::ed25519));
  rules->conf.dmarc = "enforce";
  const auto verdict = [&](std::string record) {
    AuthVerdict out;
    judged(rules, kMail, {{"_dmarc.a.example", {record}}}, &out);
    return out;
  };
  EXPECT_THAT(verdict("TXT v=DMARC1; p=reject").reply, HasSubstr("550 5.7.1 DMARC"));
  EXPECT_THAT(verdict("TXT v=DMARC1; p=reject; pct=50").fields, HasSubstr("X-Quarantine")) << "the dice show 50";
  EXPECT_THAT(verdict("TXT v=DMARC1; p=reject; pct=51").reply, HasSubstr("550"));
  EXPECT_THAT(verdict("TXT v=DMARC1; p=quarantine; pct=50").fields, testing::Not(HasSubstr("X-Quarantine")));
  EXPECT_EQ(verdict("TIMEOUT").kind, AuthVerdict::Kind::take);
  rules->conf.dns_failure = "tempfail";
  EXPECT_THAT(verdict("TIMEOUT").reply, HasSubstr("451 4.7.1"));
}

TEST(AuthResults, whose_field_it_is) {
  EXPECT_EQ(authserv_id_of(" mx.example; none"), "mx.example");
  EXPECT_EQ(authserv_id_of(" (a (b) \\) ) MX.Example. 1; none"), "mx.example");
  EXPECT_EQ(authserv_id_of("\r\n\t\"mx.\\example\" ; none"), "mx.example");
  EXPECT_EQ(authserv_id_of(" mx.example(c);"), "mx.example");
  EXPECT_EQ(authserv_id_of(""), "");
}

TEST(AuthResults, only_forged_fields_go) {
  const MailHeader header(std::string(
      "A: 1\r\nAuthentication-Results: mx.example;\r\n spf=pass\r\nAuthentication-Results: o.example; x\r\nB: 2\r\n"));
  std::size_t removed = 0;
  EXPECT_EQ(without_forged(header, "mx.example", &removed), "A: 1\r\nAuthentication-Results: o.example; x\r\nB: 2\r\n");
  EXPECT_EQ(removed, 1u);
}

TEST(AuthResults, words_of_strangers_break_nothing) {
  AuthFindings findings;
  findings.client.spf_asked = true;
  findings.question.sender = "\"a;b\\\"\r\nX-Evil: 1\"@x.example";
  const auto text = results_text("mx.example", findings);
  EXPECT_EQ(text.find("\r\nX"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("smtp.mailfrom=\"\\\"a;b"));
  EXPECT_EQ(results_text("mx.example", AuthFindings()), "mx.example; none");
}

TEST(Helo, faults_that_need_no_dns) {
  const auto ip = base::IpAddress::parse("192.0.2.1").value();
  const auto v6 = base::IpAddress::parse("2001:db8::1").value();
  EXPECT_EQ(helo_fault("mta.a.example", ip, "mx.example"), "");
  EXPECT_EQ(helo_fault("mta.a.example.", ip, "mx.example"), "");
  EXPECT_EQ(helo_fault("[192.0.2.1]", ip, "mx.example"), "");
  EXPECT_EQ(helo_fault("[IPv6:2001:db8::1]", v6, "mx.example"), "");
  for (const auto* bad :
       {"[192.0.2.2]", "[x]", "[192.0.2.1", "192.0.2.1", "single", "MX.example", "a b.example", "", "a..example"})
    EXPECT_NE(helo_fault(bad, ip, "mx.example"), "") << bad;
}

TEST(MessageAuth, a_header_that_does_not_end_is_too_large_and_one_without_body_is_none) {
  const auto rules = rules_with(key_of(base::KeyKind::ed25519));
  AuthTask task;
  task.verify = true;
  MessageAuth large(rules, task, 0);
  for (std::size_t i = 0; i < kMaxAuthHeader / 8; ++i) large.feed("X: abc\r\n");
  EXPECT_FALSE(large.header_too_large());
  large.feed("X: abc\r\n");
  EXPECT_TRUE(large.header_too_large());
  MessageAuth none(rules, task, 0);
  none.feed("\r");
  none.feed("\nbody: x\r\n\r\n");
  none.finish();
  EXPECT_EQ(none.header_size(), 0u);
  MessageAuth header(rules, task, 0);
  header.feed("From: a@a.example\r\n");
  header.finish();
  EXPECT_EQ(header.header_size(), 19u);
}

}  // namespace
}  // namespace genkan::smtp
