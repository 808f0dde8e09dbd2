// The small languages inside directives: placeholders, rates, times of the week, rewriting, error pages.
#include "conf/placeholders.hpp"

#include <gtest/gtest.h>

namespace genkan::conf {
namespace {

std::string shape(std::string_view text, PlaceholderRules rules = {}) {
  std::string why, out;
  const auto pieces = parse_placeholders(text, rules, why);
  if (!pieces) return "bad";
  for (const auto& piece : *pieces) {
    out += piece.kind == Placeholder::text ? piece.text : "<" + std::to_string(int(piece.kind)) + piece.text + ">";
  }
  return out;
}

TEST(Placeholders, stand_between_braces_and_double_braces_are_braces) {
  EXPECT_EQ(shape("a{host}b"), "a<" + std::to_string(int(Placeholder::host)) + ">b");
  EXPECT_EQ(shape("{header:X-Id}"), "<" + std::to_string(int(Placeholder::header)) + "X-Id>");
  EXPECT_EQ(shape("{{x}}"), "{x}");
  EXPECT_EQ(shape(""), "");
}

TEST(Placeholders, that_mean_nothing_here_are_refused) {
  for (const char* bad : {"{nothing}", "{host", "host}", "{}", "{header}", "{header:}", "{host:x}", "{status}", "{1}"})
    EXPECT_EQ(shape(bad), "bad") << bad;
  EXPECT_NE(shape("{status}", {.status = true}), "bad");
  EXPECT_NE(shape("{1}", {.groups = true}), "bad");
  EXPECT_EQ(shape("{100}", {.groups = true}), "bad");
}

TEST(Rates, are_a_number_and_a_unit) {
  EXPECT_DOUBLE_EQ(parse_rate("10/s").value(), 10);
  EXPECT_DOUBLE_EQ(parse_rate("600/m").value(), 10);
  EXPECT_DOUBLE_EQ(parse_rate("36000/h").value(), 10);
  for (const char* bad : {"", "10", "10/", "0/s", "10/x", "-1/s", "1.5/s", "10 /s"})
    EXPECT_FALSE(parse_rate(bad)) << bad;
}

TEST(WeekTime, is_days_and_hours) {
  const auto work = parse_week_time("Mon-Fri 08:00-18:00").value();
  ASSERT_EQ(work.size(), 5u);
  EXPECT_EQ(work.front().first, 1440 + 480);
  EXPECT_EQ(work.front().last, 1440 + 1080);
  EXPECT_EQ(parse_week_time("sat,Sun").value().size(), 2u);
  EXPECT_EQ(parse_week_time("08:00-24:00").value().size(), 7u);
  const auto night = parse_week_time("Sat 22:00-06:00").value();
  ASSERT_EQ(night.size(), 2u) << "the week ends within it";
  EXPECT_EQ(night[1].first, 0);
  EXPECT_EQ(night[1].last, 360);
  EXPECT_EQ(parse_week_time("Fri-Mon").value().size(), 4u);
  for (const char* bad : {"", "Someday", "Mon 8:00-9:00", "Mon 08:00", "Mon 25:00-26:00", "Mon 08:00-08:00", "Mon-"})
    EXPECT_FALSE(parse_week_time(bad)) << bad;
}

TEST(ErrorPages, are_a_status_or_a_class_and_a_file) {
  EXPECT_EQ(parse_error_page("404: /a b.html")->path, "/a b.html");
  EXPECT_EQ(parse_error_page("5xx: /x")->last, 599);
  for (const char* bad : {"", "404", "200: /x", "404:", "3xx: /x", "4040: /x"})
    EXPECT_FALSE(parse_error_page(bad)) << bad;
}

TEST(Rewrites, are_a_pattern_an_arrow_and_a_text) {
  EXPECT_EQ(parse_rewrite("^/a -> /b")->pattern, "^/a");
  EXPECT_EQ(parse_rewrite("^/a -> /b")->text, "/b");
  for (const char* bad : {"", "^/a", " -> /b", "^/a -> ", "a->b"}) EXPECT_FALSE(parse_rewrite(bad)) << bad;
}

}  // namespace
}  // namespace genkan::conf
