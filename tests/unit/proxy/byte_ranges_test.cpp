#include "proxy/byte_ranges.hpp"

#include <gtest/gtest.h>

#include <string>

namespace genkan::proxy {
namespace {

using Kind = ByteRanges::Kind;
using Parts = std::vector<ByteRange>;

TEST(ByteRanges, one_range_in_each_of_its_forms) {
  EXPECT_EQ(parse_ranges("bytes=0-0", 10).parts, (Parts{{0, 0}}));
  EXPECT_EQ(parse_ranges("bytes=3-", 10).parts, (Parts{{3, 9}}));
  EXPECT_EQ(parse_ranges("bytes=-4", 10).parts, (Parts{{6, 9}}));
  EXPECT_EQ(parse_ranges("bytes=-40", 10).parts, (Parts{{0, 9}}));
  EXPECT_EQ(parse_ranges("bytes=2-99999999999999999999999999", 10).parts, (Parts{{2, 9}}));
  EXPECT_EQ(parse_ranges("Bytes= 1-2 ", 10).parts, (Parts{{1, 2}})) << "units have no case";
}

TEST(ByteRanges, several_stay_in_their_order) {
  const auto many = parse_ranges("bytes=5-6, 0-1,,-1", 10);
  EXPECT_EQ(many.kind, Kind::some);
  EXPECT_EQ(many.parts, (Parts{{5, 6}, {0, 1}, {9, 9}}));
}

TEST(ByteRanges, what_overlaps_or_touches_becomes_one) {
  EXPECT_EQ(parse_ranges("bytes=0-3,2-5", 100).parts, (Parts{{0, 5}}));
  EXPECT_EQ(parse_ranges("bytes=0-3,4-5,90-", 100).parts, (Parts{{0, 5}, {90, 99}}));
  EXPECT_EQ(parse_ranges("bytes=50-60,0-0,40-55", 100).parts, (Parts{{40, 60}, {0, 0}}));
  EXPECT_EQ(parse_ranges("bytes=0-9,2-3", 100).parts, (Parts{{0, 9}})) << "one lies in the other";
}

TEST(ByteRanges, what_does_not_exist_is_left_out_and_nothing_left_is_416) {
  EXPECT_EQ(parse_ranges("bytes=0-1,10-,200-300", 10).parts, (Parts{{0, 1}}));
  for (const char* text : {"bytes=10-", "bytes=10-11,99-", "bytes=-0", "bytes=99999999999999999999999-"}) {
    EXPECT_EQ(parse_ranges(text, 10).kind, Kind::none) << text;
  }
  EXPECT_EQ(parse_ranges("bytes=0-", 0).kind, Kind::none);
  EXPECT_EQ(parse_ranges("bytes=-1", 0).kind, Kind::none);
}

TEST(ByteRanges, what_is_no_range_is_as_if_it_were_not_there) {
  for (const char* text :
       {"", "bytes", "bytes=", "bytes=,", "items=0-1", "bytes=a-b", "bytes=2-1", "bytes=1", "bytes=-", "bytes=0-1,x",
        "bytes=0-1;2-3", "bytes=1-2-3", "bytes=+1-2", "bytes=0 - 1", "bytes=--1"}) {
    EXPECT_EQ(parse_ranges(text, 10).kind, Kind::whole) << text;
  }
}

TEST(ByteRanges, nobody_gets_more_bytes_than_there_are) {
  EXPECT_EQ(parse_ranges("bytes=0-,0-", 10).kind, Kind::whole);
  EXPECT_EQ(parse_ranges("bytes=0-8,1-2", 10).kind, Kind::whole);
  EXPECT_EQ(parse_ranges("bytes=0-4,5-9", 10).parts, (Parts{{0, 9}}));
  const std::uint64_t huge = ~std::uint64_t{0} >> 1;
  EXPECT_EQ(parse_ranges("bytes=0-,1-,2-", huge).kind, Kind::whole) << "the sum must not overflow";
}

TEST(ByteRanges, their_number_has_a_limit) {
  std::string most = "bytes=0-0", apart = most;
  for (std::size_t i = 1; i < kMaxRanges; ++i) most += "," + std::to_string(10 * i) + "-" + std::to_string(10 * i);
  EXPECT_EQ(parse_ranges(most, 10'000).parts.size(), kMaxRanges);
  EXPECT_EQ(parse_ranges(most + ",5000-5000", 10'000).kind, Kind::whole);
  EXPECT_EQ(parse_ranges(most + ",99999-", 10'000).kind, Kind::whole) << "those that do not exist count";
}

}  // namespace
}  // namespace genkan::proxy
