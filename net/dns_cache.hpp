// A cache of answers by key, each until a time, bounded in entries and bytes: the one used longest ago goes first.
// Pure; one loop's.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"

namespace genkan::net::dns {

template <class Value>
class Cache {
 public:
  Cache(std::size_t max_entries, std::size_t max_bytes) : max_entries_(max_entries), max_bytes_(max_bytes) {}

  // The value, or null when it is not there or its time is over. Valid until the next put().
  const Value* find(std::string_view key, Time now) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    if (found->second->expires <= now) {
      drop(found->second);
      return nullptr;
    }
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->value;
  }

  // `bytes`: what the value weighs, beside the key and a fixed share for the entry.
  void put(std::string key, Value value, std::size_t bytes, Time expires) {
    if (const auto found = index_.find(key); found != index_.end()) drop(found->second);
    bytes += key.size() + kEntryBytes;
    if (bytes > max_bytes_) return;
    order_.push_front(Entry{std::move(key), std::move(value), bytes, expires});
    index_.emplace(order_.front().key, order_.begin());
    bytes_ += bytes;
    while (order_.size() > max_entries_ || bytes_ > max_bytes_) drop(std::prev(order_.end()));
  }

  std::size_t size() const noexcept { return order_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kEntryBytes = 128;
  struct Entry {
    std::string key;
    Value value;
    std::size_t bytes;
    Time expires;
  };
  using Place = typename std::list<Entry>::iterator;
  void drop(Place place) {
    bytes_ -= place->bytes;
    index_.erase(place->key);
    order_.erase(place);
  }

  const std::size_t max_entries_, max_bytes_;
  std::size_t bytes_ = 0;
  std::list<Entry> order_;                             // the one used last is in front
  std::unordered_map<std::string_view, Place> index_;  // the keys are those of order_
};

}  // namespace genkan::net::dns
