// How a pool's weights and a request's key become places in a table, made once for a configuration: a choice then costs
// the same with one backend and with a thousand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace genkan::cluster {

// One round of smooth weighted round robin (as nginx): each index as often as its weight says, evenly spread. Weights
// are reduced so that the round has at most `limit` places (each backend with a weight keeps at least one). Weight 0:
// none.
std::vector<std::uint32_t> turns_of(std::span<const std::uint32_t> weights, std::size_t limit = 16 * 1024);

// A good 64-bit hash of text, the same on every node and in every version: who is sent where must not change.
std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) noexcept;

// Consistent hashing (Karger et al. 1997): many points for each name on a ring, in proportion to its weight; a key
// belongs to the next point. When a name goes, only its keys move.
class HashRing {
 public:
  static constexpr std::size_t kPoints = 160;  // of an average weight; fewer when there are very many names

  HashRing() = default;
  HashRing(std::span<const std::string> names, std::span<const std::uint32_t> weights);

  bool empty() const noexcept { return points_.empty(); }
  std::size_t size() const noexcept { return points_.size(); }
  std::size_t place(std::uint64_t key) const noexcept;  // where its search begins
  std::uint32_t index(std::size_t place) const noexcept { return points_[place % points_.size()].index; }

 private:
  struct Point {
    std::uint64_t at;
    std::uint32_t index;
  };
  std::vector<Point> points_;  // by `at`
};

// What one backend of `weight` may hold while the pool holds `inflight` requests and this one comes: consistent hashing
// with bounded loads (Mirrokni, Thorup, Zadimoghaddam: SODA 2018), balance in percent, above 100.
std::uint64_t bounded_share(std::uint64_t inflight, std::uint32_t weight, std::uint64_t total_weight,
                            std::uint32_t balance_percent) noexcept;

}  // namespace genkan::cluster
