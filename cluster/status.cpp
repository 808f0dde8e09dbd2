// What operators see of this room: status sections and actions (base/status.hpp).
#include <algorithm>

#include "cluster/cluster.hpp"
#include "cluster/flat_json.hpp"

namespace genkan::cluster {

namespace {

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string figures_json(const Backend& b, Time now, Duration max_age) {
  const auto f = b.figures();
  if (!f.known) return "null";
  Candidate c;
  b.describe(c, true);
  JsonObject o;
  o.decimal("age_seconds", seconds(now - f.heard));
  o.boolean("fresh", now - f.heard <= max_age);
  o.decimal("load", f.load_milli / 1000.0);
  o.decimal("predicted", predicted_milli(c) / 1000.0);
  o.decimal("cpu_idle", f.cpu_idle_permille / 1000.0);
  return std::move(o).done();
}

std::string backend_json(const Backend& b, Time now, Duration max_age) {
  const auto recent = b.recent();
  const auto since = b.since();
  const auto endpoint = b.endpoint();
  JsonObject o;
  o.text("name", b.name()).text("address", b.address()).text("node", b.node());
  o.text("endpoint", endpoint ? endpoint->text() : "");
  o.text("state", name_of(b.state())).text("reason", b.reason());
  o.decimal("since_seconds", since == Time{} ? 0 : seconds(now - since));
  o.number("weight", b.weight()).number("inflight", b.inflight()).number("max_connections", b.max_connections());
  o.decimal("requests_per_second", recent.requests_per_second);
  o.decimal("p50_ms", recent.p50 * 1000).decimal("p99_ms", recent.p99 * 1000);
  o.decimal("ewma_ms", b.ewma_us() / 1000.0);
  o.number("requests", b.started());
  o.number("ok", b.count(Outcome::ok)).number("server_errors", b.count(Outcome::server_error));
  o.number("connect_failed", b.count(Outcome::connect_failed)).number("broken", b.count(Outcome::broken));
  o.raw("load", figures_json(b, now, max_age));
  return std::move(o).done();
}

std::string node_json(const NodeView& n, Time now, Duration max_age) {
  const auto& r = n.record;
  JsonObject o;
  o.text("name", r.node).boolean("self", n.self).text("from", n.self ? "" : n.from.text()).text("contact", r.contact);
  o.decimal("age_seconds", seconds(now - n.heard)).boolean("live", now - n.heard <= max_age);
  o.number("records", n.records).boolean("draining", r.draining).text("version", r.version);
  o.decimal("load", r.load_milli / 1000.0)
      .number("load_hwm", r.load_hwm)
      .decimal("cpu_idle", r.cpu_idle_permille / 1000.0);
  o.number("ncpu", r.ncpu).number("speed", r.speed);
  o.number("memory_total", r.memory_total).number("memory_available", r.memory_available);
  o.number("connections", r.connections).number("inflight", r.inflight).number("served", r.served);
  o.decimal("service_ms", r.service_us / 1000.0).number("queue", r.queue);
  return std::move(o).done();
}

template <class List, class F>
std::string array(const List& list, F each) {
  std::string out = "[";
  for (const auto& x : list) {
    if (out.size() > 1) out += ',';
    out += each(x);
  }
  return out += ']';
}

}  // namespace

std::string Cluster::pools_json() const {
  const auto now = Clock::now();
  const Duration max_age(max_age_.load(std::memory_order_relaxed));
  return array(pools(), [&](const std::shared_ptr<Pool>& pool) {
    JsonObject o;
    o.text("name", pool->name()).text("scheduler", pool->conf().scheduler);
    std::string chain;
    for (const auto& step : pool->conf().chain) chain += (chain.empty() ? "" : " → ") + step;
    o.text("chain", chain);
    o.number("usable", static_cast<std::uint64_t>(pool->usable()));
    o.raw("backends", array(pool->backends(), [&](const auto& b) { return backend_json(*b, now, max_age); }));
    return std::move(o).done();
  });
}

std::string Cluster::nodes_json() const {
  const auto now = Clock::now();
  const Duration max_age(max_age_.load(std::memory_order_relaxed));
  return array(nodes_.all(), [&](const NodeView& n) { return node_json(n, now, max_age); });
}

void Cluster::add_status() {
  telemetry_.status.add_section("pools", [this] { return pools_json(); });
  telemetry_.status.add_section("nodes", [this] { return nodes_json(); });
  const auto action = [this](const char* name, Order wanted) {
    telemetry_.status.add_action(name, [this, wanted](std::string_view json, std::string& why) -> Result<std::string> {
      const auto members = read_flat_json(json);
      if (!members || !members->contains("pool") || !members->contains("backend")) {
        why = R"(expected {"pool": "NAME", "backend": "NAME"})";
        return Errc::malformed;
      }
      const auto& backend = members->at("backend");
      const auto found = pool(members->at("pool"));
      if (const auto done = order(members->at("pool"), backend, wanted, why); !done) return done.error();
      const auto* b = found ? found->find(backend) : nullptr;
      JsonObject o;
      o.text("pool", members->at("pool")).text("backend", backend).text("state", b ? name_of(b->state()) : "gone");
      return std::move(o).done();
    });
  };
  action("drain", Order::drain);
  action("maintenance", Order::maintenance);
  action("undrain", Order::none);
}

}  // namespace genkan::cluster
