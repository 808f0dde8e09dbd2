#include <algorithm>
#include <bit>
#include <cmath>

#include "base/metrics.hpp"

namespace genkan::base {

struct Histogram::Slot {
  std::array<std::atomic<std::uint64_t>, kBuckets> counts{};
  std::atomic<std::uint64_t> nanoseconds{0};
};

Histogram::Histogram() = default;

Histogram::~Histogram() {
  for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
}

// Below 16 us one bucket a microsecond; above, the 4 bits after the leading one choose the bucket.
std::size_t Histogram::bucket_of(std::uint64_t us) noexcept {
  if (us < kSub) return static_cast<std::size_t>(us);
  auto exponent = static_cast<std::size_t>(std::bit_width(us)) - 1;
  auto sub = static_cast<std::size_t>(us >> (exponent - 4)) & (kSub - 1);
  return std::min((exponent - 3) * kSub + sub, kBuckets - 1);
}

std::uint64_t Histogram::upper_bound(std::size_t bucket) noexcept {
  if (bucket < kSub) return bucket;
  auto shift = bucket / kSub - 1;
  return ((static_cast<std::uint64_t>(kSub + bucket % kSub + 1)) << shift) - 1;
}

Histogram::Slot& Histogram::mine() noexcept {
  auto& place = slots_[static_cast<std::size_t>(this_slot)];
  auto* slot = place.load(std::memory_order_acquire);
  if (slot != nullptr) return *slot;
  auto fresh = std::make_unique<Slot>();
  // Slot 0 belongs to many threads: the first one to get here wins.
  if (place.compare_exchange_strong(slot, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *slot;
}

void Histogram::record(Duration d) noexcept {
  auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::nanoseconds(d).count()));
  auto& slot = mine();
  auto& count = slot.counts[bucket_of(ns / 1000)];
  if (this_slot == 0) {
    count.fetch_add(1, std::memory_order_relaxed);
    slot.nanoseconds.fetch_add(ns, std::memory_order_relaxed);
  } else {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    slot.nanoseconds.store(slot.nanoseconds.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
  }
}

void Histogram::prefetch(Duration d) const noexcept {
  const auto* slot = slots_[static_cast<std::size_t>(this_slot)].load(std::memory_order_relaxed);
  if (!slot) return;
  const auto us = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  base::prefetch(&slot->counts[bucket_of(static_cast<std::uint64_t>(us))]);
  base::prefetch(&slot->nanoseconds);
}

Histogram::Snapshot Histogram::snapshot() const noexcept {
  Snapshot out;
  for (const auto& place : slots_) {
    const auto* slot = place.load(std::memory_order_acquire);
    if (slot == nullptr) continue;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      auto n = slot->counts[i].load(std::memory_order_relaxed);
      out.counts[i] += n;
      out.count += n;
    }
    out.sum_seconds += static_cast<double>(slot->nanoseconds.load(std::memory_order_relaxed)) / 1e9;
  }
  return out;
}

double Histogram::Snapshot::quantile(double q) const noexcept {
  if (count == 0) return 0;
  auto rank = std::max(1.0, std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count)));
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (static_cast<double>(before + counts[i]) < rank) {
      before += counts[i];
      continue;
    }
    // Within the bucket the samples are taken as spread evenly.
    auto low = i == 0 ? 0.0 : static_cast<double>(Histogram::upper_bound(i - 1) + 1);
    auto width = static_cast<double>(Histogram::upper_bound(i) + 1) - low;
    auto part = (rank - static_cast<double>(before) - 0.5) / static_cast<double>(counts[i]);
    return (low + width * part) / 1e6;
  }
  return static_cast<double>(Histogram::upper_bound(kBuckets - 1)) / 1e6;
}

}  // namespace genkan::base
