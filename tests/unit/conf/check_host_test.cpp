// Checks that look at the host: certificates, folders, users.
#include <unistd.h>

#include "base/crypto_certificate.hpp"
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string data(const std::string& name) { return project_file("tests/unit/conf/data/" + name); }

// What check_host says of a text that is good otherwise; its state folder can be written to unless it names one.
std::vector<std::string> host(const std::string& toml) {
  TempDir dir;
  const bool names_state = toml.find("state_dir") != std::string::npos;
  const auto conf = good(names_state ? toml : "node.state_dir = \"" + (dir / "state") + "\"\n" + toml);
  ReadResult result;
  check_host(*conf, result.problems);
  return texts(result);
}

std::string certificate(const std::string& cert, const std::string& key, const std::string& names = "[]") {
  return "[[certificate]]\nnames = " + names + "\ncert = \"" + data(cert) + "\"\nkey = \"" + data(key) + "\"\n";
}

TEST(CheckHost, a_certificate_with_its_key_and_names_passes) {
  EXPECT_THAT(host(certificate("site.crt", "site.key", "[\"example.org\", \"WWW.example.org\", \"*.example.org\"]")),
              IsEmpty());
}

TEST(CheckHost, files_about_clients_certificates_must_be_there_and_of_their_kind) {
  const std::string pair = certificate("site.crt", "site.key") + "client_auth = \"required\"\n";
  EXPECT_THAT(host(pair + "client_ca = \"" + data("site.crt") + "\""), IsEmpty());
  EXPECT_THAT(host(pair + "client_ca = \"/nowhere/ca.crt\""),
              ElementsAre(HasSubstr("`/nowhere/ca.crt` can't be read")));
  EXPECT_THAT(host(pair + "client_ca = \"" + data("site.key") + "\""),
              ElementsAre(HasSubstr("no certificate in PEM form")));
  EXPECT_THAT(host(pair + "client_ca = \"" + data("site.crt") + "\"\nclient_crl = \"" + data("site.crt") + "\""),
              ElementsAre(HasSubstr("no list of revoked certificates")));
}

TEST(CheckHost, a_certificate_for_other_names_is_an_error) {
  EXPECT_THAT(host(certificate("site.crt", "site.key", "[\"example.net\", \"a.b.example.org\"]")),
              ElementsAre(HasSubstr("test.toml:3:9: error: the certificate `" + data("site.crt") +
                                    "` is not for `example.net` (it is for "
                                    "example.org, *.example.org, 192.0.2.1)"),
                          HasSubstr("is not for `a.b.example.org`")));
}

TEST(CheckHost, a_key_that_does_not_fit_is_an_error) {
  EXPECT_THAT(host(certificate("site.crt", "other.key")),
              ElementsAre(HasSubstr("the private key does not belong to the certificate")));
  EXPECT_THAT(host(certificate("site.crt", "locked.key")), ElementsAre(HasSubstr("has a passphrase")));
  EXPECT_THAT(host(certificate("site.crt", "site.crt")), ElementsAre(HasSubstr("there is no private key")));
  EXPECT_THAT(host(certificate("site.key", "site.key")), ElementsAre(HasSubstr("there is no certificate")));
}

TEST(CheckHost, the_files_of_syslog_are_looked_at) {
  const std::string head = "[syslog]\nserver = \"tls://logs.example\"\n";
  EXPECT_THAT(host(head + "ca = \"/no/such/ca.pem\"\n"),
              ElementsAre(HasSubstr("test.toml:4:6: error: `/no/such/ca.pem` can't be read")));
  EXPECT_THAT(host(head + "cert = \"" + data("site.crt") + "\"\nkey = \"" + data("other.key") + "\"\n"),
              ElementsAre(HasSubstr("the private key does not belong to the certificate")));
}

TEST(CheckHost, a_missing_certificate_or_key_is_an_error_at_its_place) {
  EXPECT_THAT(host(certificate("none.crt", "none.key")),
              ElementsAre(HasSubstr("test.toml:4:8: error: `" + data("none.crt") + "` can't be read: No such file"),
                          HasSubstr("test.toml:5:7: error: `" + data("none.key") + "` can't be read: No such file")));
}

TEST(CheckHost, the_files_of_acme_are_what_they_should_be) {
  const auto acme = [](const std::string& ca, const std::string& key) {
    return host("[acme]\nca_file = \"" + data(ca) + "\"\naccount_key = \"" + data(key) + "\"\n");
  };
  EXPECT_THAT(acme("site.crt", "will-be-made.key"), IsEmpty());
  EXPECT_THAT(acme("site.key", "site.crt"),
              ElementsAre(HasSubstr("there is no certificate"),
                          HasSubstr("test.toml:4:15: error: `" + data("site.crt") + "` is no EC key on P-256")));
  EXPECT_THAT(acme("none.crt", "will-be-made.key"), ElementsAre(HasSubstr("can't be read: No such file")));
}

TEST(CheckHost, a_certificate_that_has_run_out_is_warned_of) {
  EXPECT_THAT(host(certificate("old.crt", "old.key", "[\"old.example\"]")),
              ElementsAre(HasSubstr("warning: `" + data("old.crt") + "` has run out")));
}

TEST(CheckHost, a_user_or_group_that_is_not_there_is_an_error) {
  EXPECT_THAT(host("node.user = \"no-such-user\""), ElementsAre(HasSubstr("error: no such user: `no-such-user`")));
  EXPECT_THAT(host("node.group = \"no-such-group\""), ElementsAre(HasSubstr("error: no such group: `no-such-group`")));
}

TEST(CheckHost, the_state_folder_must_be_a_folder_that_can_be_made) {
  TempDir dir;
  const auto file = dir.write("file", "");
  EXPECT_THAT(host("node.state_dir = \"" + (dir / "a/b/c") + "\""), IsEmpty());
  EXPECT_THAT(host("node.state_dir = \"" + file + "\""), ElementsAre(HasSubstr("`" + file + "` is not a folder")));
  EXPECT_THAT(host("node.state_dir = \"" + file + "/below\""),
              ElementsAre(HasSubstr("can't be made: `" + file + "` is not a folder")));
}

TEST(CheckHost, the_state_folder_must_be_writable_for_the_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to look with the eyes of another user";
  TempDir dir;  // mode 0700, ours
  EXPECT_THAT(host("node.user = \"nobody\"\nnode.state_dir = \"" + (dir / "") + "\""),
              ElementsAre(HasSubstr("can't be written to by the user who will run it")));
}

TEST(CheckHost, folders_for_files_logs_and_sockets_must_be_there) {
  EXPECT_THAT(host("[[route]]\nroot = \"/nowhere/www\""),
              ElementsAre(HasSubstr("test.toml:3:8: error: `/nowhere/www`: No such file")));
  EXPECT_THAT(host("[[route]]\nroot = \"" + data("site.crt") + "\""), ElementsAre(HasSubstr("is not a folder")));
  EXPECT_THAT(host("access_log.path = \"/nowhere/access.log\""), ElementsAre(HasSubstr("no such folder: `/nowhere`")));
  EXPECT_THAT(host("log.path = \"/tmp\""), ElementsAre(HasSubstr("`/tmp` is a folder")));
  EXPECT_THAT(host("[[listen]]\naddress = [\"unix:/nowhere/s\"]\n[[route]]\nstatus = 204"),
              ElementsAre(HasSubstr("no such folder: `/nowhere`, needed for the socket")));
}

TEST(CheckHost, a_network_interface_that_is_not_there_yet_is_warned_of) {
  EXPECT_THAT(host("[[vip]]\naddress = \"192.0.2.10/24\"\ninterface = \"nosuch0\"\nvrid = 1"),
              ElementsAre(HasSubstr("warning: there is no network interface `nosuch0`")));
  EXPECT_THAT(host("[[vip]]\naddress = \"192.0.2.10/24\"\ninterface = \"lo\"\nvrid = 1"), IsEmpty());
}

TEST(CertificateFacts, cover_a_wildcard_for_one_label_only) {
  std::string why;
  const auto facts = base::read_certificate(test::slurp(data("site.crt")), why);
  ASSERT_TRUE(facts) << why;
  EXPECT_TRUE(facts->covers("www.EXAMPLE.org"));
  EXPECT_TRUE(facts->covers("192.0.2.1"));
  EXPECT_FALSE(facts->covers(".example.org"));
  EXPECT_FALSE(facts->covers("a.b.example.org"));
  EXPECT_FALSE(facts->covers("ignored")) << "the common name counts only without alternative names";
  EXPECT_LT(facts->not_before, facts->not_after);
}

}  // namespace
}  // namespace genkan::conf
