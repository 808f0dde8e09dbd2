#include "cache/cache.hpp"

#include "cache/key.hpp"

namespace genkan::cache {
namespace {

constexpr std::string_view kServedNames[] = {"hit", "stale", "revalidated", "miss", "bypass"};

std::size_t hash_of(const std::string& key) { return std::hash<std::string>{}(key) % 1024; }

// Never goes back, so that of two purges the later one stays.
void raise(std::atomic<Time::rep>& at, Time::rep value) {
  auto old = at.load();
  while (old < value && !at.compare_exchange_weak(old, value)) {
  }
}

}  // namespace

Cache::Cache(base::Telemetry& telemetry, const conf::Cache& conf)
    : telemetry_(telemetry), store_({.bytes = conf.memory}) {
  auto& m = telemetry.metrics;
  for (std::size_t i = 0; i < kServed; ++i) {
    served_[i] = &m.counter("genkan_cache_requests_total", "Requests of cached routes by how they were answered.",
                            {{"result", std::string(kServedNames[i])}});
  }
  collapsed_ = &m.counter("genkan_cache_collapsed_total", "Requests that waited for another one's response.");
  numbers_ = {&m.gauge("genkan_cache_bytes", "Bytes in the memory store."),
              &m.gauge("genkan_cache_objects", "Responses in the memory store."),
              &m.counter("genkan_cache_stored_total", "Responses that were stored."),
              &m.counter("genkan_cache_evicted_total", "Responses that gave way to others."),
              &m.counter("genkan_cache_purged_total", "Responses that were purged or invalidated.")};
  telemetry.status.add_section("cache", [this] { return status_json(); });
  telemetry.status.add_action("cache_clear", [this](std::string_view, std::string&) -> genkan::Result<std::string> {
    return "{\"purged\":" + std::to_string(clear()) + "}";
  });
}

Cache::~Cache() {
  telemetry_.status.remove("cache");
  telemetry_.status.remove("cache_clear");
}

void Cache::configure(const conf::Cache& conf) {
  store_.set_limit(conf.memory);
  sync_metrics();
}

// The time is noted before the store is purged, and insert() looks at it after storing: whichever comes first, a
// response that was asked for before the purge does not stay.
std::size_t Cache::purge(const std::string& key) {
  std::size_t count = 0;
  for (const auto& k : {key, other_scheme(key)}) {
    raise(purged_[hash_of(k)], Clock::now().time_since_epoch().count());
    count += store_.purge(k);
  }
  if (count != 0) sync_metrics();
  return count;
}

std::size_t Cache::clear() {
  raise(cleared_, Clock::now().time_since_epoch().count());
  auto count = store_.clear();
  sync_metrics();
  return count;
}

bool Cache::purged_since(const std::string& key, Time sent) const noexcept {
  auto at = sent.time_since_epoch().count();
  return purged_[hash_of(key)].load() >= at || cleared_.load() >= at;
}

bool Cache::insert(const std::string& key, ObjectPtr object, Time sent) {
  bool stored = store_.insert(key, std::move(object));
  if (stored && purged_since(key, sent)) {
    store_.purge(key);
    stored = false;
  }
  sync_metrics();
  return stored;
}

bool Cache::replace(const std::string& key, const ObjectPtr& old, ObjectPtr object, Time sent) {
  bool stored = store_.replace(key, old, std::move(object));
  if (stored && purged_since(key, sent)) {
    store_.purge(key);
    stored = false;
  }
  sync_metrics();
  return stored;
}

void Cache::sync_metrics() {
  const auto n = store_.numbers();
  const std::uint64_t now[kNumbers] = {n.bytes, n.objects, n.inserted, n.evicted, n.purged};
  for (std::size_t i = 0; i < kNumbers; ++i) {
    auto value = static_cast<std::int64_t>(now[i]);
    numbers_[i]->add(value - known_[i].exchange(value));
  }
}

std::string Cache::status_json() const {
  const auto n = store_.numbers();
  std::string out = "{";
  auto put = [&](std::string_view name, std::int64_t value) {
    if (out.size() > 1) out += ',';
    out += '"';
    out += name;
    out += "\":" + std::to_string(value);
  };
  put("bytes", static_cast<std::int64_t>(n.bytes));
  put("limit", static_cast<std::int64_t>(n.limit));
  put("objects", static_cast<std::int64_t>(n.objects));
  put("stored", static_cast<std::int64_t>(n.inserted));
  put("evicted", static_cast<std::int64_t>(n.evicted));
  put("purged", static_cast<std::int64_t>(n.purged));
  for (std::size_t i = 0; i < kServed; ++i) put(kServedNames[i], served_[i]->sum());
  put("collapsed", collapsed_->sum());
  return out + "}";
}

}  // namespace genkan::cache
