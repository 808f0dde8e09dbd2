#include "conf/reader.hpp"

#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Reader, an_empty_text_gives_every_default) {
  const auto conf = good("");
  EXPECT_EQ(conf->node.state_dir, "/var/lib/genkan");
  EXPECT_EQ(conf->node.run_dir, "/var/lib/genkan/run");
  EXPECT_FALSE(conf->node.name.empty());
  EXPECT_EQ(conf->http.head_timeout, 10s);
  EXPECT_EQ(conf->admin.listen, "127.0.0.1:9070");
  EXPECT_EQ(conf->smtp.hostname, conf->node.name);
  ASSERT_EQ(conf->cache.purge_from.size(), 2u);
  EXPECT_TRUE(conf->cache.purge_from[0].contains(*base::IpAddress::parse("127.0.0.1")));
}

TEST(Reader, every_type_of_value_reaches_its_field) {
  const auto conf = good(R"(
[node]
name = "front1"
workers = 4
drain_timeout = "1m30s"
name_servers = ["127.0.0.1", "::1", "[2001:db8::53]:5353", "dns.example"]
[log]
format = "json"
level = "warning"
queue_lines = 100
colour = true
[http]
max_head = 4096
max_body = "10MiB"
[smtp]
relay_from = ["10.0.0.0/8", "::1"]
)");
  EXPECT_EQ(conf->node.name, "front1");
  EXPECT_EQ(conf->node.workers, 4u);
  EXPECT_EQ(conf->node.drain_timeout, 90s);
  EXPECT_THAT(conf->node.name_servers,
              ElementsAre("127.0.0.1:53", "[::1]:53", "[2001:db8::53]:5353", "dns.example:53"));
  EXPECT_EQ(conf->log.format, base::LogOptions::Format::json);
  EXPECT_EQ(conf->log.level, base::Level::warning);
  EXPECT_EQ(conf->log.queue_lines, 100u);
  EXPECT_TRUE(conf->log.colour);
  EXPECT_EQ(conf->http.max_head, 4096u);
  EXPECT_EQ(conf->http.max_body, 10u << 20);
  ASSERT_EQ(conf->smtp.relay_from.size(), 2u);
  EXPECT_EQ(conf->smtp.relay_from[0].text(), "10.0.0.0/8");
}

TEST(Reader, lists_of_sections_nest_and_keep_their_order) {
  const auto conf = good(R"(
[[pool]]
name = "a"
[[pool.backend]]
address = "192.0.2.1:80"
[[pool.backend]]
name = "two"
address = "app.example:80"
weight = 3
[pool.health]
type = "tcp"
interval = "500ms"
timeout = "100ms"
[[pool]]
name = "b"
[[pool.backend]]
address = "unix:/run/app.sock"
[smtp]
[[smtp.relay]]
name = "r"
[[smtp.relay.member]]
address = "192.0.2.9"
)");
  ASSERT_EQ(conf->pools.size(), 2u);
  ASSERT_EQ(conf->pools[0].backends.size(), 2u);
  EXPECT_EQ(conf->pools[0].backends[0].name, "192.0.2.1:80") << "the name defaults to the address";
  EXPECT_EQ(conf->pools[0].backends[1].name, "two");
  EXPECT_EQ(conf->pools[0].backends[1].weight, 3u);
  EXPECT_EQ(conf->pools[0].health.type, "tcp");
  EXPECT_EQ(conf->pools[0].health.interval, 500ms);
  EXPECT_EQ(conf->pools[1].health.interval, 2s) << "the health of one pool is not that of the next";
  EXPECT_EQ(conf->smtp.relays[0].members[0].address, "192.0.2.9:25") << "port 25 unless given";
  EXPECT_EQ(conf->find_pool("b"), &conf->pools[1]);
  EXPECT_EQ(conf->find_pool("c"), nullptr);
  EXPECT_EQ(conf->find_relay("r"), &conf->smtp.relays[0]);
}

TEST(Reader, a_syntax_error_has_its_place) {
  EXPECT_THAT(complaints("[node]\nname = \n"), ElementsAre(HasSubstr("test.toml:2:8: error: ")));
  EXPECT_EQ(read("[node").conf, nullptr);
}

TEST(Reader, all_problems_are_found_in_one_run_and_sorted) {
  EXPECT_THAT(
      complaints("[node]\nworkers = 65\nnme = 1\n[http]\nhead_timeout = 5\nmax_head = \"1x\"\n"),
      ElementsAre("test.toml:2:11: error: `workers` must be a whole number from 0 to 64, not 65",
                  "test.toml:3:1: error: unknown directive `nme` in [node] (did you mean `name`?)",
                  "test.toml:5:16: error: `head_timeout` must be a duration from 100ms to 10m, not a whole number "
                  "(with its unit: \"5s\")",
                  "test.toml:6:12: error: `max_head`: \"1x\" is not a size (write it as 4096, \"64KiB\", \"10MiB\" or "
                  "\"1GiB\")"));
}

TEST(Reader, an_unknown_section_or_directive_gets_the_nearest_name) {
  EXPECT_THAT(complaints("[htp]\nx = 1"),
              ElementsAre("test.toml:1:2: error: unknown section `htp` (did you mean `http`?)"));
  EXPECT_THAT(complaints("inclde = []"),
              ElementsAre("test.toml:1:1: error: unknown directive `inclde` (did you mean `include`?)"));
  EXPECT_THAT(
      complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddres = \"192.0.2.1:80\"\naddress = \"192.0.2.1:80\""),
      ElementsAre("test.toml:4:1: error: unknown directive `addres` in [[pool.backend]] (did you mean `address`?)"));
  EXPECT_THAT(complaints("[cache]\nrise = 1"),
              ElementsAre("test.toml:2:1: error: unknown directive `rise` in [cache] (it belongs in [pool.health])"));
  EXPECT_THAT(complaints("[node]\nzzzzzzzz = 1"),
              ElementsAre("test.toml:2:1: error: unknown directive `zzzzzzzz` in [node]"));
}

TEST(Reader, a_section_in_the_wrong_form_is_named) {
  EXPECT_THAT(complaints("[pool]\nname = \"a\""),
              ElementsAre("test.toml:1:2: error: `pool` is a list of sections, not a section (write [[pool]])"));
  EXPECT_THAT(
      complaints("[[http]]"),
      ElementsAre(
          "test.toml:1:3: error: `http` is a section, not a list of sections (there is only one: write [http])"));
  EXPECT_THAT(complaints("http = 1"), ElementsAre(HasSubstr("`http` is a section, not a whole number")));
}

TEST(Reader, wrong_types_say_what_is_wanted) {
  EXPECT_THAT(complaints("[node]\nname = 1"), ElementsAre(HasSubstr("`name` must be a string, not a whole number")));
  EXPECT_THAT(complaints("[node]\nworkers = \"4\""), ElementsAre(HasSubstr("write 4 without quotes")));
  EXPECT_THAT(complaints("[node]\nworkers = 1.5"), ElementsAre(HasSubstr("not a number with a fraction")));
  EXPECT_THAT(complaints("[node]\nworkers = -1"), ElementsAre(HasSubstr("from 0 to 64, not -1")));
  EXPECT_THAT(complaints("[log]\ncolour = \"true\""), ElementsAre(HasSubstr("write true without quotes")));
  EXPECT_THAT(complaints("[log]\nformat = \"jsn\""),
              ElementsAre(HasSubstr("must be one of \"text\", \"json\", not \"jsn\" (did you mean \"json\"?)")));
  EXPECT_THAT(complaints("[node]\nname_servers = \"127.0.0.1\""),
              ElementsAre(HasSubstr("in brackets: [\"127.0.0.1\"]")));
  EXPECT_THAT(complaints("[node]\nname_servers = [1]"), ElementsAre(HasSubstr("not a whole number")));
  EXPECT_THAT(complaints("[node]\ndrain_timeout = \"2h\""),
              ElementsAre(HasSubstr("a duration from 0s to 1h, not \"2h\"")));
  EXPECT_THAT(complaints("[node]\nname = 1979-05-27"), ElementsAre(HasSubstr("not a date")));
}

TEST(Reader, addresses_are_checked) {
  const auto backend = [](const std::string& address) {
    return complaints("[[pool]]\nname = \"a\"\n[[pool.backend]]\naddress = \"" + address + "\"");
  };
  for (const char* fine : {"192.0.2.1:80", "[2001:db8::1]:80", "app.example:80", "app:80", "unix:/run/x"}) {
    EXPECT_THAT(backend(fine), IsEmpty()) << fine;
  }
  for (const char* wrong : {"192.0.2.1", "192.0.2.256:80", "192.0.2:80", "app", "app:0", "app:65536", "*:80", ":80",
                            "a b:80", "-x:80", "2001:db8::1", "http://app:80", ""}) {
    EXPECT_THAT(backend(wrong), ElementsAre(testing::StartsWith("test.toml:4:11: error: `address`"))) << wrong;
  }
  EXPECT_THAT(complaints("[smtp]\nrelay_from = [\"10.0.0.1/8\"]"),
              ElementsAre(HasSubstr("\"10.0.0.1/8\" is not a network (it has bits beyond its length; did you mean "
                                    "\"10.0.0.0/8\"?)")));
  EXPECT_THAT(complaints("[smtp]\nrelay_from = [\"2001:db8::1/32\", \"10.0.0.0/33\"]"),
              ElementsAre(HasSubstr("did you mean \"2001:db8::/32\"?")));
}

TEST(Reader, a_missing_directive_is_named_with_an_example) {
  EXPECT_THAT(complaints("[[vip]]\nvrid = 1\ninterface = \"eth0\""),
              ElementsAre("test.toml:1:1: error: [[vip]] needs `address` (such as address = \"192.0.2.10/24\")"));
  EXPECT_THAT(complaints("[[listen]]\naddress = []\n[[route]]\nstatus = 204"),
              ElementsAre(HasSubstr("`address` must not be empty")));
}

TEST(Reader, an_empty_string_is_the_default) {
  EXPECT_EQ(good("[cluster]\nmulticast = \"\"\n[smtp]\nhostname = \"\"\n[node]\nname = \"n\"")->smtp.hostname, "n");
}

TEST(Reader, places_of_directives_are_kept) {
  const auto conf =
      good("[node]\nname = \"x\"\n[[pool]]\nname = \"a\"\n[[pool.backend]]\naddress = \"192.0.2.1:80\"\n");
  EXPECT_EQ(conf->where("node.name"), "test.toml:2");
  EXPECT_EQ(conf->where("pool[0].backend[0].address"), "test.toml:6");
  EXPECT_EQ(conf->where("pool[0].backend[0].weight"), "test.toml:5") << "not written: its section";
  EXPECT_EQ(conf->where("vip[0]"), "test.toml");
  EXPECT_EQ(good("[[route]]\nstatus = 204")->routes[0].where, "test.toml:1");
}

TEST(Reader, the_environment_fills_in_text_numbers_and_flags) {
  const Variable port("GENKAN_TEST_PORT", "8081"), workers("GENKAN_TEST_WORKERS", "3"), yes("GENKAN_TEST_YES", "true");
  const auto conf = good(R"(
[node]
name = "$${x}"
workers = "${GENKAN_TEST_WORKERS}"
[log]
colour = "${GENKAN_TEST_YES}"
[[listen]]
address = ["127.0.0.1:${GENKAN_TEST_PORT}", "127.0.0.1:${GENKAN_TEST_UNSET:-8082}"]
[[route]]
status = 204
)");
  EXPECT_EQ(conf->node.name, "${x}");
  EXPECT_EQ(conf->node.workers, 3u);
  EXPECT_TRUE(conf->log.colour);
  EXPECT_THAT(conf->listens[0].address, ElementsAre("127.0.0.1:8081", "127.0.0.1:8082"));
}

TEST(Reader, an_unset_variable_is_one_error_at_its_place) {
  EXPECT_THAT(complaints("[cluster]\nenabled = true\nkey = \"${GENKAN_TEST_UNSET}\""),
              ElementsAre("test.toml:3:7: error: the environment variable GENKAN_TEST_UNSET is not set; "
                          "${GENKAN_TEST_UNSET:-default} gives it a default"));
}

TEST(Reader, a_value_from_the_environment_is_never_shown) {
  const Variable value("GENKAN_TEST_VALUE", "hunter2");
  for (const char* text :
       {"[node]\nworkers = \"${GENKAN_TEST_VALUE}\"", "[node]\ndrain_timeout = \"${GENKAN_TEST_VALUE}\"",
        "[log]\nformat = \"${GENKAN_TEST_VALUE}\"", "[smtp]\nrelay_from = [\"${GENKAN_TEST_VALUE}\"]",
        "[admin]\nlisten = \"${GENKAN_TEST_VALUE}\"", "[http]\nmax_head = \"${GENKAN_TEST_VALUE}\"",
        "[node]\nname_servers = \"${GENKAN_TEST_VALUE}\"", "[log]\ncolour = \"${GENKAN_TEST_VALUE}\"",
        "[[route]]\nstatus = 200\npath_pattern = \"(${GENKAN_TEST_VALUE}\""}) {
    const auto found = complaints(text);
    ASSERT_EQ(found.size(), 1u) << text;
    EXPECT_THAT(found[0], testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace genkan::conf
