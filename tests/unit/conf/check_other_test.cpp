// What [cluster], [[vip]], [admin], [smtp] and [webmail] can do wrong.
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CheckCluster, needs_a_key_of_16_bytes) {
  EXPECT_THAT(complaints("[cluster]\nenabled = true"),
              ElementsAre(HasSubstr("test.toml:1:1: error: [cluster] needs a `key`")));
  EXPECT_THAT(complaints("[cluster]\nenabled = true\nkey = \"0123456789abcde\""),
              ElementsAre(HasSubstr("shorter than 16 bytes")));
  EXPECT_THAT(complaints("[cluster]\nenabled = true\nkey = \"0123456789abcdef\""), IsEmpty());
  EXPECT_THAT(complaints("[cluster]\nkey = \"short\""), IsEmpty()) << "not enabled";
}

TEST(CheckCluster, multicast_goes_to_a_group_and_nodes_age_slowly_enough) {
  EXPECT_THAT(complaints("[cluster]\nmulticast = \"192.0.2.1:7175\""),
              ElementsAre(HasSubstr("is not a multicast address")));
  EXPECT_THAT(complaints("[cluster]\nmulticast = \"239.255.71.75:7175\""), IsEmpty());
  EXPECT_THAT(complaints("[cluster]\nenabled = true\nkey = \"0123456789abcdef\"\nmax_age = \"2s\""),
              ElementsAre(HasSubstr("warning: `max_age` is shorter than three times `interval`")));
}

TEST(CheckAdmin, beyond_loopback_needs_a_token) {
  EXPECT_THAT(complaints("[admin]\nlisten = \"0.0.0.0:9070\""),
              ElementsAre(HasSubstr("test.toml:2:10: error: the status page can be reached from outside this host")));
  EXPECT_THAT(complaints("[admin]\nlisten = \"*:9070\""), ElementsAre(HasSubstr("has no `token`")));
  EXPECT_THAT(complaints("[admin]\nlisten = \"0.0.0.0:9070\"\ntoken = \"secret\""), IsEmpty());
  EXPECT_THAT(complaints("[admin]\nlisten = \"[::1]:9070\""), IsEmpty());
  EXPECT_THAT(complaints("[admin]\nlisten = \"unix:/run/genkan/admin.sock\""), IsEmpty());
  EXPECT_THAT(complaints("[admin]\nlisten = \"0.0.0.0:9070\"\nenabled = false"), IsEmpty());
  EXPECT_THAT(complaints("[admin]\nlisten = \"\""), ElementsAre(HasSubstr("[admin] needs `listen`")));
}

std::string vip(const std::string& address, const std::string& rest) {
  return "[[vip]]\naddress = \"" + address + "\"\ninterface = \"eth0\"\n" + rest + "\n";
}

TEST(CheckVip, vrid_is_from_1_to_255_and_there_once_on_an_interface) {
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 0")), ElementsAre(HasSubstr("from 1 to 255, not 0")));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 256")), ElementsAre(HasSubstr("from 1 to 255, not 256")));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 1") + vip("192.0.2.11/24", "vrid = 1")),
              ElementsAre("test.toml:8:8: error: the vrid 1 is there twice on eth0 (the other one is at test.toml:4)"));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 1") +
                         "[[vip]]\naddress = \"198.51.100.1/24\"\ninterface = \"eth1\"\nvrid = 1"),
              IsEmpty());
}

TEST(CheckVip, is_an_ipv4_address_with_its_network_and_there_once) {
  EXPECT_THAT(complaints(vip("192.0.2.10", "vrid = 1")), ElementsAre(HasSubstr("length of its network")));
  EXPECT_THAT(complaints(vip("192.0.2.10/33", "vrid = 1")), ElementsAre(HasSubstr("length of its network")));
  EXPECT_THAT(complaints(vip("2001:db8::1/64", "vrid = 1")), ElementsAre(HasSubstr("must be an IPv4 address")));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "name = \"a\"\nvrid = 1") + vip("192.0.2.10/32", "vrid = 2")),
              ElementsAre(HasSubstr("the VIP address `192.0.2.10` is there twice")));
}

TEST(CheckVip, advertises_in_hundredths_of_a_second_to_ipv4_peers) {
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 1\nadvert_interval = \"15ms\"")),
              ElementsAre(HasSubstr("in steps of 10ms")));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 1\nadvert_interval = \"41s\"")),
              ElementsAre(HasSubstr("from 10ms to 40s950ms")));
  EXPECT_THAT(complaints(vip("192.0.2.10/24", "vrid = 1\npeers = [\"192.0.2.2:1\"]")),
              ElementsAre(HasSubstr("is not an IPv4 address")));
}

const std::string kSmtp = "[smtp]\nenabled = true\n[[smtp.listen]]\naddress = [\"127.0.0.1:25\"]\n";

TEST(CheckSmtp, needs_a_port_and_somewhere_to_put_mail) {
  EXPECT_THAT(complaints("[smtp]\nenabled = true\nrelay_for_others = \"r\"\n[[smtp.relay]]\nname = "
                         "\"r\"\n[[smtp.relay.member]]\naddress = \"192.0.2.1\""),
              ElementsAre(HasSubstr("test.toml:2:11: error: [smtp] is enabled, but has no port")));
  EXPECT_THAT(complaints(kSmtp), ElementsAre(HasSubstr("warning: there is no [[smtp.route]]")));
  EXPECT_THAT(complaints(kSmtp + "[[smtp.route]]\ndomains = [\"a.example\"]\nlocal = true"), IsEmpty());
}

TEST(CheckSmtp, a_route_has_one_action_and_a_known_relay) {
  EXPECT_THAT(complaints(kSmtp + "[[smtp.route]]\ndomains = [\"a.example\"]"),
              ElementsAre(HasSubstr("the route has no action")));
  EXPECT_THAT(
      complaints(kSmtp + "[[smtp.relay]]\nname = \"inside\"\n[[smtp.relay.member]]\naddress = \"192.0.2.1\"\n"
                         "[[smtp.route]]\ndomains = [\"a.example\"]\nlocal = true\nrelay = \"insde\""),
      ElementsAre(HasSubstr("more than one of `local`, `relay` and `mx`"),
                  HasSubstr("test.toml:12:9: error: there is no [[smtp.relay]] `insde` (did you mean `inside`?)")));
  EXPECT_THAT(complaints("[smtp]\nrelay_for_others = \"none\""),
              ElementsAre(HasSubstr("there is no [[smtp.relay]] `none`")));
}

TEST(CheckSmtp, domains_are_domains_and_named_once) {
  EXPECT_THAT(complaints("[[smtp.route]]\ndomains = [\"x@a.example\"]\nlocal = true"),
              ElementsAre(HasSubstr("\"x@a.example\" is not a domain")));
  EXPECT_THAT(complaints("[[smtp.route]]\ndomains = [\"a.example\"]\nlocal = true\n[[smtp.route]]\ndomains = "
                         "[\"A.example\"]\nlocal = true"),
              ElementsAre(HasSubstr("the domain `a.example` is there twice")));
  EXPECT_THAT(
      complaints(
          "[[smtp.route]]\ndomains = [\"*\"]\nlocal = true\n[[smtp.route]]\ndomains = [\"a.example\"]\nlocal = true"),
      ElementsAre(HasSubstr("warning: this route is never reached")));
}

TEST(CheckSmtp, a_relay_has_members_each_once) {
  EXPECT_THAT(complaints("[[smtp.relay]]\nname = \"r\""), ElementsAre(HasSubstr("the relay `r` has no member")));
  EXPECT_THAT(complaints("[[smtp.relay]]\nname = \"r\"\n[[smtp.relay.member]]\naddress = "
                         "\"192.0.2.1\"\n[[smtp.relay.member]]\naddress = \"192.0.2.1:25\""),
              ElementsAre(HasSubstr("the member `192.0.2.1:25` is there twice")));
}

const std::string kGroup = "[[smtp.relay]]\nname = \"r\"\n";
const std::string kMember = "[[smtp.relay.member]]\naddress = \"192.0.2.1\"\n";

TEST(CheckSmtp, a_group_chooses_by_functions_that_exist) {
  EXPECT_THAT(complaints(kGroup + "scheduler = \"chain\"\n" + kMember), ElementsAre(HasSubstr("needs `chain`")));
  EXPECT_THAT(complaints(kGroup + "scheduler = \"chain\"\nchain = [\"byQueu\"]\n" + kMember),
              ElementsAre(HasSubstr("did you mean `byQueue`?")));
  EXPECT_THAT(complaints(kGroup + "chain = [\"byQueue\"]\n" + kMember), ElementsAre(HasSubstr("has no effect")));
  EXPECT_THAT(complaints(kGroup + "max_queue = 5\n" + kMember), ElementsAre(HasSubstr("no member names its `node`")));
  EXPECT_THAT(complaints(kGroup + "scheduler = \"chain\"\nchain = [\"byAge 5s\", \"byQueue\"]\nmax_load = 150\n" +
                         kMember + "node = \"mail1\""),
              IsEmpty());
}

TEST(CheckSmtp, before_queue_needs_a_next_hop) {
  EXPECT_THAT(complaints("[[smtp.route]]\ndomains = [\"a.example\"]\nlocal = true\nbefore_queue = true"),
              ElementsAre(HasSubstr("local mailboxes have no next hop")));
  EXPECT_THAT(complaints("[[smtp.route]]\ndomains = [\"a.example\"]\nmx = true\nbefore_queue = true"), IsEmpty());
}

TEST(CheckSmtp, dane_needs_name_servers_that_can_be_trusted) {
  EXPECT_THAT(complaints("[smtp]\ndane = true"), ElementsAre(HasSubstr("needs name servers that can be trusted")));
  EXPECT_THAT(complaints("[node]\nname_servers = [\"127.0.0.1:53\", \"192.0.2.1:53\"]\n[smtp]\ndane = true"),
              ElementsAre(HasSubstr("needs name servers that can be trusted")));
  EXPECT_THAT(complaints("[node]\nname_servers = [\"127.0.0.1:53\", \"[::1]:53\"]\n[smtp]\ndane = true"), IsEmpty());
  EXPECT_THAT(complaints("[smtp]\ndane = true\ntrust_dns = true"), IsEmpty());
}

TEST(CheckSmtp, an_open_relay_is_warned_of) {
  const auto result = read("[smtp]\nrelay_from = [\"10.0.0.0/8\", \"0.0.0.0/0\"]");
  EXPECT_THAT(texts(result),
              ElementsAre(HasSubstr(
                  "test.toml:2:14: warning: `relay_from` holds the whole world (0.0.0.0/0): this is an open relay")));
  EXPECT_NE(result.conf, nullptr);
  EXPECT_THAT(complaints("[smtp]\nrelay_from = [\"::/0\"]"), ElementsAre(HasSubstr("open relay")));
}

TEST(CheckSmtp, times_are_in_order) {
  EXPECT_THAT(complaints("[smtp]\nretry_first = \"2h\""),
              ElementsAre(HasSubstr("`retry_first` is longer than `retry_max`")));
  EXPECT_THAT(complaints("[smtp]\nexpire = \"30m\""),
              ElementsAre(HasSubstr("warning: `retry_max` is longer than `expire`")));
}

std::string dkim(const std::string& domain, const std::string& more = "") {
  return "[[smtp.dkim]]\ndomain = \"" + domain + "\"\nselector = \"s\"\nkey = \"/k.pem\"\n" + more;
}

TEST(CheckTlsReports, are_sent_signed_and_only_when_there_are_some) {
  EXPECT_THAT(complaints("[smtp]\ntls_reports_send = true\n" + dkim("a.example")),
              ElementsAre(HasSubstr("there are no reports to send")));
  EXPECT_THAT(complaints("[smtp]\ntls_reports = true\ntls_reports_send = true"),
              ElementsAre(HasSubstr("reports without a signature are ignored")));
  EXPECT_THAT(complaints("[smtp]\ntls_reports = true\ntls_reports_send = true\n" + dkim("a.example")), IsEmpty());
  EXPECT_THAT(complaints("[smtp]\ntls_report_contact = \"nobody\""), ElementsAre(HasSubstr("is not an address")));
}

TEST(CheckSmtpSieve, what_has_no_effect_is_said) {
  EXPECT_THAT(complaints("[smtp.sieve]\nbefore = \"/etc/genkan/before.sieve\"\nmax_redirects = 0"), IsEmpty());
  EXPECT_THAT(complaints("[smtp.sieve]\nenabled = false\nbefore = \"/b.sieve\""),
              ElementsAre(HasSubstr("warning: `before` has no effect: Sieve is switched off")));
  EXPECT_THAT(complaints("[smtp.sieve]\nmax_actions = 2\nmax_redirects = 3"),
              ElementsAre(HasSubstr("`max_redirects` is larger than `max_actions`")));
  EXPECT_THAT(complaints("[smtp.sieve]\nvacation_min = \"0s\""), ElementsAre(HasSubstr("test.toml:2:16: error")));
}

TEST(CheckSmtpAuth, dmarc_needs_what_it_is_made_of) {
  EXPECT_THAT(complaints("[smtp.auth]\ndmarc = \"enforce\""), IsEmpty());
  EXPECT_THAT(complaints("[smtp.auth]\ndmarc = \"enforce\"\nspf = \"off\""),
              ElementsAre(HasSubstr("it needs `spf` and `dkim`")));
  EXPECT_THAT(complaints("[smtp.auth]\ndmarc = \"maybe\""), ElementsAre(HasSubstr("test.toml:2:9: error")));
}

TEST(CheckSmtpAuth, names_are_names) {
  EXPECT_THAT(complaints("[smtp.auth]\nauthserv_id = \"a b\""), ElementsAre(HasSubstr("is not a host name")));
  EXPECT_THAT(complaints("[smtp.auth]\narc_trusted = [\"a..b\"]"), ElementsAre(HasSubstr("is not a domain")));
  EXPECT_THAT(complaints("[smtp.auth]\narc = \"off\"\narc_trusted = [\"a.example\"]"),
              ElementsAre(HasSubstr("`arc_trusted` without ARC")));
}

TEST(CheckSmtpAuth, a_seal_needs_a_key) {
  EXPECT_THAT(complaints("[smtp.auth]\narc_seal = \"a.exampel\"\n" + dkim("a.example")),
              ElementsAre(HasSubstr("there is no [[smtp.dkim]] for `a.exampel`")));
  EXPECT_THAT(complaints("[smtp.auth]\narc_seal = \"a.example\"\n" + dkim("A.example")), IsEmpty());
}

TEST(CheckSmtpDkim, a_row_is_for_a_domain_and_there_once) {
  EXPECT_THAT(complaints(dkim("a@b.example")), ElementsAre(HasSubstr("is not a domain")));
  EXPECT_THAT(complaints(dkim("a.example") + dkim("a.example")), ElementsAre(HasSubstr("is there twice")));
  EXPECT_THAT(complaints(dkim("a.example", "headers = [\"a:b\"]")),
              ElementsAre(HasSubstr("is not the name of a field")));
  EXPECT_THAT(complaints(dkim("a.example", "headers = [\"Received\"]")), ElementsAre(HasSubstr("changes on the way")));
  EXPECT_THAT(complaints("[[smtp.dkim]]\ndomain = \"a.example\""), testing::SizeIs(2)) << "selector and key";
}

TEST(CheckWebmail, needs_domains_and_a_way_to_it) {
  EXPECT_THAT(complaints("[webmail]\nenabled = true"),
              ElementsAre(HasSubstr("[webmail] needs `domains`"), HasSubstr("warning: no pool has `webmail = true`")));
  EXPECT_THAT(
      complaints("[webmail]\nenabled = true\ndomains = [\"*.a.example\"]\n[[pool]]\nname = \"w\"\nwebmail = true"),
      ElementsAre(HasSubstr("\"*.a.example\" is not a domain")));
}

}  // namespace
}  // namespace genkan::conf
