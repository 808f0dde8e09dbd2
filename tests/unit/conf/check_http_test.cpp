// What [[listen]], [[certificate]], [[pool]] and [[route]] can do wrong together.
#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPool = "[[pool]]\nname = \"app\"\n[[pool.backend]]\naddress = \"192.0.2.1:80\"\n";

std::vector<std::string> route(const std::string& rows) { return complaints(kPool + "[[route]]\n" + rows); }
std::vector<std::string> pool(const std::string& rows) {
  return complaints("[[pool]]\nname = \"app\"\n" + rows + "\n[[pool.backend]]\naddress = \"192.0.2.1:80\"\n");
}

TEST(CheckPool, two_of_one_name_are_an_error_that_names_the_other) {
  EXPECT_THAT(complaints(kPool + kPool),
              ElementsAre("test.toml:6:8: error: the pool `app` is there twice (the other one is at test.toml:2)"));
}

TEST(CheckPool, two_backends_of_one_name_are_an_error) {
  EXPECT_THAT(complaints(kPool + "[[pool.backend]]\naddress = \"192.0.2.1:80\""),
              ElementsAre(HasSubstr("test.toml:5:1: error: the backend `192.0.2.1:80` is there twice")));
  EXPECT_THAT(complaints(kPool + "[[pool]]\nname = \"b\"\n[[pool.backend]]\naddress = \"192.0.2.1:80\""), IsEmpty())
      << "in another pool it is fine";
}

TEST(CheckPool, needs_a_backend_unless_it_is_the_webmail) {
  EXPECT_THAT(complaints("[[pool]]\nname = \"app\""), ElementsAre(HasSubstr("the pool `app` has no backend")));
  EXPECT_THAT(complaints("[[pool]]\nname = \"app\"\nwebmail = true"),
              ElementsAre(HasSubstr("webmail, which is not enabled")));
  EXPECT_THAT(
      complaints("[webmail]\nenabled = true\ndomains = [\"a.example\"]\n[[pool]]\nname = \"app\"\nwebmail = true"),
      IsEmpty());
  EXPECT_THAT(complaints("[webmail]\nenabled = true\ndomains = [\"a.example\"]\n" + kPool +
                         "[[pool]]\nname = \"w\"\nwebmail = true\n"
                         "[[pool.backend]]\naddress = \"192.0.2.1:80\""),
              ElementsAre(HasSubstr("can have no [[pool.backend]]")));
  EXPECT_THAT(complaints(kPool + "weight = 0"),
              ElementsAre(HasSubstr("warning: all backends of the pool `app` have weight 0")));
}

TEST(CheckPool, schedulers_and_candidacy_functions_must_exist) {
  EXPECT_THAT(pool("scheduler = \"round_robbin\""), ElementsAre(HasSubstr("did you mean \"round_robin\"?")));
  EXPECT_THAT(pool("scheduler = \"chain\""), testing::Contains(HasSubstr("the scheduler \"chain\" needs `chain`")));
  EXPECT_THAT(pool("scheduler = \"chain\"\nchain = [\"byAgge 5s\"]"),
              testing::Contains(
                  HasSubstr("test.toml:4:9: error: there is no candidacy function `byAgge` (did you mean `byAge`?)")));
  EXPECT_THAT(pool("scheduler = \"chain\"\nchain = [\"byRandom 5\"]"),
              testing::Contains(HasSubstr("`byRandom` takes no argument")));
  EXPECT_THAT(pool("scheduler = \"chain\"\nchain = [\"byAge soon\"]"),
              testing::Contains(HasSubstr("`byAge` takes an age")));
  EXPECT_THAT(pool("scheduler = \"chain\"\nchain = [\"byLoad x\"]"),
              testing::Contains(HasSubstr("`byLoad` takes a bias")));
  EXPECT_THAT(pool("chain = [\"byLoad\"]"),
              ElementsAre(HasSubstr("warning: `chain` has no effect with the scheduler \"round_robin\"")));
  const std::string cluster = "[cluster]\nenabled = true\nkey = \"0123456789abcdef\"\n";
  EXPECT_THAT(
      complaints(
          cluster +
          "[[pool]]\nname = \"a\"\nscheduler = \"chain\"\nchain = [\"byAge 5s\", \"byRandom\", \"byLogWindow\", "
          "\"byCPU\", \"byBusyChildren\", \"byCost\", \"byLoad -0.5\"]\n[[pool.backend]]\naddress = \"192.0.2.1:80\""),
      IsEmpty());
  EXPECT_THAT(pool("scheduler = \"chain\"\nchain = [\"byLoad\"]"),
              ElementsAre(HasSubstr("warning: without [cluster]")));
}

TEST(CheckPool, the_health_check_makes_sense) {
  const auto health = [](const std::string& rows) { return complaints(kPool + "[pool.health]\n" + rows); };
  EXPECT_THAT(health("expect = \"200-299,401\""), IsEmpty());
  for (const char* wrong : {"2xx", "", "600", "300-200", "200-", "99"}) {
    EXPECT_THAT(health("expect = \"" + std::string(wrong) + "\""),
                ElementsAre(HasSubstr("status codes from 100 to 599")))
        << wrong;
  }
  EXPECT_THAT(health("path = \"healthz\""), ElementsAre(HasSubstr("must begin with /")));
  EXPECT_THAT(health("timeout = \"3s\""), ElementsAre(HasSubstr("warning: `timeout` is longer than `interval`")));
}

TEST(CheckRoute, has_exactly_one_action) {
  EXPECT_THAT(route("path = \"/\""), ElementsAre(HasSubstr("test.toml:5:1: error: the route has no action")));
  EXPECT_THAT(route("pool = \"app\"\nroot = \"/srv\""),
              ElementsAre("test.toml:7:8: error: the route has two actions, `pool` and `root`"));
  EXPECT_THAT(route("pool = \"app\"\nstatus = 404"), ElementsAre(HasSubstr("two actions, `pool` and `status`")));
  for (const char* fine : {"pool = \"app\"", "redirect = \"https://{host}{target}\"", "redirect = \"/x\"\nstatus = 308",
                           "status = 404\nbody = \"no\"", "root = \"/srv\""}) {
    EXPECT_THAT(route(fine), IsEmpty()) << fine;
  }
}

TEST(CheckRoute, to_an_unknown_pool_gets_the_nearest_name) {
  EXPECT_THAT(route("pool = \"ap\""), ElementsAre("test.toml:6:8: error: there is no pool `ap` (did you mean `app`?)"));
}

TEST(CheckRoute, redirects_and_fixed_answers_have_fitting_codes) {
  EXPECT_THAT(route("redirect = \"/x\"\nstatus = 200"), ElementsAre(HasSubstr("a redirect can't have the status 200")));
  EXPECT_THAT(route("status = 100"), ElementsAre(HasSubstr("from 200 to 599, not 100")));
  EXPECT_THAT(route("redirect = \"/{hots}\""), ElementsAre(HasSubstr("no placeholder {hots}")));
  EXPECT_THAT(route("pool = \"app\"\nbody = \"x\""), ElementsAre(HasSubstr("`body` needs `status`")));
  EXPECT_THAT(route("status = 404\ncache = true"), ElementsAre(HasSubstr("`cache` needs `pool`")));
  EXPECT_THAT(route("status = 404\nhost_to_backend = \"x\""), ElementsAre(HasSubstr("`host_to_backend` needs `pool`")));
}

TEST(CheckRoute, a_bad_pattern_is_explained_in_re2s_words) {
  EXPECT_THAT(route("pool = \"app\"\npath_pattern = \"(\""),
              ElementsAre("test.toml:7:16: error: `path_pattern`: \"(\" is not a regular expression: missing ): ("));
  EXPECT_THAT(route("pool = \"app\"\nuser_agent = \"*\""),
              ElementsAre(HasSubstr("no argument for repetition operator")));
  EXPECT_THAT(route("pool = \"app\"\nhosts = [\"~[\"]"), ElementsAre(HasSubstr("missing ]")));
  EXPECT_THAT(route("pool = \"app\"\nheaders = [\"X-A: (\"]"), ElementsAre(HasSubstr("missing )")));
}

TEST(CheckRoute, conditions_have_their_form) {
  EXPECT_THAT(route("pool = \"app\"\npath_prefix = \"app\""),
              ElementsAre(HasSubstr("`path_prefix` must begin with /")));
  EXPECT_THAT(route("pool = \"app\"\npath = \"app\""), ElementsAre(HasSubstr("`path` must begin with /")));
  EXPECT_THAT(route("pool = \"app\"\npath = \"/\"\npath_prefix = \"/\""), ElementsAre(HasSubstr("only one of")));
  EXPECT_THAT(route("pool = \"app\"\nmethods = [\"G T\"]"), ElementsAre(HasSubstr("\"G T\" is not a method")));
  EXPECT_THAT(route("pool = \"app\"\nheaders = [\"X-A\"]"),
              ElementsAre(HasSubstr("a field name, a colon and a pattern")));
  EXPECT_THAT(route("pool = \"app\"\nhosts = [\"www.*.org\"]"),
              ElementsAre(HasSubstr("must be the whole first label")));
  EXPECT_THAT(route("pool = \"app\"\nhosts = [\"https://a.org\"]"), ElementsAre(HasSubstr("is not a host name")));
  EXPECT_THAT(route("pool = \"app\"\nhosts = [\"a.org\", \"*.a.org\", \"~^www[0-9]+\\\\.a\\\\.org$\", \"[::1]\"]"),
              IsEmpty());
}

TEST(CheckRoute, one_behind_a_route_for_everything_is_warned_of) {
  const auto result = read(kPool + "[[route]]\npool = \"app\"\n[[route]]\npath = \"/x\"\nstatus = 204");
  EXPECT_THAT(
      texts(result),
      ElementsAre("test.toml:7:1: warning: this route is never reached (the one at test.toml:5 takes every request)"));
  EXPECT_NE(result.conf, nullptr) << "a warning does not stop the start";
}

TEST(CheckListen, tls_needs_a_certificate) {
  const std::string listen = "[[route]]\nstatus = 204\n[[listen]]\naddress = [\"127.0.0.1:443\"]\ntls = true\n";
  EXPECT_THAT(complaints(listen),
              ElementsAre("test.toml:5:7: error: this port speaks TLS, but there is no [[certificate]]"));
  EXPECT_THAT(complaints(listen + "[[certificate]]\nself_signed = true\nnames = [\"a.example\"]"), IsEmpty());
}

TEST(CheckListen, two_ports_on_one_address_are_an_error) {
  EXPECT_THAT(complaints("[[route]]\nstatus = 204\n[[listen]]\naddress = [\"127.0.0.1:80\"]\n[[listen]]\nname = "
                         "\"b\"\naddress = [\"127.0.0.1:80\"]"),
              ElementsAre(HasSubstr("test.toml:7:11: error: the address `127.0.0.1:80` is there twice")));
  EXPECT_THAT(complaints("[[route]]\nstatus = 204\n[[listen]]\naddress = [\"127.0.0.1:9070\"]"),
              ElementsAre(HasSubstr("the address `127.0.0.1:9070` is there twice")))
      << "the status page has it";
  EXPECT_THAT(complaints("[[route]]\nstatus = 204\n[[listen]]\naddress = [\"127.0.0.1:0\"]\n[[listen]]\nname = "
                         "\"b\"\naddress = [\"127.0.0.1:0\"]"),
              IsEmpty())
      << "port 0 is any free port";
}

TEST(CheckListen, without_a_route_is_warned_of) {
  EXPECT_THAT(complaints("[[listen]]\naddress = [\"127.0.0.1:80\"]"),
              ElementsAre(HasSubstr("warning: there is no [[route]]")));
}

TEST(CheckCertificate, is_whole) {
  EXPECT_THAT(complaints("[[certificate]]\ncert = \"/x\""), ElementsAre(HasSubstr("needs `key`")));
  EXPECT_THAT(complaints("[[certificate]]\nkey = \"/x\""), ElementsAre(HasSubstr("needs `cert`")));
  EXPECT_THAT(complaints("[[certificate]]\nself_signed = true"), ElementsAre(HasSubstr("needs `names`")));
  EXPECT_THAT(complaints("[[certificate]]\nself_signed = true\nnames = [\"a\"]\ncert = \"/x\""),
              ElementsAre(HasSubstr("leave `cert` and `key` out")));
}

TEST(CheckBackends, tls_directives_need_tls_and_each_other) {
  EXPECT_THAT(pool("tls_name = \"a.example\""), ElementsAre(HasSubstr("warning: `tls_name` has no effect")));
  EXPECT_THAT(pool("protocol = \"auto\""), ElementsAre(HasSubstr("can't be settled")));
  EXPECT_THAT(pool("tls = \"on\"\nprotocol = \"auto\""), IsEmpty());
  EXPECT_THAT(pool("tls = \"on\"\ntls_verify = false"),
              ElementsAre(HasSubstr("warning: certificates of the backends")));
  EXPECT_THAT(pool("tls = \"on\"\ntls_cert = \"a.pem\""), ElementsAre(HasSubstr("need each other")));
  EXPECT_THAT(complaints("[[pool]]\nname = \"a\"\ntls = \"on\"\n[[pool.backend]]\naddress = \"unix:/run/a\""),
              ElementsAre(HasSubstr("a Unix socket has no name")));
}

TEST(CheckBackends, second_requests_and_warm_connections_have_their_limits) {
  EXPECT_THAT(pool("hedge_percentile = 20"), ElementsAre(HasSubstr("more than half")));
  EXPECT_THAT(pool("hedge_percentile = 95"), IsEmpty());
  EXPECT_THAT(pool("hedge_budget = 5"), ElementsAre(HasSubstr("warning: it has no effect")));
  EXPECT_THAT(pool("hedge_after = \"50ms\"\nhedge_budget = 5"), IsEmpty());
  EXPECT_THAT(pool("warm_connections = 4\nsend_proxy = \"v2\""), ElementsAre(HasSubstr("before there is one")));
  EXPECT_THAT(pool("warm_connections = 4\nidle_connections = 2"), ElementsAre(HasSubstr("`idle_connections` lets")));
}

TEST(CheckBackends, only_a_name_has_addresses_to_choose_from) {
  const auto backend = [](const std::string& address) {
    return complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddresses = \"first\"\naddress = \"" + address + "\"");
  };
  EXPECT_THAT(backend("app.example:80"), IsEmpty());
  for (const char* other : {"192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/a", "srv:_http._tcp.example"}) {
    EXPECT_THAT(backend(other), ElementsAre(HasSubstr("`address` is no name"))) << other;
  }
  EXPECT_THAT(complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddress = \"a:80\"\naddresses = \"some\""),
              ElementsAre(HasSubstr("first")));
}

TEST(CheckBackends, a_pool_may_live_of_agents_and_of_srv_records) {
  const std::string cluster = "[cluster]\nenabled = true\nkey = \"0123456789abcdef\"\n";
  EXPECT_THAT(complaints(cluster + "[[pool]]\nname = \"a\"\nfrom_agents = \"web\""), IsEmpty());
  EXPECT_THAT(complaints("[[pool]]\nname = \"a\"\nfrom_agents = \"web\""),
              ElementsAre(HasSubstr("agents are not heard without [cluster]")));
  EXPECT_THAT(complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddress = \"srv:_http._tcp.example\""), IsEmpty());
  EXPECT_THAT(complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddress = \"srv:\""),
              ElementsAre(HasSubstr("srv:_http._tcp.example")));
  EXPECT_THAT(complaints(cluster + "serves = [\"web:8080\", \"api:192.0.2.7:80\", \"x:[2001:db8::1]:80\"]"), IsEmpty());
  EXPECT_THAT(complaints(cluster + "serves = [\"web\"]"), ElementsAre(HasSubstr("no name with a port")));
  EXPECT_THAT(complaints(cluster + "serves = [\"web:0\", \"a b:80\"]").size(), 2u);
}

TEST(CheckBackends, checks_fit_what_the_backends_speak) {
  EXPECT_THAT(pool("[pool.health]\ntype = \"tls\""), ElementsAre(HasSubstr("do not speak TLS")));
  EXPECT_THAT(pool("tls = \"on\"\n[pool.health]\ntype = \"grpc\""), ElementsAre(HasSubstr("gRPC needs HTTP/2")));
  EXPECT_THAT(pool("protocol = \"h2\"\n[pool.health]\ntype = \"grpc\"\nservice = \"a.B\""), IsEmpty());
  EXPECT_THAT(pool("[pool.health]\nbody = \"ok\"\ntype = \"tcp\""),
              ElementsAre(HasSubstr("only checks of type \"http\"")));
  EXPECT_THAT(pool("[pool.health]\nbody = \"(\""), ElementsAre(HasSubstr("not a regular expression")));
}

}  // namespace
}  // namespace genkan::conf
