// The memory store: stored responses by URL key and variant, shared by all workers, below a limit of bytes.
//
// Reading is what happens most: it locks one of 64 shards for a look-up and a copied pointer, and marks the entry as
// used with a relaxed store. Nothing moves on a hit.
//
// Eviction is S3-FIFO (Yang et al., SOSP 2023) and not LRU, because LRU writes a list on every hit and lets one crawler
// wash the cache out. New entries go into a small queue (a tenth of the bytes). One that is used again there moves to
// the main queue; one that is not leaves, and only its hash is remembered (ghost), so that it goes straight to the main
// queue when it comes back soon. The main queue gives each use another round, three at most.
//
//   insert ──► small ──used twice──► main ◄─┐ used: once more round
//                │                    │ └───┘
//                └─not──► ghost       └─not──► gone
//
// Locks: queues_mutex_ guards the queues and every change of a shard's map, and is taken before a shard's mutex; a
// shard's mutex guards its map and is all that a look-up takes. Contents are freed outside of both.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cache/object.hpp"

namespace genkan::cache {

class Store {
 public:
  struct Limits {
    std::uint64_t bytes = 64u << 20;
    std::size_t variants = 32;  // of one URL; one more replaces the oldest
  };
  explicit Store(Limits limits);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  struct Found {
    ObjectPtr object;             // null: none that fits
    bool other_variants = false;  // something is stored for this URL and scope, but Vary selects none of it
  };
  // The stored response that fits the request (RFC 9111 4): the same scope, and the request's fields select it. Of
  // several the latest. Thread-safe, as all of these.
  Found find(const std::string& key, std::string_view scope, const http::Fields& request);

  // Takes the place of the response that the same request would select. False: larger than the whole store.
  bool insert(const std::string& key, ObjectPtr object);
  // Takes the place of `old` if that is still there (a freshened response must not bring a purged one back).
  bool replace(const std::string& key, const ObjectPtr& old, ObjectPtr object);
  std::size_t purge(const std::string& key);  // all variants of all scopes; how many
  std::size_t clear();
  void set_limit(std::uint64_t bytes);  // evicts at once what is over

  struct Numbers {
    std::uint64_t bytes = 0, limit = 0, objects = 0, inserted = 0, evicted = 0, purged = 0;
  };
  Numbers numbers() const;

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::uint8_t kMaxUses = 3;

  struct Node;
  using Queue = std::list<Node*>;
  struct Node {
    ObjectPtr object;
    std::string key;
    std::size_t weight = 0;
    std::atomic<std::uint8_t> uses{0};
    bool in_main = false;
    Queue::iterator place;
  };
  using Variants = std::vector<std::unique_ptr<Node>>;
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Variants> map;
  };
  using Graveyard = std::vector<ObjectPtr>;

  Shard& shard_of(const std::string& key) { return shards_[std::hash<std::string>{}(key) % kShards]; }
  // All below: with queues_mutex_ held.
  void add(Shard& shard, const std::string& key, ObjectPtr object, Graveyard& dead);
  void swap_object(Shard& shard, Node& node, ObjectPtr object, Graveyard& dead);
  void enqueue(Node& node, bool in_main);
  void dequeue(Node& node);
  void drop(Node* node, Graveyard& dead);  // out of queue and map
  void shrink(Graveyard& dead);
  void evict_small(Graveyard& dead);
  void evict_main(Graveyard& dead);
  void remember(const std::string& key);
  bool forget(const std::string& key);

  const std::size_t max_variants_;
  std::array<Shard, kShards> shards_;

  mutable std::mutex queues_mutex_;
  std::uint64_t limit_;
  Queue small_, main_;
  std::uint64_t small_bytes_ = 0, bytes_ = 0;
  std::deque<std::size_t> ghosts_;  // hashes of keys in the order of eviction
  std::unordered_multiset<std::size_t> ghost_set_;
  std::uint64_t inserted_ = 0, evicted_ = 0, purged_ = 0;
};

}  // namespace genkan::cache
