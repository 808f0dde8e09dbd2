#include "cluster/spread.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace genkan::cluster {

namespace {

constexpr std::size_t kMaxPoints = 64 * 1024;  // of all names together, but at least four each

std::uint64_t mixed(std::uint64_t x) noexcept {  // splitmix64's finalizer
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace

std::vector<std::uint32_t> turns_of(std::span<const std::uint32_t> weights, std::size_t limit) {
  std::uint64_t divisor = 0, total = 0;
  for (const auto w : weights) {
    divisor = std::gcd(divisor, std::uint64_t{w});
    total += w;
  }
  if (total == 0) return {};
  std::vector<std::int64_t> share;
  for (const auto w : weights) share.push_back(static_cast<std::int64_t>(w / divisor));
  if (total / divisor > limit) {
    for (std::size_t i = 0; i < share.size(); ++i) {
      if (weights[i] == 0) continue;
      share[i] = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::uint64_t{weights[i]} * limit / total));
    }
  }
  const auto places = std::accumulate(share.begin(), share.end(), std::int64_t{0});
  std::vector<std::uint32_t> out;
  out.reserve(static_cast<std::size_t>(places));
  if (std::all_of(share.begin(), share.end(), [](std::int64_t s) { return s <= 1; })) {
    for (std::uint32_t i = 0; i < share.size(); ++i) {
      if (share[i] > 0) out.push_back(i);
    }
    return out;
  }
  // Turn k of s is due when that share of the round is over, each index at a phase of its own (multiples of the golden
  // ratio lie far from each other). Sorted, that spreads evenly.
  struct Turn {
    double due;
    std::uint32_t index;
  };
  std::vector<Turn> turns;
  turns.reserve(static_cast<std::size_t>(places));
  for (std::uint32_t i = 0; i < share.size(); ++i) {
    const double golden = (i + 1) * 0.61803398874989485;
    const double phase = golden - std::floor(golden);
    for (std::int64_t k = 0; k < share[i]; ++k) {
      turns.push_back({(static_cast<double>(k) + phase) / static_cast<double>(share[i]), i});
    }
  }
  std::stable_sort(turns.begin(), turns.end(), [](const Turn& a, const Turn& b) { return a.due < b.due; });
  for (const auto& t : turns) out.push_back(t.index);
  return out;
}

std::uint64_t stable_hash(std::string_view text, std::uint64_t seed) noexcept {
  std::uint64_t h = 0xcbf29ce484222325ull ^ mixed(seed);  // FNV-1a, then mixed: its high bits alone are poor
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3ull;
  }
  return mixed(h);
}

HashRing::HashRing(std::span<const std::string> names, std::span<const std::uint32_t> weights) {
  const auto total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (total == 0) return;
  const auto serving =
      static_cast<std::uint64_t>(std::count_if(weights.begin(), weights.end(), [](auto w) { return w > 0; }));
  const auto each = std::clamp<std::uint64_t>(kMaxPoints / serving, 4, kPoints);
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    if (weights[i] == 0) continue;
    const auto count = std::max<std::uint64_t>(1, (each * serving * weights[i] + total / 2) / total);
    for (std::uint64_t k = 0; k < count; ++k) points_.push_back({stable_hash(names[i], k + 1), i});
  }
  std::sort(points_.begin(), points_.end(),
            [](const Point& a, const Point& b) { return a.at < b.at || (a.at == b.at && a.index < b.index); });
}

std::size_t HashRing::place(std::uint64_t key) const noexcept {
  const auto found =
      std::lower_bound(points_.begin(), points_.end(), key, [](const Point& p, std::uint64_t k) { return p.at < k; });
  return found == points_.end() ? 0 : static_cast<std::size_t>(found - points_.begin());
}

std::uint64_t bounded_share(std::uint64_t inflight, std::uint32_t weight, std::uint64_t total_weight,
                            std::uint32_t balance_percent) noexcept {
  if (total_weight == 0) return 0;
  const auto scaled = (inflight + 1) * weight * balance_percent;
  const auto unit = total_weight * 100;
  return (scaled + unit - 1) / unit;
}

}  // namespace genkan::cluster
