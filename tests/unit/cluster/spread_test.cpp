#include "cluster/spread.hpp"

#include <gtest/gtest.h>

#include <map>

namespace genkan::cluster {
namespace {

std::map<std::uint32_t, int> counted(const std::vector<std::uint32_t>& turns) {
  std::map<std::uint32_t, int> out;
  for (const auto i : turns) ++out[i];
  return out;
}

TEST(Turns, EachIndexHasItsShare) {
  const std::vector<std::uint32_t> weights{10, 30, 0, 20};
  const auto turns = turns_of(weights);
  EXPECT_EQ(turns.size(), 6u);
  EXPECT_EQ(counted(turns), (std::map<std::uint32_t, int>{{0, 1}, {1, 3}, {3, 2}}));
}

TEST(Turns, AHeavyOneIsSpreadAndNotServedInARow) {
  const std::vector<std::uint32_t> weights{5, 1, 1, 1, 1, 1};
  const auto turns = turns_of(weights);
  int row = 0, longest = 0;
  for (const auto i : turns) {
    row = i == 0 ? row + 1 : 0;
    longest = std::max(longest, row);
  }
  EXPECT_LE(longest, 2);
}

TEST(Turns, NoWeightMeansNoTurn) {
  EXPECT_TRUE(turns_of(std::vector<std::uint32_t>{}).empty());
  EXPECT_TRUE(turns_of(std::vector<std::uint32_t>{0, 0}).empty());
}

TEST(Turns, ARoundIsBoundedAndKeepsTheLight) {
  const std::vector<std::uint32_t> weights{1000, 999, 1};
  const auto got = counted(turns_of(weights, 100));
  EXPECT_LE(got.at(0) + got.at(1) + got.at(2), 101);
  EXPECT_EQ(got.at(2), 1);
  EXPECT_NEAR(got.at(0), 50, 1);
}

std::vector<std::string> names(int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i) out.push_back("192.0.2." + std::to_string(i) + ":80");
  return out;
}

TEST(HashRing, KeysSpreadByWeight) {
  const auto all = names(4);
  const std::vector<std::uint32_t> weights{1, 1, 1, 3};
  const HashRing ring(all, weights);
  std::map<std::uint32_t, int> got;
  for (int i = 0; i < 60'000; ++i) ++got[ring.index(ring.place(stable_hash("key" + std::to_string(i))))];
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_NEAR(got[i], 10'000, 2'500) << i;
  EXPECT_NEAR(got[3], 30'000, 3'500);
}

TEST(HashRing, WhenANameGoesOnlyItsKeysMove) {
  const auto all = names(10);
  std::vector<std::uint32_t> weights(10, 1);
  const HashRing before(all, weights);
  weights[4] = 0;
  const HashRing after(all, weights);
  int moved = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto key = stable_hash(std::to_string(i));
    const auto was = before.index(before.place(key)), is = after.index(after.place(key));
    EXPECT_NE(is, 4u);
    if (was != 4) {
      EXPECT_EQ(was, is);
    }
    moved += was != is;
  }
  EXPECT_NEAR(moved, 1'000, 400);
}

TEST(HashRing, IsTheSameEverywhere) {  // a change of these numbers sends every user elsewhere
  EXPECT_EQ(stable_hash("/index.html"), stable_hash("/index.html"));
  EXPECT_NE(stable_hash("a"), stable_hash("b"));
  const auto all = names(5);
  const std::vector<std::uint32_t> weights(5, 1);
  const HashRing ring(all, weights);
  std::string picked;
  for (const char* key : {"alice", "bob", "carol", "dave", "erin", "frank"})
    picked += std::to_string(ring.index(ring.place(stable_hash(key))));
  EXPECT_EQ(picked, "401304");
}

TEST(HashRing, OfNobodyIsEmpty) {
  EXPECT_TRUE(HashRing(std::vector<std::string>{}, std::vector<std::uint32_t>{}).empty());
}

TEST(BoundedShare, IsTheShareOfTheWeightAndSomeMore) {
  EXPECT_EQ(bounded_share(0, 1, 4, 125), 1u);    // one request fits anywhere
  EXPECT_EQ(bounded_share(99, 1, 4, 125), 32u);  // ceil(1.25 * 100 / 4)
  EXPECT_EQ(bounded_share(99, 2, 4, 100), 50u);
  EXPECT_EQ(bounded_share(10, 1, 0, 125), 0u);
}

}  // namespace
}  // namespace genkan::cluster
