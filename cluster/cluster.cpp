#include "cluster/cluster.hpp"

#include <algorithm>

namespace genkan::cluster {

namespace {

constexpr Duration kRetireAfter = 60s;
constexpr Duration kWindow = 5s;  // of Backend::Recent

HealthPolicy policy_of(const conf::Pool& pool) {
  HealthPolicy policy;
  policy.rise = std::max(1u, pool.health.rise);
  policy.fall = std::max(1u, pool.health.fall);
  policy.eject_after = pool.eject_after;
  policy.eject_for = pool.eject_for;
  return policy;
}

Result<std::shared_ptr<const net::TlsClient>> tls_of(const conf::Pool& pool, std::string& why) {
  if (pool.tls == "off") return std::shared_ptr<const net::TlsClient>();
  net::TlsClient::Options options;
  options.verify = pool.tls_verify;
  options.ca_file = pool.tls_ca;
  options.cert_file = pool.tls_cert;
  options.key_file = pool.tls_key;
  if (pool.protocol != "http/1.1") options.alpn.emplace_back("h2");
  if (pool.protocol != "h2") options.alpn.emplace_back("http/1.1");
  return net::TlsClient::make(options, why);
}

std::string name_of_backend(const conf::Backend& b) { return b.name.empty() ? b.address : b.name; }

Figures figures_from(const LoadRecord& r, Time heard) {
  Figures f;
  f.known = true;
  f.heard = heard;
  f.load_milli = r.load_milli;
  f.load_hwm = r.load_hwm;
  f.cpu_idle_permille = r.cpu_idle_permille;
  f.ncpu = r.ncpu;
  f.speed = r.speed;
  f.node_inflight = r.inflight;
  f.service_us = r.service_us;
  f.interval_us = static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{r.interval_ms} * 1000, 0xffffffff));
  f.memory_total = r.memory_total;
  f.memory_available = r.memory_available;
  f.queue = r.queue;
  return f;
}

}  // namespace

Cluster::Cluster(base::Telemetry& telemetry, std::string self)
    : telemetry_(telemetry),
      self_(std::move(self)),
      nodes_gauge_(telemetry.metrics.gauge("genkan_cluster_nodes", "Nodes heard from within max_age")) {
  add_status();
}

Cluster::~Cluster() {
  for (const char* name : {"pools", "nodes", "drain", "undrain", "maintenance"}) telemetry_.status.remove(name);
}

// The backends of a pool, those of before where they are the same.
std::vector<std::shared_ptr<Backend>> Cluster::list_of(const conf::Pool& pool, const Sources& sources,
                                                       const std::vector<std::shared_ptr<Backend>>& before) {
  const auto policy = policy_of(pool);
  std::vector<std::shared_ptr<Backend>> list;
  const auto add = [&](const conf::Backend& b, std::uint32_t level, const std::optional<base::Endpoint>& at) {
    const auto twin = [&](const auto& other) { return other->name() == name_of_backend(b); };
    if (std::any_of(list.begin(), list.end(), twin)) return;
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& old) {
      return old->pool() == pool.name && old->name() == name_of_backend(b) && old->address() == b.address &&
             old->node() == b.node && old->stands_for_many() == (!at && is_name_of_many(b));
    });
    if (same != before.end()) {
      (*same)->configure(b, policy);
      list.push_back(*same);
    } else {
      list.push_back(std::make_shared<Backend>(pool.name, b, policy, telemetry_, at));
    }
    list.back()->set_level(level);
  };
  for (const auto& b : pool.backends) {
    if (is_srv(b)) continue;
    // A name that has no address stands in the list itself, as a backend that is down: an operator sees it, and why.
    const auto found = is_name_of_many(b) ? sources.find(b.address) : sources.end();
    if (found == sources.end() || found->second.empty()) add(b, 0, std::nullopt);
  }
  for (const auto& [source, members] : sources) {
    for (const auto& member : members) add(member.conf, member.level, member.at);
  }
  return list;
}

Result<void> Cluster::apply(const conf::Conf& conf, Time now, std::string& why) {
  const std::scoped_lock building(build_mutex_);
  std::vector<Chain> chains;
  std::vector<std::shared_ptr<const net::TlsClient>> clients;
  for (const auto& pool : conf.pools) {
    auto tls = tls_of(pool, why);
    if (!tls) {
      why = "pool " + pool.name + ": " + why;
      return tls.error();
    }
    // Connections of before may go on where nothing has changed.
    const auto old = this->pool(pool.name);
    const bool same = *tls && old && old->tls() && old->tls()->identity() == (*tls)->identity();
    clients.push_back(std::move(*tls));
    if (same) clients.back() = old->tls();
    Chain chain;
    if (pool.scheduler == "chain") {
      auto parsed = parse_chain(pool.chain, conf.cluster.max_age, why);
      if (!parsed) {
        why = "pool " + pool.name + ": " + why;
        return parsed.error();
      }
      chain = std::move(*parsed);
    }
    chains.push_back(std::move(chain));
  }
  const auto before = backends();
  Pools next;
  std::map<std::string, Moving, std::less<>> moving;
  std::vector<std::shared_ptr<Backend>> kept;
  for (std::size_t i = 0; i < conf.pools.size(); ++i) {
    const auto& pool = conf.pools[i];
    const bool moves =
        !pool.from_agents.empty() || std::any_of(pool.backends.begin(), pool.backends.end(), comes_and_goes);
    Moving now_moving;
    if (moves) {
      now_moving = {pool, chains[i], {}, std::make_shared<Seat>()};
      const std::scoped_lock lock(mutex_);
      if (const auto old = moving_.find(pool.name); old != moving_.end()) {
        now_moving.seat = old->second.seat;
        now_moving.members = old->second.members;
        std::erase_if(now_moving.members, [&](const auto& source) {  // what nobody asks for any more
          if (source.first == "agents") return pool.from_agents != old->second.conf.from_agents;
          return std::none_of(pool.backends.begin(), pool.backends.end(),
                              [&](const conf::Backend& b) { return comes_and_goes(b) && b.address == source.first; });
        });
      }
    }
    auto list = list_of(pool, now_moving.members, before);
    kept.insert(kept.end(), list.begin(), list.end());
    next[pool.name] = std::make_shared<Pool>(pool, std::move(chains[i]), std::move(list), self_, std::move(clients[i]));
    if (moves) moving[pool.name] = std::move(now_moving);
  }
  max_age_.store(Duration(conf.cluster.max_age).count(), std::memory_order_relaxed);
  {
    const std::scoped_lock lock(mutex_);
    pools_ = std::move(next);
    moving_ = std::move(moving);
    for (auto& [name, one] : moving_) one.seat->set(pools_[name]);
    for (const auto& old : before) {
      if (std::find(kept.begin(), kept.end(), old) == kept.end()) retired_.push_back({old, now});
    }
  }
  return {};
}

std::shared_ptr<Pool> Cluster::pool(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto it = pools_.find(name);
  return it == pools_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Pool>> Cluster::pools() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<Pool>> out;
  for (const auto& [name, pool] : pools_) out.push_back(pool);
  return out;
}

std::vector<std::shared_ptr<Backend>> Cluster::backends() const {
  std::vector<std::shared_ptr<Backend>> out;
  for (const auto& pool : pools()) out.insert(out.end(), pool->backends().begin(), pool->backends().end());
  return out;
}

std::optional<double> Cluster::load_of(std::string_view node, Time now) const {
  const auto view = nodes_.find(node);
  if (!view || now - view->heard > Duration(max_age_.load(std::memory_order_relaxed))) return std::nullopt;
  return view->record.load_milli / 1000.0;
}

Figures Cluster::figures_of(std::string_view node, Time now) const {
  const auto view = nodes_.find(node);
  if (!view || now - view->heard > Duration(max_age_.load(std::memory_order_relaxed))) return {};
  return figures_from(view->record, view->heard);
}

double Cluster::troubled(std::uint32_t load_percent, Time now) const {
  const Duration max_age(max_age_.load(std::memory_order_relaxed));
  std::size_t total = 0, bad = 0;
  for (const auto& b : backends()) {
    const auto state = b->state();
    if (state == State::draining || state == State::maintenance) continue;
    ++total;
    const auto f = b->figures();
    // Load average in thousandths against percent of the processors.
    const bool heard = f.known && now - f.heard <= max_age && load_percent != 0;
    const bool loaded = heard && f.load_milli > std::uint64_t{10} * load_percent * f.ncpu;
    bad += (state != State::up && state != State::half_open) || loaded;
  }
  return total == 0 ? 0.0 : static_cast<double>(bad) / static_cast<double>(total);
}

double Cluster::capacity() const {
  std::size_t total = 0, serving = 0;
  for (const auto& b : backends()) {
    const auto state = b->state();
    if (state == State::draining || state == State::maintenance) continue;
    ++total;
    serving += state == State::up || state == State::half_open;
  }
  return total == 0 ? 1.0 : static_cast<double>(serving) / static_cast<double>(total);
}

void Cluster::heard(const LoadRecord& r, const base::Endpoint& from, bool self, Time now) {
  nodes_.update(r, from, self, now);
  const auto f = figures_from(r, now);
  for (const auto& b : backends()) {
    if (b->node() == r.node) b->on_figures(f, r.draining, now);
  }
}

void Cluster::tick(Time now) {
  const bool roll = now - last_roll_ >= kWindow;
  const Duration max_age(max_age_.load(std::memory_order_relaxed));
  for (const auto& b : backends()) {
    b->on_time(now, max_age);
    if (roll) b->roll(now);
  }
  if (roll) last_roll_ = now;
  const auto live = static_cast<std::int64_t>(nodes_.live(max_age, now));
  nodes_gauge_.add(live - nodes_gauge_.sum());
  drop_retired(now);
}

// Backends that left and have nothing to do any more. A worker that had no request since holds them a while longer, by
// the form of their pool that it used last.
void Cluster::drop_retired(Time now) {
  std::vector<std::shared_ptr<Backend>> dropped;  // destroyed after the lock
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(retired_, [&](Retired& r) {
      if (r.backend->inflight() > 0) r.since = now;
      if (now - r.since < kRetireAfter || r.backend.use_count() > 1) return false;
      dropped.push_back(std::move(r.backend));
      return true;
    });
  }
  if (dropped.empty()) return;
  const std::scoped_lock building(build_mutex_);  // or one of them might be made again right now
  for (auto& backend : dropped) {
    const base::Labels labels{{"pool", backend->pool()}, {"backend", backend->name()}};
    backend.reset();
    // Names of addresses come and go for ever; their figures must not stay for ever. One that is back keeps them.
    const auto same = [&](const Backend& b) { return b.pool() == labels[0].second && b.name() == labels[1].second; };
    const auto present = backends();
    bool back = std::any_of(present.begin(), present.end(), [&](const auto& b) { return same(*b); });
    const std::scoped_lock lock(mutex_);
    back = back || std::any_of(retired_.begin(), retired_.end(), [&](const auto& r) { return same(*r.backend); });
    if (!back) telemetry_.metrics.forget(labels);
  }
}

void Cluster::describe_self(LoadRecord& record) const {
  double weighted_seconds = 0, rate = 0;
  for (const auto& b : backends()) {
    record.inflight += b->inflight();
    record.served += b->started() - std::min<std::uint64_t>(b->started(), b->inflight());
    const auto recent = b->recent();
    weighted_seconds += recent.mean * recent.requests_per_second;
    rate += recent.requests_per_second;
  }
  if (rate > 0) record.service_us = static_cast<std::uint32_t>(std::min(weighted_seconds / rate * 1e6, 4e9));
}

Result<void> Cluster::order(std::string_view pool_name, std::string_view backend_name, Order wanted, std::string& why) {
  const auto found = pool(pool_name);
  auto* backend = found ? found->find(backend_name) : nullptr;
  if (!backend) {
    why = found ? "pool " + std::string(pool_name) + " has no backend " + std::string(backend_name)
                : "there is no pool " + std::string(pool_name);
    return Errc::not_found;
  }
  backend->order(wanted, "an operator asked for it", Clock::now());
  return {};
}

}  // namespace genkan::cluster
