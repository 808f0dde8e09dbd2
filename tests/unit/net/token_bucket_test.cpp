#include "net/token_bucket.hpp"

#include <gtest/gtest.h>

#include "net/rate_table.hpp"

namespace genkan::net {
namespace {

const Time kStart{std::chrono::hours(1)};
base::IpAddress ip(const char* text) { return *base::IpAddress::parse(text); }

TEST(TokenBucketTest, LetsABurstThroughAndThenTheRate) {
  const Rate rate{10, 5};
  TokenBucket bucket(rate, kStart);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.take(rate, kStart));
  EXPECT_EQ(bucket.wait(rate, kStart), 100ms);
  EXPECT_FALSE(bucket.take(rate, kStart + 99ms));
  EXPECT_TRUE(bucket.take(rate, kStart + 101ms));
  EXPECT_FALSE(bucket.take(rate, kStart + 101ms));
}

TEST(TokenBucketTest, NeverHoldsMoreThanTheBurst) {
  const Rate rate{10, 5};
  TokenBucket bucket(rate, kStart);
  EXPECT_TRUE(bucket.full(rate, kStart));
  EXPECT_TRUE(bucket.take(rate, kStart + 24h, 5));
  EXPECT_FALSE(bucket.take(rate, kStart + 24h));
  EXPECT_FALSE(bucket.full(rate, kStart + 24h + 400ms));
  EXPECT_TRUE(bucket.full(rate, kStart + 24h + 501ms));
}

TEST(TokenBucketTest, PassesTheRateInTheLongRun) {
  const Rate rate{3.5, 2};
  TokenBucket bucket(rate, kStart);
  int passed = 0;
  for (auto now = kStart; now < kStart + 100s; now += 7ms) passed += bucket.take(rate, now);
  EXPECT_NEAR(passed, 350 + 2, 2);
}

TEST(TokenBucketTest, WaitsForeverForMoreThanItCanHold) {
  const Rate rate{10, 5};
  const TokenBucket bucket(rate, kStart);
  EXPECT_EQ(bucket.wait(rate, kStart, 6), Duration::max());
  const Rate none{0, 1};
  TokenBucket once(none, kStart);
  EXPECT_EQ(once.wait(none, kStart), Duration::zero());
  EXPECT_TRUE(once.take(none, kStart));
  EXPECT_FALSE(once.take(none, kStart + 1000h));
  EXPECT_EQ(once.wait(none, kStart), Duration::max());
}

TEST(TokenBucketTest, ATimeInThePastGivesNothing) {
  const Rate rate{10, 1};
  TokenBucket bucket(rate, kStart);
  EXPECT_TRUE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.take(rate, kStart - 1h));
  EXPECT_FALSE(bucket.take(rate, kStart));
  EXPECT_TRUE(bucket.take(rate, kStart + 101ms));
}

TEST(TokenBucketTest, ALoweredRateHoldsAtOnce) {
  TokenBucket bucket({10, 100}, kStart);
  const Rate low{10, 2};
  EXPECT_TRUE(bucket.take(low, kStart, 2));
  EXPECT_FALSE(bucket.take(low, kStart));
}

TEST(RateTableTest, NeighboursInANetworkShareOneBucket) {
  RateTable table({1, 2}, 100);
  EXPECT_TRUE(table.take(ip("192.0.2.1"), kStart));
  EXPECT_TRUE(table.take(ip("192.0.2.254"), kStart));
  EXPECT_FALSE(table.take(ip("192.0.2.77"), kStart));
  EXPECT_TRUE(table.take(ip("192.0.3.1"), kStart));
  EXPECT_TRUE(table.take(ip("2001:db8:0:1::1"), kStart, 2));
  EXPECT_FALSE(table.take(ip("2001:db8:0:1:ffff::9"), kStart));
  EXPECT_TRUE(table.take(ip("2001:db8:0:2::1"), kStart));
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.wait(ip("192.0.2.1"), kStart), 1s);
  EXPECT_EQ(table.wait(ip("198.51.100.1"), kStart), Duration::zero());
  EXPECT_EQ(table.size(), 4u);
}

TEST(RateTableTest, ForgetsTheNetworkSeenLongestAgo) {
  RateTable table({0, 1}, 3);
  EXPECT_TRUE(table.take(ip("10.0.1.1"), kStart));
  EXPECT_TRUE(table.take(ip("10.0.2.1"), kStart));
  EXPECT_TRUE(table.take(ip("10.0.3.1"), kStart));
  EXPECT_FALSE(table.take(ip("10.0.1.1"), kStart));  // seen again: 10.0.2 is the oldest now
  EXPECT_TRUE(table.take(ip("10.0.4.1"), kStart));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.take(ip("10.0.1.1"), kStart));
  EXPECT_TRUE(table.take(ip("10.0.2.1"), kStart));
}

TEST(RateTableTest, StaysBoundedUnderAFloodOfNetworks) {
  RateTable table({1, 1}, 1000);
  for (std::uint32_t i = 0; i < 100'000; ++i) EXPECT_TRUE(table.take(base::IpAddress::v4(i << 8), kStart));
  EXPECT_EQ(table.size(), 1000u);
}

}  // namespace
}  // namespace genkan::net
