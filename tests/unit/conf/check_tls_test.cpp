// What [tls], and what [[listen]] and [[certificate]] say of clients, can do wrong together.
#include "conf/client_fact.hpp"
#include "conf/log_format.hpp"
#include "conf/placeholders.hpp"
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kRoute = "[[route]]\nstatus = 204\n";
const std::string kPair = "[[certificate]]\ncert = \"/c\"\nkey = \"/k\"\n";

std::vector<std::string> certificate(const std::string& rows) { return complaints(kRoute + kPair + rows); }
std::vector<std::string> listen(const std::string& rows) {
  return complaints(kRoute + kPair + "[[listen]]\naddress = [\"127.0.0.1:443\"]\n" + rows);
}
std::vector<std::string> tls(const std::string& rows) { return complaints("[tls]\n" + rows); }

TEST(CheckTls, asking_clients_needs_a_ca_and_a_ca_needs_asking) {
  EXPECT_THAT(certificate("client_auth = \"required\""), ElementsAre(HasSubstr("needs `client_ca`")));
  EXPECT_THAT(certificate("client_auth = \"optional\"\nclient_ca = \"/ca\""), IsEmpty());
  EXPECT_THAT(certificate("client_ca = \"/ca\""), ElementsAre(HasSubstr("warning: `client_ca` has no effect")));
  EXPECT_THAT(certificate("client_crl = \"/crl\""), ElementsAre(HasSubstr("warning: `client_crl` has no effect")));
  EXPECT_THAT(certificate("client_auth = \"maybe\""), ElementsAre(HasSubstr("error")));
  EXPECT_THAT(listen("tls = true\nclient_auth = \"required\""), ElementsAre(HasSubstr("needs `client_ca`")));
  EXPECT_THAT(listen("client_auth = \"off\""), ElementsAre(HasSubstr("`client_auth` needs `tls = true`")));
}

TEST(CheckTls, early_data_needs_tls_and_tickets) {
  EXPECT_THAT(listen("early_data = true"), ElementsAre(HasSubstr("`early_data` needs `tls = true`")));
  EXPECT_THAT(listen("tls = true\nearly_data = true"), IsEmpty());
  EXPECT_THAT(listen("tls = true\nearly_data = true\n[tls]\nsession_tickets = \"off\""),
              ElementsAre(HasSubstr("`early_data` needs session tickets")));
}

TEST(CheckTls, stapling_has_one_source_and_no_self_signed_certificate) {
  EXPECT_THAT(certificate("ocsp_stapling = true"), IsEmpty());
  EXPECT_THAT(certificate("ocsp_stapling = true\nocsp_file = \"/o\""), ElementsAre(HasSubstr("exclude each other")));
  EXPECT_THAT(complaints(kRoute + "[[certificate]]\nnames = [\"a\"]\nself_signed = true\nocsp_stapling = true"),
              ElementsAre(HasSubstr("nobody answers for a self-signed certificate")));
}

TEST(CheckTls, presets_and_what_contradicts_them) {
  EXPECT_THAT(tls("preset = \"modern\""), IsEmpty());
  EXPECT_THAT(tls("preset = \"old\""), ElementsAre(HasSubstr("error")));
  EXPECT_THAT(tls("preset = \"modern\"\nmin_version = \"1.2\""), ElementsAre(HasSubstr("warning")));
  EXPECT_THAT(tls("preset = \"modern\"\nciphers = \"X\""), ElementsAre(HasSubstr("`ciphers` is for TLS 1.2")));
  EXPECT_THAT(tls("ticket_rotation = \"8d\""), ElementsAre(HasSubstr("error")));
}

TEST(CheckTls, client_fields_are_names_of_their_own_with_facts) {
  EXPECT_THAT(tls("client_fields = []"), IsEmpty());
  EXPECT_THAT(tls("client_fields = [\"Client-Cert: certificate\", \"X-DN: subject\"]"), IsEmpty());
  EXPECT_THAT(tls("client_fields = [\"X-DN\"]"), ElementsAre(HasSubstr("must be a field name, a colon and a fact")));
  EXPECT_THAT(tls("client_fields = [\"X-DN: name\"]"), ElementsAre(HasSubstr("a colon and a fact")));
  EXPECT_THAT(tls("client_fields = [\"Host: subject\"]"), ElementsAre(HasSubstr("has a meaning of its own")));
  EXPECT_THAT(tls("client_fields = [\"X-DN: subject\", \"x-dn: issuer\"]"), ElementsAre(HasSubstr("there twice")));
}

TEST(CheckTls, a_rule_on_certificates_that_can_never_hold_is_warned_of) {
  const std::string rule = "[[route]]\nclient_certificate = \"CN=a\"\nstatus = 204\n";
  const std::string access = "[[route]]\npath = \"/x\"\nallow_certificates = [\"CN=a\"]\nstatus = 204\n";
  EXPECT_THAT(complaints(rule), testing::Contains(HasSubstr("no client is asked for a certificate")));
  EXPECT_THAT(complaints(access), testing::Contains(HasSubstr("no client is asked for a certificate")));
  EXPECT_THAT(complaints(rule + access + kRoute + kPair + "client_auth = \"optional\"\nclient_ca = \"/ca\""),
              IsEmpty());
}

TEST(ClientFact, has_a_name_in_fields_and_another_in_logs_and_texts) {
  EXPECT_EQ(client_fact("subject"), ClientFact::subject);
  EXPECT_EQ(client_fact("nothing"), std::nullopt);
  EXPECT_EQ(client_fact_item("client_certificate"), ClientFact::subject);
  EXPECT_EQ(client_fact_item("client_fingerprint"), ClientFact::fingerprint);
  EXPECT_EQ(client_fact_item("client_subject"), std::nullopt);
  EXPECT_EQ(client_fact_item("client"), std::nullopt);
  std::string why;
  EXPECT_EQ(parse_log_format("{client_issuer}", why)->pieces.front().fact, ClientFact::issuer);
  EXPECT_EQ(parse_placeholders("{client_san}", {}, why)->front().fact, ClientFact::san);
  EXPECT_EQ(parse_placeholders("{client_certificate}", {}, why)->front().kind, Placeholder::client_fact);
  EXPECT_FALSE(parse_log_format("{client_nothing}", why));
}

}  // namespace
}  // namespace genkan::conf
