// Buckets by key, and requests in work.
#include "proxy/limits.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "proxy/limit_table.hpp"

namespace genkan::proxy {
namespace {

TEST(LimitTable, a_key_has_its_burst_and_then_its_rate) {
  LimitTable table({{2, 3}, 0, 1000});
  const auto a = table.key_of("a"), b = table.key_of("b");
  const Time t0{};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.enter(a, t0).passed);
  const auto refused = table.enter(a, t0);
  EXPECT_FALSE(refused.passed);
  EXPECT_EQ(refused.retry_after, 500ms);
  EXPECT_TRUE(table.enter(b, t0).passed) << "another key has a bucket of its own";
  EXPECT_TRUE(table.enter(a, t0 + 500ms).passed);
  EXPECT_FALSE(table.enter(a, t0 + 500ms).passed);
}

TEST(LimitTable, places_in_work_come_back) {
  LimitTable table({{0, 1}, 2, 1000});
  const auto a = table.key_of("a");
  EXPECT_TRUE(table.enter(a, Time{}).passed);
  EXPECT_TRUE(table.enter(a, Time{}).passed);
  EXPECT_FALSE(table.enter(a, Time{}).passed);
  table.leave(a);
  EXPECT_TRUE(table.enter(a, Time{}).passed);
  table.leave(table.key_of("never came"));
}

TEST(LimitTable, memory_is_bounded_and_the_oldest_is_forgotten) {
  LimitTable table({{0.001, 1}, 0, 160});
  for (int i = 0; i < 10'000; ++i) table.enter(table.key_of(std::to_string(i)), Time{});
  EXPECT_LE(table.size(), 160u);
  EXPECT_GE(table.size(), 100u);
  EXPECT_FALSE(table.enter(table.key_of("9999"), Time{}).passed) << "the newest is remembered";
  EXPECT_TRUE(table.enter(table.key_of("0"), Time{}).passed) << "the oldest is not";
}

TEST(LimitTable, who_is_in_work_is_forgotten_last) {
  LimitTable table({{0, 1}, 1, 64});  // four keys in each part
  const auto held = table.key_of("held");
  EXPECT_TRUE(table.enter(held, Time{}).passed);
  for (int i = 0; i < 1000; ++i) {
    const auto key = table.key_of(std::to_string(i));
    if (table.enter(key, Time{}).passed) table.leave(key);
  }
  EXPECT_FALSE(table.enter(held, Time{}).passed);
}

TEST(LimitTable, new_settings_keep_the_buckets) {
  LimitTable table({{0.001, 1}, 0, 1000});
  const auto a = table.key_of("a");
  EXPECT_TRUE(table.enter(a, Time{}).passed);
  table.set({{0.001, 5}, 0, 1000});
  EXPECT_FALSE(table.enter(a, Time{}).passed);
}

TEST(LimitTable, threads_may_use_it_together) {
  LimitTable table({{0, 1}, 1000, 1000});
  const auto key = table.key_of("k");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        if (table.enter(key, Time{}).passed) table.leave(key);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(table.enter(key, Time{}).passed) << "every place came back";
  EXPECT_FALSE(table.enter(key, Time{}).passed);
}

TEST(Limits, a_rate_without_a_burst_allows_a_second_of_it_at_once) {
  conf::Limit limit;
  limit.rate = "10/s";
  EXPECT_DOUBLE_EQ(limit_settings(limit).rate.burst, 10);
  limit.rate = "6/m";
  EXPECT_DOUBLE_EQ(limit_settings(limit).rate.burst, 1);
  limit.burst = 30;
  EXPECT_DOUBLE_EQ(limit_settings(limit).rate.burst, 30);
}

}  // namespace
}  // namespace genkan::proxy
