// The front door of this room: the pools with their backends, what the nodes announce, and who gets a request.
//
//   auto pool = cluster.pool("web");                    // once per configuration, kept with it
//   auto choice = pool->pick({loop.now()}, tried);      // counts it in flight; choice.backend() or null
//   ...                                                 // connect to choice.backend()->endpoint()
//   choice.flight.finish(Outcome::ok);
//
// Status sections "pools" and "nodes"; actions "drain", "undrain" and "maintenance", each with
// {"pool": NAME, "backend": NAME}.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/telemetry.hpp"
#include "cluster/backend.hpp"
#include "cluster/members.hpp"
#include "cluster/pool.hpp"
#include "cluster/stats.hpp"
#include "cluster/table.hpp"
#include "conf/conf.hpp"

namespace genkan::cluster {

class Cluster {
 public:
  Cluster(base::Telemetry& telemetry, std::string self);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // At start and on reload, one thread. Makes the pools of `conf`; backends with the same pool, name and address keep
  // their state and numbers. On failure (a chain that can't be read) nothing changes and `why` is a sentence.
  Result<void> apply(const conf::Conf& conf, Time now, std::string& why);

  // Any thread.
  std::shared_ptr<Pool> pool(std::string_view name) const;  // null: no such pool
  std::vector<std::shared_ptr<Pool>> pools() const;
  std::shared_ptr<Seat> seat(std::string_view pool) const;  // null: its members are fixed
  std::vector<std::shared_ptr<Backend>> backends() const;
  const NodeTable& nodes() const noexcept { return nodes_; }
  const std::string& self() const noexcept { return self_; }
  // For pools elsewhere (mail): the node's load average, when it was heard within max_age.
  std::optional<double> load_of(std::string_view node, Time now) const;
  // Likewise all of what it announced; `known` is false when it was not heard.
  Figures figures_of(std::string_view node, Time now) const;
  // The share of this node's backends, 0..1, that are down or whose nodes are loaded above this percentage of their
  // processors (0: that is not looked at). 0 when there are none.
  double troubled(std::uint32_t load_percent, Time now) const;
  // How many of this node's backends serve, 0..1; 1 when there are none: what the VIP's priority follows.
  double capacity() const;

  // Control thread.
  Refusal admit(const Envelope& envelope, WallTime wall, Time now) { return nodes_.admit(envelope, wall, now); }
  void heard(const LoadRecord& record, const base::Endpoint& from, bool self, Time now);
  void tick(Time now);  // about ten times a second
  // Members that come and go, from one source (an SRV name, "agents"). True: the pool has changed, and there is a new
  // Pool for it. Backends that stay keep their state.
  bool set_members(const std::string& pool, const std::string& source, Members members, Time now);
  bool follow_agents(Time now);  // likewise, for all pools that take agents in
  struct DnsRow {
    std::string pool;
    conf::Backend row;  // a source, by its address
  };
  std::vector<DnsRow> dns_rows() const;
  bool has_members(const std::string& pool, const std::string& source) const;
  // Why a name has no addresses, for whoever looks at the backend that stands for it meanwhile.
  void nobody_at(const std::string& pool, const std::string& source, std::string_view why, Time now);
  // Requests of this node's own proxy, for its announcement: inflight, served, service_us.
  void describe_self(LoadRecord& record) const;

  // Any thread. Errc::not_found with a sentence.
  Result<void> order(std::string_view pool, std::string_view backend, Order order, std::string& why);

 private:
  using Pools = std::map<std::string, std::shared_ptr<Pool>, std::less<>>;
  using Sources = std::map<std::string, Members, std::less<>>;
  // What a pool whose members come and go is made of.
  struct Moving {
    conf::Pool conf;
    Chain chain;
    Sources members;
    std::shared_ptr<Seat> seat;
  };
  std::vector<std::shared_ptr<Backend>> list_of(const conf::Pool& pool, const Sources& sources,
                                                const std::vector<std::shared_ptr<Backend>>& before);
  void drop_retired(Time now);
  void add_status();
  std::string pools_json() const;
  std::string nodes_json() const;

  base::Telemetry& telemetry_;
  const std::string self_;
  NodeTable nodes_;
  std::atomic<Duration::rep> max_age_{Duration(5s).count()};
  base::Counter& nodes_gauge_;

  std::mutex build_mutex_;    // one builds pools at a time; taken before mutex_, held while they are built
  mutable std::mutex mutex_;  // guards what follows; held for a look-up or to copy the list
  Pools pools_;
  std::map<std::string, Moving, std::less<>> moving_;
  // Backends that the configuration no longer names, until nothing is in flight for kRetireAfter.
  struct Retired {
    std::shared_ptr<Backend> backend;
    Time since;
  };
  std::vector<Retired> retired_;
  Time last_roll_{};
};

}  // namespace genkan::cluster
