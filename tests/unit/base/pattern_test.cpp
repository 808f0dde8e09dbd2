#include "base/pattern.hpp"

#include <gtest/gtest.h>

namespace genkan::base {
namespace {

Pattern compiled(std::string_view text, bool ignore_case = false) {
  std::string why;
  auto p = Pattern::compile(text, why, ignore_case);
  EXPECT_TRUE(p) << why;
  return p ? *p : Pattern();
}

TEST(Pattern, MatchesAnywhereOrFully) {
  auto p = compiled("b+");
  EXPECT_TRUE(p.matches("abbc"));
  EXPECT_FALSE(p.matches("ac"));
  EXPECT_TRUE(p.matches_fully("bb"));
  EXPECT_FALSE(p.matches_fully("abb"));
  EXPECT_FALSE(compiled("abc").matches("ABC"));
  EXPECT_TRUE(compiled("abc", true).matches("xABCx"));
  EXPECT_EQ(p.source(), "b+");
}

TEST(Pattern, GivesTheGroupsAsViewsIntoTheText) {
  std::string_view text = "/user/42/";
  std::vector<std::string_view> groups;
  ASSERT_TRUE(compiled("/(\\w+)/(\\d+)(x)?").match(text, groups));
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0], "/user/42");
  EXPECT_EQ(groups[1], "user");
  EXPECT_EQ(groups[2], "42");
  EXPECT_TRUE(groups[3].empty());
  EXPECT_EQ(groups[1].data(), text.data() + 1);
  EXPECT_FALSE(compiled("z").match(text, groups));
  EXPECT_TRUE(groups.empty());
}

TEST(Pattern, ABadPatternIsRefusedWithASentence) {
  std::string why;
  EXPECT_EQ(Pattern::compile("a(b", why).error(), Errc::malformed);
  EXPECT_NE(why.find("missing"), std::string::npos) << why;
  EXPECT_FALSE(Pattern::compile("(a)\\1", why));  // back references are not linear
}

TEST(Pattern, AStrayByteOrANewlineDoesNotWalkAroundARule) {
  auto p = compiled("^/admin.*$");
  EXPECT_TRUE(p.matches_fully("/admin\xff/x"));
  EXPECT_TRUE(p.matches_fully("/admin\n/x"));
}

TEST(Pattern, AnEmptyOneMatchesNothing) {
  Pattern p;
  std::vector<std::string_view> groups;
  EXPECT_FALSE(p.matches(""));
  EXPECT_FALSE(p.match("x", groups));
}

TEST(Pattern, APatternThatWouldBacktrackForEverTakesNoTime) {
  EXPECT_FALSE(compiled("(a*)*b").matches(std::string(100'000, 'a')));
}

TEST(PatternSet, SaysWhichOfManyMatch) {
  PatternSet set;
  std::string why;
  std::vector<int> found{7};
  EXPECT_TRUE(set.empty());
  set.match("x", found);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(set.add("^/b", why).value(), 0);
  EXPECT_EQ(set.add("c$", why).value(), 1);
  EXPECT_FALSE(set.add("(", why));
  EXPECT_EQ(set.add("/", why).value(), 2);
  set.compile();
  set.match("/bc", found);
  EXPECT_EQ(found, (std::vector<int>{0, 1, 2}));
  set.match("/x", found);
  EXPECT_EQ(found, (std::vector<int>{2}));
  set.match("x", found);
  EXPECT_TRUE(found.empty());
}

TEST(PatternSet, MatchesOneByOneBeforeItIsCompiled) {
  PatternSet set;
  std::string why;
  ASSERT_TRUE(set.add("a", why));
  ASSERT_TRUE(set.add("b", why));
  std::vector<int> found;
  set.match("b", found);
  EXPECT_EQ(found, (std::vector<int>{1}));
}

}  // namespace
}  // namespace genkan::base
