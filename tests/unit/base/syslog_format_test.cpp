#include "base/syslog_format.hpp"

#include <gtest/gtest.h>

namespace genkan::base {
namespace {

std::string message(std::string_view text, std::size_t max = 1000,
                    SyslogOrigin origin = {16, "front1", "genkan", "42"}) {
  std::string out;
  format_syslog(origin, 6, WallTime{} + std::chrono::microseconds(1'767'225'600'000'123), "access", text, max, out);
  return out;
}

TEST(Syslog, a_message_has_every_part_of_rfc_5424) {
  EXPECT_EQ(message("hello"), "<134>1 2026-01-01T00:00:00.000123Z front1 genkan 42 access - hello");
}

TEST(Syslog, what_is_not_known_is_a_dash_and_names_are_printable) {
  EXPECT_EQ(message("", 10, {1, "", "a b\x01\xff", std::string(200, '9')}),
            "<14>1 2026-01-01T00:00:00.000123Z - ab " + std::string(128, '9') + " access - ");
}

TEST(Syslog, text_stays_one_line_of_utf8) {
  EXPECT_TRUE(message("a\nb\x01\x7f\xff\xe3\x81\x82").ends_with("- a b  \xef\xbf\xbd\xe3\x81\x82"));
}

TEST(Syslog, long_text_is_cut_between_characters) {
  EXPECT_TRUE(message("abcdef", 3).ends_with("- abc"));
  EXPECT_TRUE(message("a\xe3\x81\x82", 3).ends_with("- a"));
}

TEST(Syslog, a_frame_counts_octets) {
  std::string out;
  frame_syslog("<1>1 x", out);
  frame_syslog("", out);
  EXPECT_EQ(out, "6 <1>1 x0 ");
}

TEST(Syslog, severities_follow_the_levels) {
  EXPECT_EQ(syslog_severity(Level::error), 3);
  EXPECT_EQ(syslog_severity(Level::debug), 7);
}

}  // namespace
}  // namespace genkan::base
