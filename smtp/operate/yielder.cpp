#include "smtp/operate/yielder.hpp"

#include <algorithm>
#include <cmath>

#include "cluster/flat_json.hpp"
#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kMeasureEvery = std::chrono::seconds(1);

YieldRules rules_of(const conf::Smtp& conf) {
  YieldRules rules;
  rules.on = conf.yield;
  rules.load_percent = conf.yield_load;
  rules.busy_percent = conf.yield_busy;
  rules.requests = conf.yield_requests;
  rules.backends_percent = conf.yield_backends;
  rules.lag = conf.yield_lag;
  rules.hold = conf.yield_hold;
  return rules;
}

std::uint64_t rounded(double value) { return static_cast<std::uint64_t>(std::llround(std::max(0.0, value))); }

}  // namespace

Yielder::Yielder(net::Loop& control, Shared& shared, PlanPtr plan)
    : loop_(control),
      shared_(shared),
      plan_(std::move(plan)),
      gauge_(shared.telemetry.metrics.gauge("genkan_smtp_yield_level",
                                            "How far mail yields to HTTP: 0 not, 1 slow, 2 slower, 3 turned away")) {
  shared_.telemetry.status.add_section("mail_yield", [this] { return json(); });
}

Yielder::~Yielder() { shared_.telemetry.status.remove("mail_yield"); }

void Yielder::start() {
  if (shared_.hooks.load) loop_.wheel().arm(*this, loop_.now() + kMeasureEvery);
}

void Yielder::stop() { loop_.wheel().cancel(*this); }

void Yielder::on_timer() noexcept {
  const auto load = shared_.hooks.load(plan_->smtp());
  const auto before = state_;
  const auto next = next_yield(before, rules_of(plan_->smtp()), load, loop_.now());
  {
    std::lock_guard lock(mutex_);
    state_ = next;
    load_ = load;
  }
  if (next.level != before.level) {
    const int step = static_cast<int>(next.level) - static_cast<int>(before.level);
    gauge_.add(step);
    shared_.yield_now.level.store(static_cast<int>(next.level), std::memory_order_relaxed);
    shared_.telemetry.log.notice(step > 0 ? "mail yields to HTTP" : "mail yields less to HTTP",
                                 {{"level", name_of(next.level)},
                                  {"before", name_of(before.level)},
                                  {"why", next.why},
                                  {"pressure_percent", rounded(100 * next.pressure)}});
  }
  loop_.wheel().arm(*this, loop_.now() + kMeasureEvery);
}

std::string Yielder::json() const {
  YieldState state;
  YieldLoad load;
  {
    std::lock_guard lock(mutex_);
    state = state_;
    load = load_;
  }
  cluster::JsonObject out;
  out.number("level", static_cast<std::uint64_t>(state.level)).text("name", name_of(state.level));
  out.text("why", state.why).number("pressure_percent", rounded(100 * state.pressure));
  out.boolean("http_is_used", state.demand);
  out.number("load_percent", rounded(load.load_percent)).number("busy_percent", rounded(load.busy_percent));
  out.number("backends_percent", rounded(load.backends_percent)).number("requests", load.requests);
  out.number("requests_per_second", rounded(load.requests_per_second));
  out.number("lag_ms", rounded(std::chrono::duration<double, std::milli>(load.lag).count()));
  const bool yields = state.level != YieldLevel::none;
  out.number("seconds",
             yields ? rounded(std::chrono::duration<double>(Clock::now() - state.since).count()) : std::uint64_t{0});
  return std::move(out).done();
}

}  // namespace genkan::smtp
