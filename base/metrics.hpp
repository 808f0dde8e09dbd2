// Counters, gauges and latency histograms. Each has one cell per slot (base/slot.hpp): a worker adds to its own cell
// with a plain relaxed store, a reader sums. Registered once, at start or reload, and never removed while in use: what
// comes and goes (backends by DNS) is forgotten by who made it, after the last use. Names
// follow Prometheus: genkan_ prefix, base units (seconds, bytes), _total for counters.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/prefetch.hpp"
#include "base/slot.hpp"

namespace genkan::base {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct alignas(64) Cell {
  std::atomic<std::int64_t> value{0};
};

// A monotonic counter, or a gauge when add() is called with negative numbers too.
class Counter {
 public:
  void add(std::int64_t n = 1) noexcept {
    auto& cell = cells_[static_cast<std::size_t>(this_slot)].value;
    if (this_slot == 0) {
      cell.fetch_add(n, std::memory_order_relaxed);
    } else {
      cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
  }
  // Something will be added soon: the cell of this thread is fetched meanwhile.
  void prefetch() const noexcept { base::prefetch(&cells_[static_cast<std::size_t>(this_slot)]); }
  std::int64_t at(int slot) const noexcept {
    return cells_[static_cast<std::size_t>(slot)].value.load(std::memory_order_relaxed);
  }
  std::int64_t sum() const noexcept {
    std::int64_t total = 0;
    for (const auto& cell : cells_) total += cell.value.load(std::memory_order_relaxed);
    return total;
  }

 private:
  std::array<Cell, kMaxSlots> cells_;
};

// Log-linear buckets (HDR style): 16 per power of two over microseconds, so a quantile is within 6.25 %.
// 1 us .. 2^33 us (2.4 h); longer durations count in the last bucket.
class Histogram {
 public:
  static constexpr std::size_t kSub = 16;
  static constexpr std::size_t kBuckets = kSub * 30;

  Histogram();
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  void record(Duration d) noexcept;
  // Something will be recorded: where it will be found; and then, nearer to it, what will be written for about `d`.
  void prefetch() const noexcept { base::prefetch(&slots_[static_cast<std::size_t>(this_slot)]); }
  void prefetch(Duration d) const noexcept;

  struct Snapshot {
    std::array<std::uint64_t, kBuckets> counts{};
    std::uint64_t count = 0;
    double sum_seconds = 0;
    double quantile(double q) const noexcept;  // seconds; 0 when empty; q in [0, 1]
  };
  Snapshot snapshot() const noexcept;

  static std::size_t bucket_of(std::uint64_t microseconds) noexcept;
  static std::uint64_t upper_bound(std::size_t bucket) noexcept;  // microseconds, inclusive

 private:
  struct Slot;  // 4 KiB, so it is made when its thread first records
  Slot& mine() noexcept;
  std::array<std::atomic<Slot*>, kMaxSlots> slots_{};
};

// Owns every metric. Thread-safe; registering the same name and labels twice returns the same object.
// References stay valid as long as the registry lives.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Counter& gauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {});

  // Drops every series that has all of these labels. Nobody may hold one of them any more.
  void forget(const Labels& labels);

  std::string prometheus() const;  // text exposition format 0.0.4

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace genkan::base
