// Forward: a request to a backend of a pool, with retry. The handler that most requests end in.
//
//   prepare fields -> pick -> exchange -> answer
//                     | ^         | failed, nothing sent to the client, may be repeated
//                     | `---------'   (another backend; a stale kept connection: the same one, freshly connected)
//                     `-> all full: wait in line; nobody: the fallback pool, or 503
// A slow exchange may get a second one beside it (proxy/hedge.hpp).
//
// Retry is decided in one place, may_retry(): who failed, and what had been sent?
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "cluster/cluster.hpp"
#include "http/handler.hpp"
#include "http/origin.hpp"
#include "proxy/origin_pools.hpp"
#include "proxy/pool_key.hpp"
#include "proxy/queue.hpp"
#include "proxy/recent_quantile.hpp"
#include "proxy/sticky.hpp"

namespace genkan::proxy {

struct ForwardMetrics {
  explicit ForwardMetrics(base::Metrics& metrics);
  base::Counter& retries;
  base::Counter& no_backend;
  base::Counter& no_room;
  base::Counter& failures;
  base::Counter& hedges;
  base::Counter& hedges_won;
};

class Forward final : public http::Handler {
 public:
  struct Options {
    std::string server_name = "genkan";  // Via pseudonym
    std::string host;                    // Host for the backend; empty: the client's
    Duration body_timeout = std::chrono::seconds(30);
    Duration tunnel_timeout = std::chrono::hours(1);
    std::size_t max_head = 64 * 1024;
    std::string sticky_key;                  // secret, where the pool has a sticky_cookie
    std::vector<std::string> client_fields;  // [tls] client_fields
    std::shared_ptr<Forward> fallback;       // serves when the pool has nobody
    std::shared_ptr<cluster::Seat> seat;     // where the pool's members come and go; null: they are fixed
  };
  Forward(std::shared_ptr<cluster::Pool> pool, OriginPools& origins, base::Telemetry& telemetry,
          ForwardMetrics& metrics, Options options);
  ~Forward() override;

  net::Task<Result<http::Response>> handle(http::Request& request) override;

  // On a worker, every now and then: opens connections that are missing of warm_connections.
  void keep_warm(net::Loop& loop);
  bool wants_warmth() const noexcept { return pool_->conf().warm_connections > 0; }

 private:
  // What each worker has of its own.
  struct Local {
    std::uint64_t version = 0;            // of the seat, when `pool` was taken from it
    std::shared_ptr<cluster::Pool> pool;  // where members come and go
    std::unique_ptr<Sticky> sticky;       // likewise
    std::unique_ptr<Queue> queue;         // when one was needed
    RecentQuantile head_time;             // of hedged pools
  };
  struct Flight;
  using Tried = std::span<const cluster::Backend* const>;
  net::Task<Result<http::Response>> answer(http::Response response);
  net::Task<Result<http::Response>> serve(http::Request& request);  // prepared
  net::Task<cluster::Choice> wait_in_line(http::Request& request, cluster::RequestFacts facts, Tried tried);
  cluster::RequestFacts facts_of(const http::Request& request, const Sticky* sticky) const;
  Local& local(net::Loop& loop);
  std::shared_ptr<cluster::Pool> members(net::Loop& loop, const Sticky*& sticky);
  std::optional<Duration> hedge_delay(const http::Request& request) const;
  net::Task<http::OriginPool::Answer> hedged(http::Request& request, cluster::Choice& choice, http::OriginTo to,
                                             std::string_view target, Duration delay, bool fresh,
                                             cluster::RequestFacts facts, Tried tried);
  static net::Task<Result<void>> await_end(net::Loop& loop, http::Response& response);
  std::string_view host_for(const http::Request& request, const cluster::Backend& backend) const noexcept;
  bool status_is_retried(const http::Request& request, const http::ResponseHead& head, const cluster::Pool& pool,
                         Tried tried) const;
  http::Response no_room(http::Request& request, const http::OriginFailure& failure);
  http::Response nobody(http::Request& request, const cluster::Why& why);
  bool address(cluster::Backend& backend, const http::Request* request, http::OriginTo& out) const;
  Queue* queue(net::Loop& loop);
  bool may_retry(const http::Request& request, const http::OriginFailure& failure, int tries) const noexcept;
  http::Response failed(http::Request& request, const http::OriginFailure& failure);
  void prepare(http::Request& request) const;
  void describe_client(http::Request& request, http::Fields& out) const;
  bool answer_trace(http::Request& request, http::Response& out) const;
  bool answer_max_forwards(http::Request& request, http::Response& out) const;
  static void append_element(http::Fields& fields, http::FieldId id, std::string_view element);

  std::shared_ptr<cluster::Pool> pool_;
  OriginPools& origins_;
  base::Telemetry& telemetry_;
  ForwardMetrics& metrics_;
  Options options_;
  http::OriginLimits limits_;
  int send_proxy_ = 0;  // the version; 0: none
  bool hedges_ = false;
  std::string via_, via_1_0_, via_2_0_;
  const std::uint64_t id_;
  std::optional<PoolKey> key_;      // of the scheduler hash
  std::unique_ptr<Sticky> sticky_;  // null: off
  bool retries_connect_ = false, retries_broken_ = false, retries_timeout_ = false;
  std::vector<int> retried_statuses_;
  std::array<std::unique_ptr<Local>, base::kMaxSlots> locals_;  // each made by its worker when it is first needed
};

}  // namespace genkan::proxy
