#include "proxy/route_metrics.hpp"

#include <algorithm>
#include <cstdio>

#include "base/text.hpp"

namespace genkan::proxy {
namespace {

using Snapshot = base::Histogram::Snapshot;
constexpr const char* kClasses[] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};

// Samples of `now` that `before` does not have.
Snapshot since(const Snapshot& now, const Snapshot& before) {
  Snapshot out;
  for (std::size_t i = 0; i < out.counts.size(); ++i) out.counts[i] = now.counts[i] - before.counts[i];
  out.count = now.count - before.count;
  return out;
}

// "route[3]" of a route without a name of its own: a line number would change with every edit above it.
std::string label_of(const conf::Route& route, std::size_t index) {
  return route.name == route.where ? "route[" + std::to_string(index) + "]" : route.name;
}

}  // namespace

int status_class(int status) noexcept {
  if (status == 499) return 0;
  return status >= 100 && status < 600 ? status / 100 : -1;
}

struct RouteMetrics::Row {
  Figures figures;
  std::string name;
  std::array<std::int64_t, 10> totals{};  // of the last ten seconds
  std::size_t next = 0, filled = 0;
  double per_second = 0;
  std::int64_t sampled = 0;
  // Two windows that take turns: the older one is between one and two kWindow long.
  std::unique_ptr<Snapshot> older, newer;
  std::int64_t older_errors = 0, newer_errors = 0;
  Time newer_at{};

  std::int64_t total() const {
    std::int64_t n = 0;
    for (const auto* c : figures.by_class) n += c->sum();
    return n;
  }
  std::int64_t errors() const { return figures.by_class[5]->sum(); }
  void sample(Time now) {
    const std::int64_t n = total();
    const std::int64_t first = filled == totals.size() ? totals[next] : totals[0];
    per_second = filled ? static_cast<double>(n - first) / static_cast<double>(filled) : 0;
    totals[next] = n;
    next = (next + 1) % totals.size();
    filled = std::min(filled + 1, totals.size());
    if (older && now - newer_at < kWindow) return;
    if (older && n == sampled) {  // nothing happened: the window is empty, without looking at every bucket
      older = std::make_unique<Snapshot>(*newer);
    } else {
      auto fresh = std::make_unique<Snapshot>(figures.duration->snapshot());
      older = newer ? std::move(newer) : std::make_unique<Snapshot>(*fresh);
      newer = std::move(fresh);
    }
    older_errors = newer_at == Time{} ? errors() : newer_errors;
    newer_errors = errors();
    newer_at = now;
    sampled = n;
  }
};

struct RouteMetrics::View {
  std::string name, action;
  Row* row;
};

RouteMetrics::RouteMetrics(base::Telemetry& telemetry) : telemetry_(telemetry) {
  telemetry.status.add_section("routes", [this] { return json(Clock::now()); });
}

RouteMetrics::~RouteMetrics() { telemetry_.status.remove("routes"); }

RouteMetrics::Row& RouteMetrics::row(const std::string& wanted) {
  const auto found = rows_.find(wanted);
  if (found != rows_.end()) return *found->second;
  const std::string name = rows_.size() >= kMaxRoutes && wanted != "(none)" ? "(other)" : wanted;
  auto& made = rows_[name];
  if (made) return *made;
  made = std::make_unique<Row>();
  made->name = name;
  base::Metrics& m = telemetry_.metrics;
  for (std::size_t i = 0; i < made->figures.by_class.size(); ++i) {
    made->figures.by_class[i] = &m.counter("genkan_route_responses_total",
                                           "Responses of a route by status class; 'gone': the client left first",
                                           {{"route", name}, {"class", kClasses[i]}});
  }
  made->figures.duration = &m.histogram("genkan_route_request_duration_seconds",
                                        "From the request head to the last byte sent, by route", {{"route", name}});
  made->sample(Clock::now());
  return *made;
}

std::shared_ptr<const RouteMetrics::Table> RouteMetrics::table(const std::vector<conf::Route>& routes) {
  std::lock_guard lock(mutex_);
  auto out = std::make_shared<Table>();
  const Row& none = row("(none)");
  for (std::size_t i = 0; i < routes.size(); ++i) out->push_back(&row(label_of(routes[i], i)).figures);
  out->push_back(&none.figures);
  return out;
}

void RouteMetrics::show(const std::vector<conf::Route>& routes) {
  std::lock_guard lock(mutex_);
  views_.clear();
  const auto add = [&](const std::string& name, std::string action) {
    Row& r = row(name);
    for (const View& v : views_) {
      if (v.row == &r) return;  // "(other)", or two of one name
    }
    views_.push_back({r.name, std::move(action), &r});
  };
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const conf::Route& r = routes[i];
    add(label_of(r, i), !r.pool.empty()       ? r.pool
                        : !r.root.empty()     ? "files"
                        : !r.redirect.empty() ? "redirect"
                                              : "answer");
  }
  add("(none)", "no route");
}

void RouteMetrics::sample(Time now) {
  std::lock_guard lock(mutex_);
  for (auto& [name, row] : rows_) row->sample(now);
}

std::string RouteMetrics::json(Time) const {
  std::lock_guard lock(mutex_);
  std::string out = "[";
  for (const View& v : views_) {
    const Row& r = *v.row;
    Snapshot recent;
    if (r.older) recent = since(r.figures.duration->snapshot(), *r.older);
    char figures[320];
    std::snprintf(figures, sizeof figures,
                  ",\"requests\":%lld,\"requests_per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"errors\":%lld,"
                  "\"recent_requests\":%llu,\"recent_errors\":%lld,\"client_errors\":%lld,\"gone\":%lld}",
                  static_cast<long long>(r.total()), r.per_second, recent.quantile(0.5) * 1000,
                  recent.quantile(0.99) * 1000, static_cast<long long>(r.errors()),
                  static_cast<unsigned long long>(recent.count), static_cast<long long>(r.errors() - r.older_errors),
                  static_cast<long long>(r.figures.by_class[4]->sum()),
                  static_cast<long long>(r.figures.by_class[0]->sum()));
    if (out.size() > 1) out += ',';
    out += "{\"name\":" + base::json_quote(v.name) + ",\"action\":" + base::json_quote(v.action) + figures;
  }
  return out + "]";
}

}  // namespace genkan::proxy
