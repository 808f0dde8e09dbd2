#include "base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>

#include "base/text.hpp"

namespace genkan::base {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;

TEST(Counter, SumsWhatEveryThreadAdded) {
  Metrics metrics;
  auto& counter = metrics.counter("genkan_test_total", "Test.");
  std::vector<std::thread> threads;
  for (int slot = 0; slot < 4; ++slot) {
    threads.emplace_back([&counter, slot] {
      this_slot = slot / 2 == 0 ? 0 : slot;  // two strangers share slot 0, two workers have their own
      for (int i = 0; i < 10'000; ++i) counter.add();
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(counter.sum(), 40'000);
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameCounter) {
  Metrics metrics;
  auto& a = metrics.counter("genkan_x_total", "X.", {{"pool", "a"}});
  EXPECT_EQ(&a, &metrics.counter("genkan_x_total", "X.", {{"pool", "a"}}));
  EXPECT_NE(&a, &metrics.counter("genkan_x_total", "X.", {{"pool", "b"}}));
  EXPECT_EQ(&metrics.histogram("genkan_h_seconds", "H."), &metrics.histogram("genkan_h_seconds", "H."));
}

TEST(Metrics, AreWrittenInThePrometheusTextFormat) {
  Metrics metrics;
  metrics.counter("genkan_requests_total", "Requests\nserved.", {{"pool", "we\"b\\\n\xff"}}).add(3);
  metrics.gauge("genkan_open", "Open.").add(-2);
  EXPECT_EQ(metrics.prometheus(),
            "# HELP genkan_open Open.\n# TYPE genkan_open gauge\ngenkan_open -2\n"
            "# HELP genkan_requests_total Requests\\nserved.\n# TYPE genkan_requests_total counter\n"
            "genkan_requests_total{pool=\"we\\\"b\\\\\\n\xef\xbf\xbd\"} 3\n");
}

TEST(Metrics, WhatIsGoneIsForgottenAndNothingElse) {
  Metrics m;
  m.counter("genkan_a_total", "a", {{"pool", "p"}, {"backend", "one"}, {"outcome", "ok"}}).add(5);
  m.counter("genkan_a_total", "a", {{"pool", "p"}, {"backend", "two"}, {"outcome", "ok"}}).add(7);
  m.counter("genkan_a_total", "a", {{"pool", "q"}, {"backend", "one"}, {"outcome", "ok"}}).add(9);
  m.histogram("genkan_b_seconds", "b", {{"pool", "p"}, {"backend", "one"}});
  m.forget({{"pool", "p"}, {"backend", "one"}});
  const std::string text = m.prometheus();
  EXPECT_EQ(text.find("pool=\"p\",backend=\"one\""), std::string::npos) << text;
  EXPECT_NE(text.find("pool=\"p\",backend=\"two\""), std::string::npos);
  EXPECT_NE(text.find("pool=\"q\",backend=\"one\""), std::string::npos);
  EXPECT_EQ(m.counter("genkan_a_total", "a", {{"pool", "p"}, {"backend", "one"}, {"outcome", "ok"}}).sum(), 0);
}

TEST(Metrics, AHistogramIsExportedWithMonotonicBuckets) {
  Metrics metrics;
  auto& h = metrics.histogram("genkan_t_seconds", "T.", {{"route", "r"}});
  for (int i = 1; i <= 1000; ++i) h.record(microseconds(i * 1000));  // 1 ms .. 1 s
  h.record(std::chrono::minutes(2));
  auto text = metrics.prometheus();
  EXPECT_THAT(text, HasSubstr("# TYPE genkan_t_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("genkan_t_seconds_bucket{route=\"r\",le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("genkan_t_seconds_bucket{route=\"r\",le=\"+Inf\"} 1001\n"));
  EXPECT_THAT(text, HasSubstr("genkan_t_seconds_count{route=\"r\"} 1001\n"));
  EXPECT_THAT(text, HasSubstr("genkan_t_seconds_sum{route=\"r\"} 620.5\n"));
  std::uint64_t last = 0;
  int bounds = 0;
  for (auto line : split(text, '\n')) {
    if (!line.starts_with("genkan_t_seconds_bucket")) continue;
    auto n = parse_uint(line.substr(line.rfind(' ') + 1)).value();
    EXPECT_GE(n, last) << line;
    last = n;
    ++bounds;
    if (line.find("le=\"0.1\"") != std::string_view::npos) {
      EXPECT_NEAR(static_cast<double>(n), 100, 7);
    }
    if (line.find("le=\"30\"") != std::string_view::npos) {
      EXPECT_EQ(n, 1000u);
    }
  }
  EXPECT_EQ(bounds, 18);
}

TEST(MetricsDeathTest, AnImpossibleNameIsABugThatEndsTheProgram) {
  Metrics metrics;
  EXPECT_DEATH(metrics.counter("genkan bad", ""), "not a metric name");
  EXPECT_DEATH(metrics.counter("genkan_x", "", {{"9", ""}}), "not a label name");
  metrics.counter("genkan_y", "");
  EXPECT_DEATH(metrics.gauge("genkan_y", ""), "two types");
}

TEST(Histogram, EveryValueLiesInItsBucket) {
  std::uint64_t previous_end = 0;
  for (std::size_t b = 0; b < Histogram::kBuckets; ++b) {
    auto end = Histogram::upper_bound(b);
    EXPECT_EQ(Histogram::bucket_of(end), b);
    EXPECT_EQ(Histogram::bucket_of(previous_end), b);
    if (previous_end >= 16) {
      EXPECT_LE(static_cast<double>(end - previous_end), 0.0625 * static_cast<double>(previous_end));
    }
    previous_end = end + 1;
  }
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(Histogram, QuantilesAreWithinSixPercentOfTheSortedSample) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> spread(std::log(3000.0), 1.5);  // median 3 ms, long tail
  Histogram h;
  std::vector<double> sample;
  for (int i = 0; i < 20'000; ++i) {
    auto us = std::clamp<std::int64_t>(static_cast<std::int64_t>(spread(random)), 20, 3'000'000'000);
    sample.push_back(static_cast<double>(us) / 1e6);
    h.record(microseconds(us));
  }
  std::sort(sample.begin(), sample.end());
  auto s = h.snapshot();
  ASSERT_EQ(s.count, sample.size());
  for (double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * static_cast<double>(sample.size()))));
    auto exact = sample[rank - 1];
    EXPECT_NEAR(s.quantile(q), exact, 0.0625 * exact) << q;
  }
}

TEST(Histogram, IsEmptyAtFirstAndTakesOddDurations) {
  Histogram h;
  EXPECT_EQ(h.snapshot().quantile(0.99), 0);
  h.record(std::chrono::seconds(-1));
  h.record(std::chrono::hours(1000));
  auto s = h.snapshot();
  EXPECT_EQ(s.count, 2u);
  EXPECT_EQ(s.counts.front(), 1u);
  EXPECT_EQ(s.counts.back(), 1u);
}

TEST(Histogram, ThreadsOfOneSlotMayMakeItTogether) {
  for (int round = 0; round < 20; ++round) {
    Histogram h;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&h] {
        for (int i = 0; i < 100; ++i) h.record(microseconds(5));
      });
    }
    for (auto& t : threads) t.join();
    EXPECT_EQ(h.snapshot().count, 400u);
  }
}

}  // namespace
}  // namespace genkan::base
