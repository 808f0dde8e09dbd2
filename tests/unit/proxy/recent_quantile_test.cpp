#include "proxy/recent_quantile.hpp"

#include <gtest/gtest.h>

namespace genkan::proxy {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(RecentQuantile, says_nothing_before_it_knows_enough) {
  RecentQuantile q;
  for (std::uint32_t i = 1; i < RecentQuantile::kEnough; ++i) q.add(milliseconds(1));
  EXPECT_FALSE(q.at(95));
  q.add(milliseconds(1));
  EXPECT_TRUE(q.at(95));
}

TEST(RecentQuantile, is_at_most_an_eighth_above_the_truth) {
  RecentQuantile q;
  for (int i = 1; i <= 1000; ++i) q.add(microseconds(i * 10));
  for (const std::uint32_t percent : {50u, 90u, 95u, 99u}) {
    const auto truth = microseconds(percent * 100);
    EXPECT_GE(*q.at(percent), truth) << percent;
    EXPECT_LE(*q.at(percent), truth * 9 / 8 + microseconds(1)) << percent;
  }
}

TEST(RecentQuantile, forgets_the_old) {
  RecentQuantile q;
  for (int i = 0; i < 10'000; ++i) q.add(milliseconds(500));
  for (std::uint32_t i = 0; i < 8 * RecentQuantile::kFull; ++i) q.add(milliseconds(1));
  EXPECT_LT(*q.at(95), milliseconds(2));
}

TEST(RecentQuantile, takes_every_duration) {
  RecentQuantile q;
  for (int i = 0; i < 100; ++i) {
    q.add(Duration::zero());
    q.add(-std::chrono::seconds(1));
    q.add(std::chrono::hours(1000));
  }
  EXPECT_LE(*q.at(50), microseconds(2));
  EXPECT_GT(*q.at(99), std::chrono::hours(10));
}

}  // namespace
}  // namespace genkan::proxy
