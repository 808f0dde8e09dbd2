// A backend at run time: what the configuration says of it, and what is known of it now.
//
// Threads: every worker reads it on each request and counts into it; the control thread writes what the nodes announce
// and what the checks find. There is no lock on the way of a request that goes well: numbers are relaxed atomics (a
// reader may see some of an announcement's figures a moment before the others, which no scheduler minds). The health
// machine has a mutex; a worker takes it only when a request failed, or succeeded after failures.
//
// A Backend outlives the configuration that named it: Cluster keeps one per pool, name and address across reloads, and
// drops a removed one only when nothing is in flight.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/metrics.hpp"
#include "base/telemetry.hpp"
#include "cluster/choice.hpp"
#include "cluster/health.hpp"
#include "conf/conf.hpp"

namespace genkan::cluster {

enum class State : std::uint8_t { up, down, ejected, half_open, draining, maintenance };
std::string_view name_of(State state) noexcept;

// What an operator asked for. A node may ask for draining itself, in its announcement.
enum class Order : std::uint8_t { none, drain, maintenance };

// How a request ended, as far as it says something about the backend.
enum class Outcome : std::uint8_t {
  ok,              // a response with a status below 500, complete
  connect_failed,  // refused, unreachable, connect time-out: nothing was sent
  server_error,    // a response that blames the backend (5xx)
  broken,          // closed or timed out in the middle
  neutral,         // the client went away, or the request was given up: says nothing
};

class Backend {
 public:
  // `at`: where it is, when `conf` says only its name.
  Backend(std::string pool, const conf::Backend& conf, const HealthPolicy& policy, base::Telemetry& telemetry,
          const std::optional<base::Endpoint>& at = std::nullopt);
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const std::string& pool() const noexcept { return pool_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& address() const noexcept { return address_; }  // as configured
  const std::string& host() const noexcept { return host_; }        // the address without its port; empty: Unix socket
  const std::string& node() const noexcept { return node_; }        // empty: announces nothing

  // Where to connect to; empty while a host name is not resolved.
  std::optional<base::Endpoint> endpoint() const;
  // The same without a copy where it never changes; else null.
  const base::Endpoint* fixed_endpoint() const noexcept { return fixed_ ? &*fixed_ : nullptr; }
  // Control thread. An empty one: the name does not resolve (any more), and the backend is down.
  void set_endpoint(std::optional<base::Endpoint> endpoint, std::string_view why, Time now);
  bool needs_resolving() const noexcept { return needs_resolving_; }
  // A name whose addresses are to be backends, while it has none: it is down.
  bool stands_for_many() const noexcept { return stands_for_many_; }

  // What a reload may change.
  void configure(const conf::Backend& conf, const HealthPolicy& policy);
  std::uint32_t weight() const noexcept { return weight_.load(std::memory_order_relaxed); }
  // 0 is used first; those of higher levels stand in when nobody of a lower one works.
  std::uint32_t level() const noexcept { return level_.load(std::memory_order_relaxed); }
  void set_level(std::uint32_t level) noexcept { level_.store(level, std::memory_order_relaxed); }
  std::uint32_t max_connections() const noexcept { return max_connections_.load(std::memory_order_relaxed); }

  // Any thread.
  State state() const noexcept { return state_.load(std::memory_order_acquire); }
  std::string reason() const;
  Time since() const;
  std::uint32_t inflight() const noexcept { return inflight_.load(std::memory_order_relaxed); }
  std::atomic<std::uint32_t>& pending() noexcept { return pending_; }  // connections that are being opened
  std::uint32_t ewma_us() const noexcept { return ewma_us_.load(std::memory_order_relaxed); }
  // How a backend that came back is eased in: its share of its weight in percent, 10 at first, 100 after `slow_start`.
  std::uint32_t ease(Duration slow_start, Time now) const noexcept;
  // Latency that jumps to every peak and decays with time (Finagle's peak EWMA), in microseconds; 0: nothing measured.
  std::uint32_t peak_us(Time now) const noexcept;
  // Fills inflight and weight, and for chains what the node announced.
  void describe(Candidate& out, bool with_figures) const noexcept;
  Figures figures() const noexcept;

  // Control thread. Each returns true when the state changed, and logs it. What a node asked for (draining) is
  // forgotten when it was silent for `max_age`: its host may be back without an agent.
  bool on_check(bool good, std::string_view why, Time now);
  bool on_time(Time now, Duration max_age);
  bool order(Order order, std::string_view why, Time now);
  void on_figures(const Figures& figures, bool draining, Time now);

  // Workers, through Pool::pick and InFlight.
  void prefetch() const noexcept;          // it will be chosen soon
  void prefetch_outcome() const noexcept;  // a request at it ends soon
  void begin() noexcept;
  void finish(Outcome outcome, Duration latency, bool may_eject, Time now);
  // A half-open backend serves one request at a time; a trial that takes longer than kTrialFor (a WebSocket, say) does
  // not keep others from trying.
  static constexpr Duration kTrialFor = 5s;
  bool take_trial(Time now) noexcept;
  void release_trial() noexcept { trial_since_.store(0, std::memory_order_release); }
  bool trial_free(Time now) const noexcept;

  // For status. Rate and quantiles over the last full window, which roll() closes (control thread, every few seconds).
  struct Recent {
    double requests_per_second = 0;
    double mean = 0, p50 = 0, p99 = 0;  // seconds
  };
  void roll(Time now);
  Recent recent() const;
  std::int64_t count(Outcome outcome) const noexcept;
  std::uint64_t started() const noexcept { return started_.load(std::memory_order_relaxed); }

 private:
  bool publish(Time now);  // state_ from the parts; with mutex_ held; true when it changed
  void announce_change(State before);
  void show_gauge();  // with mutex_ held

  const std::string pool_, name_, address_, host_, node_;
  std::optional<base::Endpoint> fixed_;  // constant after construction
  bool needs_resolving_ = false;         // constant after construction
  bool stands_for_many_ = false;         // constant after construction
  base::Log& log_;
  base::Histogram& latency_;
  base::Counter* outcomes_[5];
  base::Counter& up_gauge_;

  // Written by every worker on every request: on lines of their own.
  alignas(64) std::atomic<std::uint32_t> inflight_{0};
  std::atomic<std::uint64_t> started_{0};
  std::atomic<std::uint32_t> ewma_us_{0}, peak_us_{0};
  std::atomic<Time::rep> peak_at_{0};

  alignas(64) std::atomic<std::uint32_t> pending_{0};
  std::atomic<State> state_{State::up};
  std::atomic<bool> attention_{false};     // a success matters: there were failures, or the door is half open
  std::atomic<Time::rep> trial_since_{0};  // 0: no trial is under way
  std::atomic<Time::rep> back_since_{0};   // when it came up again; 0: it was never down
  std::atomic<std::uint32_t> weight_{1}, max_connections_{0}, level_{0};

  // The last announcement.
  std::atomic<Time::rep> heard_{0};  // 0: never
  std::atomic<std::uint64_t> started_then_{0};
  std::atomic<std::uint32_t> load_milli_{0}, load_hwm_{1}, cpu_idle_{0}, ncpu_{1}, speed_{0}, node_inflight_{0},
      service_us_{0}, interval_us_{1'000'000}, queue_{0};
  std::atomic<std::uint64_t> memory_total_{0}, memory_available_{0};

  mutable std::mutex mutex_;  // guards what follows; held for some arithmetic or a copy
  HealthPolicy policy_;
  HealthState health_;
  Order order_ = Order::none;
  bool node_draining_ = false;
  std::string reason_, order_reason_, health_reason_, endpoint_reason_ = "its name is not resolved yet";
  Time since_{};
  std::optional<base::Endpoint> endpoint_;

  mutable std::mutex recent_mutex_;  // guards what follows; held while a histogram is summed
  base::Histogram::Snapshot window_start_;
  Time window_time_{};
  Recent recent_;
};

}  // namespace genkan::cluster
