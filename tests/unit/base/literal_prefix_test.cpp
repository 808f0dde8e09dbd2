#include "base/literal_prefix.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/pattern.hpp"

namespace genkan::base {
namespace {

TEST(LiteralPrefix, IsWhatEveryMatchBeginsWith) {
  EXPECT_EQ(literal_prefix("^/shop/[0-9]+$"), "/shop/");
  EXPECT_EQ(literal_prefix("^/a\\.b/(c|d)"), "/a.b/");
  EXPECT_EQ(literal_prefix("^/plain"), "/plain");
  EXPECT_EQ(literal_prefix("^/ab+c"), "/ab");
  EXPECT_EQ(literal_prefix("^/a b-c_d~"), "/a b-c_d~");
}

TEST(LiteralPrefix, IsShorterWhereItsLastSignMayBeMissing) {
  EXPECT_EQ(literal_prefix("^/ab*c"), "/a");
  EXPECT_EQ(literal_prefix("^/ab?"), "/a");
  EXPECT_EQ(literal_prefix("^/ab{0,3}"), "/a");
  EXPECT_EQ(literal_prefix("^/a\\.?b"), "/a");
}

TEST(LiteralPrefix, IsEmptyWhereNothingIsKnown) {
  for (const char* pattern :
       {"/shop", "", "^", "^.*x", "^(?i)/shop", "(?i)^/shop", "^/a|^/b", "^/a|b", "^*ab", "^?ab", "^{0}ab", "^\\d+",
        "^[/]a", "^\\Q/a|b\\E", "^[]|a]b", "^/a[]]|/b", "^/a\\[|b]", "^/a[[:alpha:]]|b"}) {
    EXPECT_EQ(literal_prefix(pattern), "") << pattern;
  }
  EXPECT_EQ(literal_prefix("^/a[|]b"), "/a");
  EXPECT_EQ(literal_prefix("^/a[[:alpha:]|]b"), "/a");
  EXPECT_EQ(literal_prefix("^/a\\|b"), "/a|b");
}

std::vector<int> found(const PrefixTable& table, std::string_view text) {
  std::vector<int> out;
  table.each(text, [&](int number) { out.push_back(number); });
  std::sort(out.begin(), out.end());
  return out;
}

TEST(PrefixTable, FindsAllThatATextBeginsWith) {
  PrefixTable table;
  EXPECT_TRUE(table.build({{"/a", 1}, {"/a/b", 2}, {"/a/c", 3}, {"/b", 4}, {"/a/b", 5}, {"/a/bb", 6}}).empty());
  EXPECT_EQ(found(table, "/a/b/x"), (std::vector<int>{1, 2, 5}));
  EXPECT_EQ(found(table, "/a/bb"), (std::vector<int>{1, 2, 5, 6}));
  EXPECT_EQ(found(table, "/a/c"), (std::vector<int>{1, 3}));
  EXPECT_EQ(found(table, "/az"), (std::vector<int>{1}));
  EXPECT_EQ(found(table, "/"), (std::vector<int>{}));
  EXPECT_EQ(found(table, ""), (std::vector<int>{}));
  EXPECT_EQ(found(table, "/zzz"), (std::vector<int>{}));
}

TEST(PrefixTable, LeavesOutWhatWouldCrowdOneText) {
  PrefixTable table;
  std::vector<PrefixTable::Item> items;
  for (int i = 0; i < 40; ++i) items.push_back({"/same", i});
  for (int i = 40; i < 60; ++i) items.push_back({"/x" + std::string(static_cast<std::size_t>(i), 'x'), i});
  const auto rest = table.build(std::move(items));
  EXPECT_EQ(rest.size(), 60 - 2 * PrefixTable::kMost);
  EXPECT_EQ(found(table, "/same").size(), PrefixTable::kMost);
  EXPECT_EQ(found(table, "/x" + std::string(100, 'x')).size(), PrefixTable::kMost);
}

// Whatever the way that leads to them, the patterns of a set answer as each would by itself.
TEST(PatternSet, AnswersAsEachPatternAlone) {
  PatternSet set;
  std::vector<Pattern> alone;
  std::string why;
  std::vector<std::string> texts{"",       "/",        "/p/",       "/p/1/abc",    "/p/39/abc",
                                 "/crowd", "/crowd/7", "x/p/1/abc", "/any/end.php"};
  const auto add = [&](const std::string& pattern) {
    ASSERT_TRUE(set.add(pattern, why));
    alone.push_back(*Pattern::compile(pattern, why));
  };
  for (int i = 0; i < 40; ++i) add("^/p/" + std::to_string(i) + "/[a-z]+$");
  for (int i = 0; i < 40; ++i) add("^/crowd(/" + std::to_string(i % 10) + ")?$");
  for (const char* pattern : {"\\.php$", "^/any|^/p", "^/p/?1", "(?i)^/P/1", "^/p/[0-9]+/abc", "^/"}) add(pattern);
  for (const bool compiled : {false, true}) {
    if (compiled) set.compile();
    for (const auto& text : texts) {
      std::vector<int> expected, got;
      for (std::size_t i = 0; i < alone.size(); ++i) {
        if (alone[i].matches(text)) expected.push_back(static_cast<int>(i));
      }
      set.match(text, got);
      EXPECT_EQ(got, expected) << text << (compiled ? "" : " (not compiled)");
    }
  }
}

}  // namespace
}  // namespace genkan::base
