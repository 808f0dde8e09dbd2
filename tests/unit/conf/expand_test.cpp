#include "conf/expand.hpp"

#include "tests/unit/conf/reading.hpp"

namespace genkan::conf {
namespace {

std::optional<std::string> environment(const std::string& name) {
  if (name == "HOME") return "/home/x";
  if (name == "EMPTY") return "";
  if (name == "TRICK") return "${HOME}";
  return std::nullopt;
}

std::string expanded(std::string_view text) {
  std::string out, why;
  return expand(text, environment, out, why) ? out : "error: " + why;
}

TEST(Expand, replaces_variables_wherever_they_stand) {
  EXPECT_EQ(expanded("${HOME}"), "/home/x");
  EXPECT_EQ(expanded("a${HOME}b${EMPTY}c"), "a/home/xbc");
  EXPECT_EQ(expanded("no variable, $ alone, $HOME, } and {"), "no variable, $ alone, $HOME, } and {");
}

TEST(Expand, takes_the_default_when_a_variable_is_unset_or_empty) {
  EXPECT_EQ(expanded("${NOPE:-8080}"), "8080");
  EXPECT_EQ(expanded("${EMPTY:-8080}"), "8080");
  EXPECT_EQ(expanded("${HOME:-8080}!"), "/home/x!");
  EXPECT_EQ(expanded("${NOPE:-}"), "");
}

TEST(Expand, a_default_may_hold_variables_and_is_not_needed_when_the_variable_is_set) {
  EXPECT_EQ(expanded("${NOPE:-${HOME}/state}/x"), "/home/x/state/x");
  EXPECT_EQ(expanded("${HOME:-${NOPE}}/x"), "/home/x/x");
}

TEST(Expand, two_dollars_escape) {
  EXPECT_EQ(expanded("$${HOME}"), "${HOME}");
  EXPECT_EQ(expanded("${NOPE:-$${x}}"), "${x}");
}

TEST(Expand, what_a_variable_holds_is_not_expanded_again) { EXPECT_EQ(expanded("${TRICK}"), "${HOME}"); }

TEST(Expand, says_what_is_wrong) {
  EXPECT_EQ(expanded("${NOPE}"),
            "error: the environment variable NOPE is not set; ${NOPE:-default} gives it a default");
  EXPECT_THAT(expanded("${HOME"), testing::HasSubstr("must go on with }"));
  EXPECT_THAT(expanded("${NOPE:-x"), testing::HasSubstr("not closed"));
  EXPECT_THAT(expanded("${}"), testing::HasSubstr("must be followed by the name"));
  EXPECT_THAT(expanded("${a b}"), testing::HasSubstr("must go on with }"));
}

TEST(Expand, deep_nesting_and_growth_are_limited) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "${N:-";
  EXPECT_THAT(expanded(deep), testing::HasSubstr("nested too deeply"));
  const Environment large = [](const std::string&) { return std::optional<std::string>(std::string(1u << 20, 'x')); };
  std::string many, out, why;
  for (int i = 0; i < 10'000; ++i) many += "${N}";
  EXPECT_FALSE(expand(many, large, out, why));
  EXPECT_THAT(why, testing::HasSubstr("1 MiB"));
  EXPECT_LE(out.size(), 3u << 20);
}

}  // namespace
}  // namespace genkan::conf
