#include "cache/store.hpp"

#include <algorithm>

#include "cache/key.hpp"

namespace genkan::cache {

std::size_t Object::weight() const noexcept {
  constexpr std::size_t kBookkeeping = 512;
  std::size_t total = kBookkeeping + scope.size() + vary_key.size();
  if (content) total += content->size();
  fields.each(
      [&](std::string_view name, std::string_view value, http::FieldId) { total += name.size() + value.size() + 24; });
  return total;
}

Store::Store(Limits limits) : max_variants_(std::max<std::size_t>(1, limits.variants)), limit_(limits.bytes) {}
Store::~Store() = default;

Store::Found Store::find(const std::string& key, std::string_view scope, const http::Fields& request) {
  Found found;
  auto& shard = shard_of(key);
  std::lock_guard lock(shard.mutex);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return found;
  Node* best = nullptr;
  for (const auto& node : it->second) {
    const auto& object = *node->object;
    if (object.scope != scope) continue;
    if (!object.vary_names.empty() && vary_key(object.vary_names, request) != object.vary_key) {
      found.other_variants = true;
      continue;
    }
    if (best == nullptr || object.received > best->object->received) best = node.get();
  }
  if (best == nullptr) return found;
  auto uses = best->uses.load(std::memory_order_relaxed);
  if (uses < kMaxUses) best->uses.store(static_cast<std::uint8_t>(uses + 1), std::memory_order_relaxed);
  found.object = best->object;
  return found;
}

bool Store::insert(const std::string& key, ObjectPtr object) {
  Graveyard dead;  // outlives the locks
  std::lock_guard lock(queues_mutex_);
  if (object->weight() + key.size() > limit_) return false;
  add(shard_of(key), key, std::move(object), dead);
  ++inserted_;
  shrink(dead);
  return true;
}

void Store::add(Shard& shard, const std::string& key, ObjectPtr object, Graveyard& dead) {
  auto& variants = [&]() -> Variants& {
    std::lock_guard lock(shard.mutex);
    return shard.map[key];
  }();
  // Only holders of queues_mutex_ change the variants, so reading them needs no more than that.
  Node* oldest = nullptr;
  for (const auto& node : variants) {
    const auto& old = *node->object;
    if (old.scope == object->scope && old.vary_names == object->vary_names && old.vary_key == object->vary_key) {
      swap_object(shard, *node, std::move(object), dead);
      return;
    }
    if (oldest == nullptr || old.received < oldest->object->received) oldest = node.get();
  }
  if (variants.size() >= max_variants_) {
    swap_object(shard, *oldest, std::move(object), dead);
    return;
  }
  auto node = std::make_unique<Node>();
  node->key = key;
  node->weight = object->weight() + key.size();
  node->object = std::move(object);
  enqueue(*node, forget(key));
  bytes_ += node->weight;
  std::lock_guard lock(shard.mutex);
  variants.push_back(std::move(node));
}

void Store::swap_object(Shard& shard, Node& node, ObjectPtr object, Graveyard& dead) {
  auto weight = object->weight() + node.key.size();
  bytes_ += weight - node.weight;
  if (!node.in_main) small_bytes_ += weight - node.weight;
  node.weight = weight;
  std::lock_guard lock(shard.mutex);
  std::swap(node.object, object);
  dead.push_back(std::move(object));
}

bool Store::replace(const std::string& key, const ObjectPtr& old, ObjectPtr object) {
  Graveyard dead;
  auto& shard = shard_of(key);
  std::lock_guard lock(queues_mutex_);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return false;
  for (const auto& node : it->second) {
    if (node->object != old) continue;
    swap_object(shard, *node, std::move(object), dead);
    shrink(dead);
    return true;
  }
  return false;
}

std::size_t Store::purge(const std::string& key) {
  Graveyard dead;
  Variants gone;
  auto& shard = shard_of(key);
  std::lock_guard lock(queues_mutex_);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return 0;
  for (const auto& node : it->second) dequeue(*node);
  std::lock_guard shard_lock(shard.mutex);
  gone = std::move(it->second);
  shard.map.erase(it);
  for (const auto& node : gone) dead.push_back(std::move(node->object));
  purged_ += gone.size();
  return gone.size();
}

std::size_t Store::clear() {
  std::size_t count = 0;
  std::vector<std::unordered_map<std::string, Variants>> gone;  // freed after the locks
  std::lock_guard lock(queues_mutex_);
  for (auto& shard : shards_) {
    std::lock_guard shard_lock(shard.mutex);
    for (const auto& [key, variants] : shard.map) count += variants.size();
    gone.push_back(std::move(shard.map));
    shard.map.clear();
  }
  small_.clear();
  main_.clear();
  small_bytes_ = bytes_ = 0;
  purged_ += count;
  return count;
}

void Store::set_limit(std::uint64_t bytes) {
  Graveyard dead;
  std::lock_guard lock(queues_mutex_);
  limit_ = bytes;
  shrink(dead);
}

Store::Numbers Store::numbers() const {
  std::lock_guard lock(queues_mutex_);
  Numbers n;
  n.bytes = bytes_;
  n.limit = limit_;
  n.objects = small_.size() + main_.size();
  n.inserted = inserted_;
  n.evicted = evicted_;
  n.purged = purged_;
  return n;
}

void Store::enqueue(Node& node, bool in_main) {
  auto& queue = in_main ? main_ : small_;
  node.in_main = in_main;
  node.place = queue.insert(queue.end(), &node);
  if (!in_main) small_bytes_ += node.weight;
}

void Store::dequeue(Node& node) {
  (node.in_main ? main_ : small_).erase(node.place);
  if (!node.in_main) small_bytes_ -= node.weight;
  bytes_ -= node.weight;
}

void Store::drop(Node* node, Graveyard& dead) {
  dequeue(*node);
  ++evicted_;
  auto& shard = shard_of(node->key);
  std::lock_guard lock(shard.mutex);
  auto it = shard.map.find(node->key);
  dead.push_back(std::move(node->object));
  std::erase_if(it->second, [&](const auto& other) { return other.get() == node; });
  if (it->second.empty()) shard.map.erase(it);
}

void Store::shrink(Graveyard& dead) {
  while (bytes_ > limit_ && !(small_.empty() && main_.empty())) {
    if (!small_.empty() && (small_bytes_ > limit_ / 10 || main_.empty())) {
      evict_small(dead);
    } else {
      evict_main(dead);
    }
  }
}

void Store::evict_small(Graveyard& dead) {
  Node* node = small_.front();
  if (node->uses.load(std::memory_order_relaxed) > 1) {
    auto weight = node->weight;
    small_.pop_front();
    small_bytes_ -= weight;
    node->uses.store(0, std::memory_order_relaxed);
    enqueue(*node, true);
    return;
  }
  remember(node->key);
  drop(node, dead);
}

void Store::evict_main(Graveyard& dead) {
  Node* node = main_.front();
  auto uses = node->uses.load(std::memory_order_relaxed);
  if (uses > 0) {
    node->uses.store(static_cast<std::uint8_t>(uses - 1), std::memory_order_relaxed);
    main_.splice(main_.end(), main_, node->place);
    return;
  }
  drop(node, dead);
}

// As many ghosts as there are entries in the main queue, within bounds.
void Store::remember(const std::string& key) {
  auto hash = std::hash<std::string>{}(key);
  ghosts_.push_back(hash);
  ghost_set_.insert(hash);
  auto most = std::clamp<std::size_t>(main_.size(), 1024, 1u << 20);
  while (ghosts_.size() > most) {
    if (auto it = ghost_set_.find(ghosts_.front()); it != ghost_set_.end()) ghost_set_.erase(it);
    ghosts_.pop_front();
  }
}

bool Store::forget(const std::string& key) {
  auto it = ghost_set_.find(std::hash<std::string>{}(key));
  if (it == ghost_set_.end()) return false;
  ghost_set_.erase(it);  // its place in ghosts_ ages out by itself
  return true;
}

}  // namespace genkan::cache
