// What [acme] and [[certificate]] with acme = true can do wrong.
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPorts =
    "[[listen]]\nname = \"web\"\naddress = [\":80\"]\n[[listen]]\nname = \"tls\"\naddress = [\":443\"]\ntls = true\n"
    "[[route]]\nstatus = 204\n";

std::vector<std::string> acme(const std::string& rows, const std::string& certificate = "names = [\"a.example\"]",
                              const std::string& ports = kPorts) {
  return complaints(ports + "[[certificate]]\nacme = true\n" + certificate + "\n[acme]\n" + rows);
}

TEST(CheckAcme, five_lines_are_enough) {
  EXPECT_THAT(acme("accept_terms = true"), IsEmpty());
  EXPECT_THAT(acme("accept_terms = true\nchallenge = \"tls-alpn-01\"\ncontact = [\"a@b.example\", \"tel:1\"]"),
              IsEmpty());
}

TEST(CheckAcme, nobody_agrees_to_terms_for_the_operator) {
  EXPECT_THAT(acme(""), ElementsAre(HasSubstr("needs `accept_terms = true`")));
}

TEST(CheckAcme, the_directory_is_a_url_of_https) {
  EXPECT_THAT(acme("accept_terms = true\ndirectory = \"https://ca.example/dir\""), IsEmpty());
  for (const char* wrong : {"", "http://ca.example/dir", "ca.example", "https://u@ca.example/", "https://"}) {
    EXPECT_THAT(acme("accept_terms = true\ndirectory = \"" + std::string(wrong) + "\""),
                ElementsAre(HasSubstr("must be a URL that begins with https://")))
        << wrong;
  }
}

TEST(CheckAcme, names_are_what_a_ca_can_look_up) {
  const auto names = [](const std::string& list) { return acme("accept_terms = true", "names = [" + list + "]"); };
  EXPECT_THAT(names("\"a.example\", \"WWW.xn--bcher-kva.example\""), IsEmpty());
  EXPECT_THAT(names("\"*.a.example\""), ElementsAre(HasSubstr("for a wildcard a CA looks into DNS")));
  EXPECT_THAT(names("\"192.0.2.1\""), ElementsAre(HasSubstr("is an address")));
  for (const char* wrong :
       {"localhost", "a..example", "-a.example", "b\xc3\xbc.example", "a.example/x", "../a.example"}) {
    EXPECT_THAT(names("\"" + std::string(wrong) + "\""), ElementsAre(HasSubstr("no host name that a CA"))) << wrong;
  }
  EXPECT_THAT(acme("accept_terms = true", ""), ElementsAre(HasSubstr("needs `names`")));
}

TEST(CheckAcme, a_certificate_comes_from_one_place) {
  EXPECT_THAT(acme("accept_terms = true", "names = [\"a.example\"]\nself_signed = true"),
              ElementsAre(HasSubstr("leave `cert`, `key` and `self_signed` out")));
  EXPECT_THAT(acme("accept_terms = true",
                   "names = [\"a.example\"]\n[[certificate]]\nacme = true\n"
                   "names = [\"A.example\"]"),
              ElementsAre(HasSubstr("the first name of an ACME certificate `a.example` is there twice")));
}

TEST(CheckAcme, the_challenge_has_a_port_to_be_answered_on) {
  const std::string only_tls = "[[listen]]\naddress = [\":443\"]\ntls = true\n[[route]]\nstatus = 204\n";
  EXPECT_THAT(acme("accept_terms = true", "names = [\"a.example\"]", only_tls),
              ElementsAre(HasSubstr("\"http-01\" needs a [[listen]] without TLS (the CA asks on port 80)")));
  const std::string only_plain = "[[listen]]\naddress = [\":80\"]\n[[route]]\nstatus = 204\n";
  EXPECT_THAT(acme("accept_terms = true\nchallenge = \"tls-alpn-01\"", "names = [\"a.example\"]", only_plain),
              ElementsAre(HasSubstr("\"tls-alpn-01\" needs a [[listen]] with `tls = true`")));
}

TEST(CheckAcme, an_external_account_is_whole) {
  EXPECT_THAT(acme("accept_terms = true\neab_key_id = \"k\""), ElementsAre(HasSubstr("belong together")));
  EXPECT_THAT(acme("accept_terms = true\neab_key_id = \"k\"\neab_key = \"c2hvcnQ\""),
              ElementsAre(HasSubstr("at least 16 bytes in base64url")));
  EXPECT_THAT(acme("accept_terms = true\neab_key_id = \"k\"\neab_key = \"zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV\""),
              IsEmpty());
}

TEST(CheckAcme, a_contact_can_be_reached) {
  EXPECT_THAT(acme("accept_terms = true\ncontact = [\"hostmaster\"]"),
              ElementsAre(HasSubstr("neither a mail address nor a URL")));
}

TEST(CheckAcme, a_section_without_a_certificate_is_pointed_out) {
  EXPECT_THAT(complaints("[acme]\naccept_terms = true"), Contains(HasSubstr("nothing will be ordered")));
}

}  // namespace
}  // namespace genkan::conf
