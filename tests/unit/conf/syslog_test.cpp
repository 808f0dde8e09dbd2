#include "conf/syslog.hpp"

#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Syslog, a_server_is_a_way_a_host_and_a_port) {
  const auto udp = parse_syslog_server("udp://192.0.2.1:5514");
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->way, SyslogServer::Way::udp);
  EXPECT_EQ(udp->host, "192.0.2.1");
  EXPECT_EQ(udp->port, 5514);
  const auto tls = parse_syslog_server("tls://[2001:db8::1]:99");
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->way, SyslogServer::Way::tls);
  EXPECT_EQ(tls->host, "2001:db8::1");
  EXPECT_EQ(tls->port, 99);
}

TEST(Syslog, each_way_has_its_own_usual_port) {
  EXPECT_EQ(parse_syslog_server("udp://logs")->port, 514);
  EXPECT_EQ(parse_syslog_server("tcp://logs.example.org")->port, 601);
  EXPECT_EQ(parse_syslog_server("tls://[::1]")->port, 6514);
}

TEST(Syslog, anything_else_is_refused) {
  for (const char* text :
       {"", "logs:514", "http://logs", "udp://", "udp://:514", "tcp://a b", "tcp://a:0", "tcp://a:65536",
        "tcp://a:", "tcp://a:1x", "tls://[::1", "tls://[logs]:1", "tls://[::1]1", "tls://a/b", "TCP://a"}) {
    EXPECT_FALSE(parse_syslog_server(text)) << text;
  }
}

TEST(Syslog, facilities_have_the_numbers_of_rfc_5424) {
  EXPECT_EQ(syslog_facility("kern"), 0);
  EXPECT_EQ(syslog_facility("ftp"), 11);
  EXPECT_EQ(syslog_facility("local0"), 16);
  EXPECT_EQ(syslog_facility("local7"), 23);
  EXPECT_EQ(syslog_facility(""), -1);
  EXPECT_EQ(syslog_facility("remote"), -1);
}

TEST(Syslog, what_can_not_work_is_said_at_its_place) {
  EXPECT_THAT(texts(read("[syslog]\nserver = \"logs:514\"\n")),
              Contains(HasSubstr("test.toml:2:10: error: \"logs:514\"")));
  EXPECT_THAT(texts(read("[syslog]\napp_name = \"a b\"\n")), Contains(HasSubstr("test.toml:2:12: error: `app_name`")));
  EXPECT_THAT(texts(read("[syslog]\nserver = \"tls://a\"\nkey = \"/k\"\n")), Contains(HasSubstr("go together")));
  EXPECT_THAT(texts(read("[syslog]\nserver = \"tcp://a\"\nca = \"/k\"\n")), Contains(HasSubstr("tls:// only")));
}

}  // namespace
}  // namespace genkan::conf
