// When a staple is renewed, by the clock that it is given.
#include "net/tls_ocsp.hpp"

#include <gtest/gtest.h>

namespace genkan::net {
namespace {

const WallTime kMade = WallClock::from_time_t(1'800'000'000);

Duration wait_at(Duration life, Duration age, std::uint32_t draw = 99) {
  const auto wall = [](Duration d) { return std::chrono::duration_cast<WallClock::duration>(d); };
  return ocsp_renewal(kMade, kMade + wall(life), kMade + wall(age), draw);
}

TEST(OcspRenewal, is_half_way_through_the_life_of_an_answer) {
  EXPECT_NEAR(std::chrono::duration<double>(wait_at(10h, 0h)).count(), 5 * 3600, 5 * 3600 * 0.002);
  EXPECT_NEAR(std::chrono::duration<double>(wait_at(10h, 4h)).count(), 3600, 3600 * 0.002) << "as it is told late";
  EXPECT_EQ(wait_at(10h, 5h), wait_at(10h, 9h)) << "past the middle: as soon as may be";
  EXPECT_LE(wait_at(10h, 9h), Duration(1min));
  EXPECT_GE(wait_at(10h, 9h), Duration(54s)) << "never in a circle";
}

TEST(OcspRenewal, is_once_a_day_for_answers_that_live_for_weeks) {
  EXPECT_LE(wait_at(24h * 14, 0h), Duration(24h));
  EXPECT_GE(wait_at(24h * 14, 0h), Duration(21h));
}

TEST(OcspRenewal, nodes_do_not_come_all_at_once) {
  EXPECT_EQ(wait_at(10h, 0h, 0), Duration(5h) * 9 / 10);
  for (std::uint32_t draw = 0; draw < 300; ++draw) {
    EXPECT_GE(wait_at(10h, 0h, draw), Duration(5h) * 9 / 10);
    EXPECT_LT(wait_at(10h, 0h, draw), Duration(5h)) << "before the middle, not behind it";
  }
}

TEST(OcspRenewal, an_answer_without_an_end_or_from_the_future_is_asked_for_again) {
  EXPECT_LE(ocsp_renewal(kMade, {}, kMade, 0), Duration(1min));
  EXPECT_LE(wait_at(10h, -100h), Duration(24h));
}

TEST(OcspRenewal, failures_are_repeated_later_and_later) {
  EXPECT_EQ(ocsp_back_off(1), Duration(10s));
  EXPECT_EQ(ocsp_back_off(2), Duration(20s));
  EXPECT_EQ(ocsp_back_off(4), Duration(80s));
  EXPECT_EQ(ocsp_back_off(20), Duration(1h));
  EXPECT_EQ(ocsp_back_off(0), Duration(10s));
}

}  // namespace
}  // namespace genkan::net
