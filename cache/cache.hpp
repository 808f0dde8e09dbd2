// The front door of the cache: Cache is the store with its numbers, one for the process, kept over reloads;
// CacheHandler is a layer around the handler of one route.
//
//   request ─► PURGE? ─► may the cache look at it? ─► look-up ─┬─ fresh ───────────────► answer (200, 304, 206, HEAD)
//                              │ no                            ├─ stale ─► validate ─┬─ 304 ─► freshen, answer
//                              ▼                               │                     └─ else ─► store, hand on
//                         hand on, and invalidate what         └─ missing ─► lead or wait ─► store, hand on
//                         an unsafe method changed
//
// What is decided is in policy.hpp, validation.hpp and key.hpp; here it is carried out. Invariants: a body that broke
// is never stored; a response is stored under what the request looked like when it was sent to the origin; a purged
// response does not come back by a validation that was under way.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/slot.hpp"
#include "base/telemetry.hpp"
#include "cache/flight.hpp"
#include "cache/status_field.hpp"
#include "cache/store.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"

namespace genkan::cache {

// Outlives every CacheHandler. Thread-safe.
class Cache {
 public:
  Cache(base::Telemetry& telemetry, const conf::Cache& conf);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  void configure(const conf::Cache& conf);  // after a reload: the new limit

  // Forgets a URL under http and https, all its variants; what is on its way from the origin now will not be stored.
  // How many responses were stored.
  std::size_t purge(const std::string& key);
  std::size_t clear();

  Store::Found find(const std::string& key, std::string_view scope, const http::Fields& request) {
    return store_.find(key, scope, request);
  }
  // `sent`: when the request went to the origin; an older purge of the key counts more.
  bool insert(const std::string& key, ObjectPtr object, Time sent);
  bool replace(const std::string& key, const ObjectPtr& old, ObjectPtr object, Time sent);
  bool purged_since(const std::string& key, Time sent) const noexcept;

  enum class Served { hit, stale, revalidated, miss, bypass, count_ };
  void count(Served served) noexcept { served_[static_cast<std::size_t>(served)]->add(); }
  void count_collapsed() noexcept { collapsed_->add(); }

 private:
  static constexpr std::size_t kServed = static_cast<std::size_t>(Served::count_);
  static constexpr std::size_t kNumbers = 5;

  std::string status_json() const;
  void sync_metrics();

  base::Telemetry& telemetry_;
  Store store_;
  std::array<base::Counter*, kServed> served_{};
  base::Counter* collapsed_ = nullptr;
  // What the store counts, brought into metrics by differences.
  std::array<base::Counter*, kNumbers> numbers_{};
  std::array<std::atomic<std::int64_t>, kNumbers> known_{};
  // When a key was last purged, by its hash: a collision only keeps a response out once.
  std::array<std::atomic<Time::rep>, 1024> purged_{};
  std::atomic<Time::rep> cleared_{0};
};

class CacheHandler final : public http::Handler {
 public:
  // `name`: of this cache in Cache-Status. `next` is asked for what the cache has not.
  CacheHandler(std::shared_ptr<Cache> cache, std::shared_ptr<http::Handler> next, const conf::Cache& conf,
               std::string name);
  ~CacheHandler() override;

  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  struct Worker;
  class Fill;

  Worker& worker(const http::Request& request);
  net::Task<Result<http::Response>> look_up(http::Request& request);
  net::Task<Result<http::Response>> validate(http::Request& request, std::string key, ObjectPtr old, Lead lead,
                                             CacheStatus status);
  net::Task<Result<http::Response>> fetch(http::Request& request, std::string key, Lead lead, CacheStatus status);
  net::Task<Result<http::Response>> pass(http::Request& request, CacheStatus status);

  http::Response purge(http::Request& request);
  http::Response serve(http::Request& request, const ObjectPtr& object, CacheStatus status, Cache::Served served);
  // Puts a tee before the response's body when it may be stored, and ends the flight when it may not.
  void keep(http::Request& request, const http::Fields& asked, http::Response& response, const std::string& key,
            Lead lead, Time sent, CacheStatus& status);
  // The stored response with the fields of a 304, put in the place of the old one.
  ObjectPtr freshen(const http::Request& request, const http::Fields& asked, const http::Fields& newer,
                    const std::string& key, const ObjectPtr& old, Time sent);
  void finish(http::Request& request, http::Response& response, const CacheStatus& status, Cache::Served served);
  void invalidate(const http::Request& request, const http::ResponseHead& head);

  std::shared_ptr<Cache> cache_;
  std::shared_ptr<http::Handler> next_;
  const std::uint64_t max_object_;
  const std::vector<base::Cidr> purge_from_;  // empty: loopback
  const std::string name_;
  std::array<std::unique_ptr<Worker>, base::kMaxSlots> workers_;  // each made and used by its own thread
};

}  // namespace genkan::cache
