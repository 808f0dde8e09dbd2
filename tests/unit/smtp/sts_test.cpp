// MTA-STS and TLSRPT: what domains say, and what is reported of it.
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "smtp/operate/tls_report_mail.hpp"
#include "smtp/operate/tls_reports.hpp"
#include "smtp/sts/finder.hpp"
#include "support.hpp"

namespace genkan::smtp {
namespace {

const std::string kPolicy =
    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n";

TEST(StsPolicyText, IsRead) {
  std::string why;
  const auto policy = parse_sts_policy(kPolicy, why);
  ASSERT_TRUE(policy) << why;
  EXPECT_EQ(policy->mode, StsPolicy::Mode::enforce);
  EXPECT_EQ(policy->max_age_s, 604'800);
  EXPECT_TRUE(sts_names(*policy, "MAIL.example.com."));
  EXPECT_TRUE(sts_names(*policy, "mx1.example.net"));
  EXPECT_FALSE(sts_names(*policy, "example.net")) << "a wildcard stands for one label";
  EXPECT_FALSE(sts_names(*policy, "a.mx1.example.net"));
  EXPECT_FALSE(sts_names(*policy, "mail.example.com.evil.example"));
  EXPECT_TRUE(parse_sts_policy("version: STSv1\nmode: none\nmax_age: 0\nfuture: x\n", why))
      << "LF, unknown keys, no mx";
}

TEST(StsPolicyText, IsRefusedWhenItIsNone) {
  for (const auto* text :
       {"", "mode: enforce\nmx: a\nmax_age: 1\n", "version: STSv2\nmode: none\nmax_age: 1\n",
        "version: STSv1\nmode: none\n", "version: STSv1\nmode: maybe\nmax_age: 1\nmx: a\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\n", "version: STSv1\nmode: enforce\nmax_age: -1\nmx: a\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\nmx: a b\n", "version"}) {
    std::string why;
    EXPECT_FALSE(parse_sts_policy(text, why)) << text;
    EXPECT_FALSE(why.empty());
  }
}

TEST(StsRecord, ThereIsOneOrNone) {
  EXPECT_EQ(sts_id({"v=spf1 -all", "v=STSv1; id=2016x;"}), "2016x");
  EXPECT_EQ(sts_id({"v=STSv1; id=a; id=b"}), "a");
  EXPECT_FALSE(sts_id({"v=STSv1; id=a;", "v=STSv1; id=b;"}));
  EXPECT_FALSE(sts_id({"v=STSv1; id=no-dash;"}));
  EXPECT_FALSE(sts_id({"v=STSv1"}));
  EXPECT_FALSE(sts_id({}));
}

TEST(StsAnswer, IsTakenOutOfHttp) {
  std::string why;
  const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: Text/Plain; charset=utf-8\r\n";
  EXPECT_EQ(*sts_body(head + "\r\nall", why), "all");
  EXPECT_EQ(*sts_body(head + "Content-Length: 2\r\n\r\nall", why), "al");
  EXPECT_EQ(*sts_body(head + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nal\r\n1\r\nl\r\n0\r\n\r\n", why), "all");
  for (const auto& bad :
       {head + "Content-Length: 4\r\n\r\nall", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nal",
        std::string("HTTP/1.1 301 Moved\r\nContent-Type: text/plain\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx"), std::string("220 mail"), head}) {
    EXPECT_FALSE(sts_body(bad, why)) << bad;
  }
}

TEST(StsStoreFile, KeepsPoliciesUntilTheirTimeIsOver) {
  testing_support::TempDir dir;
  const auto file = dir.path() + "/sts.db";
  StsStore::Row row;
  row.id = "1";
  row.text = kPolicy;
  row.expires_s = 1000;
  ASSERT_TRUE((*StsStore::open(file))->keep("example.com", row, 500));
  auto store = *StsStore::open(file);
  const auto known = store->find("example.com", 999);
  ASSERT_TRUE(known && *known);
  EXPECT_EQ((*known)->text, kPolicy);
  EXPECT_FALSE(*store->find("example.com", 1000));
  EXPECT_FALSE(*store->find("example.org", 999));
}

TEST(TlsReport, HasTheFormOfTheRfc) {
  base::Metrics metrics;
  TlsReports reports(metrics);
  TlsPolicyFacts sts, none;
  sts.kind = TlsPolicyKind::sts;
  sts.domain = none.domain = "far.example";
  sts.lines = {"version: STSv1"};
  sts.mx = {"*.far.example"};
  reports.note(sts, "", "mx.far.example", "192.0.2.1");
  for (int i = 0; i < 2; ++i) reports.note(sts, "certificate-expired", "mx.far.example", "192.0.2.1");
  reports.note(none, "", "mx.far.example", "192.0.2.1");
  const auto out = reports.take("mx.example", "postmaster@mx.example", 2'000'000'000);
  ASSERT_EQ(out.size(), 1u) << "one for each domain";
  EXPECT_TRUE(out[0].file.starts_with("mx.example!far.example!") && out[0].file.ends_with("!2000000000.json"));
  const auto has = [&](std::string_view text) { return out[0].json.find(text) != std::string::npos; };
  EXPECT_TRUE(has(
      R"("policy":{"policy-type":"sts","policy-string":["version: STSv1"],"policy-domain":"far.example","mx-host":["*.far.example"]})"));
  EXPECT_TRUE(has(R"("summary":{"total-successful-session-count":1,"total-failure-session-count":2})"));
  EXPECT_TRUE(has(
      R"({"result-type":"certificate-expired","receiving-mx-hostname":"mx.far.example","receiving-ip":"192.0.2.1","failed-session-count":2})"));
  EXPECT_TRUE(has(R"("policy-type":"no-policy-found")"));
  EXPECT_TRUE(reports.take("mx.example", "x", 2'000'000'001).empty()) << "it began anew";
  EXPECT_FALSE(reports.day_is_over(2'000'000'002));
  EXPECT_TRUE(reports.day_is_over(2'000'000'001 + 86'400));
}

TEST(TlsReport, StrangersCannotMakeItGrow) {
  base::Metrics metrics;
  TlsReports reports(metrics);
  for (std::size_t i = 0; i < TlsReports::kMaxPolicies + 10; ++i) {
    TlsPolicyFacts facts;
    facts.domain = "d" + std::to_string(i) + ".example";
    reports.note(facts, "", "", "");
  }
  EXPECT_EQ(reports.take("mx.example", "x", 1).size(), TlsReports::kMaxPolicies);
}

TEST(TlsReportMail, GoesToTheAddressesOfTheOneRecord) {
  using Addresses = std::vector<std::string>;
  EXPECT_EQ(tls_report_addresses(
                {"v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@x.example, https://x.example/r,mailto:b%2Bc@y.example?x=1;"}),
            (Addresses{"a@x.example", "b+c@y.example"}));
  EXPECT_EQ(tls_report_addresses({"v=TLSRPTv1;rua=mailto:a@x.example,mailto:a@x.example"}), Addresses{"a@x.example"});
  EXPECT_EQ(tls_report_addresses({"v=TLSRPTv1; rua=mailto:a@x.example", "v=TLSRPTv1; rua=mailto:b@x.example"}),
            Addresses());
  for (const auto* none :
       {"v=TLSRPTv2; rua=mailto:a@x.example", "v=TLSRPTv1x; rua=mailto:a@x.example", "v=TLSRPTv1",
        "v=TLSRPTv1; rua=a@x.example", "v=TLSRPTv1; rua=mailto:nobody", "v=TLSRPTv1; rua=mailto:a%0D%0AX@x.example"})
    EXPECT_EQ(tls_report_addresses({none}), Addresses()) << none;
  std::string many = "v=TLSRPTv1; rua=mailto:a@x.example";
  for (int i = 0; i < 20; ++i) many += ",mailto:u" + std::to_string(i) + "@x.example";
  EXPECT_EQ(tls_report_addresses({many}).size(), kMaxReportAddresses);
}

TEST(TlsReportMail, FilesHaveTheNamesThatReportsAreWrittenUnder) {
  const auto name = parse_report_name("mx.example!far.example!100!200.json");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->domain + " " + std::to_string(name->since_s) + " " + std::to_string(name->until_s),
            "far.example 100 200");
  for (const auto* bad :
       {"x.json", "mx.example!far.example!100!200", "mx.example!far.example!200!100.json", "mx.example!a b!1!2.json",
        "mx.example!far.example!1!99999999999999999999.json", "mx.example!far.example!1!2!3.json", "!!1!2.json"})
    EXPECT_FALSE(parse_report_name(bad)) << bad;
}

TEST(TlsReportMail, HasTheFormOfTheRfc) {
  TlsReportMail mail;
  mail.name = *parse_report_name("mx.example!far.example!100!200.json");
  mail.file = "mx.example!far.example!100!200.json";
  mail.json = "{\"organization-name\":\"" + std::string(200, 'x') + "\"}";
  mail.from = "postmaster@mx.example";
  mail.hostname = "mx.example";
  mail.token = "tok";
  mail.to = {"a@far.example", "b@far.example"};
  const auto text = build_tls_report_mail(mail);
  for (const auto* part :
       {"Subject: Report Domain: far.example\r\n Submitter: mx.example\r\n Report-ID: "
        "<100.200.far.example@mx.example>\r\n",
        "TLS-Report-Domain: far.example\r\n", "TLS-Report-Submitter: mx.example\r\n",
        "Content-Type: multipart/report; report-type=\"tlsrpt\"", "Content-Type: application/tlsrpt+json\r\n",
        "filename=\"mx.example!far.example!100!200.json\"", "To: <a@far.example>,\r\n <b@far.example>\r\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  for (const auto line : base::split(text, '\n')) EXPECT_LE(line.size(), 79u) << line;
}

}  // namespace
}  // namespace genkan::smtp
