// The buckets and the count of requests in work for each key of one [[limit]]. Shared by all workers: 16 parts, each
// behind a mutex that is held for one look-up. Bounded: the key used longest ago is forgotten first, those with
// requests in work last. Keys are kept as keyed 64-bit hashes, so that nobody can choose whom to share a bucket with.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "net/token_bucket.hpp"

namespace genkan::proxy {

struct LimitSettings {
  net::Rate rate;                // per_second 0: no limit of the rate
  std::uint32_t concurrent = 0;  // 0: no limit
  std::size_t max_keys = 65'536;
};

class LimitTable {
 public:
  explicit LimitTable(LimitSettings settings);

  void set(LimitSettings settings);  // keeps the buckets
  std::uint64_t key_of(std::string_view text) const noexcept;

  struct Verdict {
    bool passed = true;
    Duration retry_after{};
  };
  // Takes a token, and a place among the requests in work when those are limited: then leave() must follow.
  Verdict enter(std::uint64_t key, Time now);
  void leave(std::uint64_t key) noexcept;
  std::size_t size() const;

 private:
  struct Entry {
    std::uint64_t key;
    net::TokenBucket bucket;
    std::uint32_t in_work = 0;
  };
  struct Part {
    mutable std::mutex mutex;  // guards the rest
    LimitSettings settings;    // max_keys of this part
    std::list<Entry> order;    // the one used last is in front
    std::unordered_map<std::uint64_t, std::list<Entry>::iterator> index;
  };
  static constexpr std::size_t kParts = 16;
  Part& part_of(std::uint64_t key) noexcept { return parts_[key % kParts]; }
  static Entry& find_or_make(Part& part, std::uint64_t key, Time now);

  std::array<std::uint64_t, 2> secret_;
  std::array<Part, kParts> parts_;
};

}  // namespace genkan::proxy
