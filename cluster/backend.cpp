#include "cluster/backend.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "cluster/members.hpp"

namespace genkan::cluster {

namespace {

constexpr double kPeakDecay = 10;  // seconds until a peak has fallen to 1/e
constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::array<std::string_view, 5> kOutcomes{"ok", "connect_failed", "server_error", "broken", "neutral"};

base::Labels labels(const std::string& pool, const std::string& backend) {
  return {{"pool", pool}, {"backend", backend}};
}

base::Labels labels(const std::string& pool, const std::string& backend, std::string_view outcome) {
  auto out = labels(pool, backend);
  out.emplace_back("outcome", outcome);
  return out;
}

bool blames_backend(Outcome outcome) noexcept {
  return outcome == Outcome::connect_failed || outcome == Outcome::server_error || outcome == Outcome::broken;
}

std::string host_of(std::string_view address) {
  if (address.starts_with("unix:")) return {};
  const auto colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::string(host);
}

}  // namespace

std::string_view name_of(State state) noexcept {
  static constexpr std::array<std::string_view, 6> kNames{"up",        "down",     "ejected",
                                                          "half-open", "draining", "maintenance"};
  return kNames[static_cast<std::size_t>(state)];
}

Backend::Backend(std::string pool, const conf::Backend& conf, const HealthPolicy& policy, base::Telemetry& telemetry,
                 const std::optional<base::Endpoint>& at)
    : pool_(std::move(pool)),
      name_(conf.name.empty() ? conf.address : conf.name),
      address_(conf.address),
      host_(host_of(conf.address)),
      node_(conf.node),
      log_(telemetry.log),
      latency_(telemetry.metrics.histogram("genkan_backend_response_seconds",
                                           "Time from choosing a backend to the end of its response",
                                           labels(pool_, name_))),
      up_gauge_(
          telemetry.metrics.gauge("genkan_backend_up", "1 while a backend gets new requests", labels(pool_, name_))),
      policy_(policy) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    outcomes_[i] = &telemetry.metrics.counter("genkan_backend_requests_total", "Requests by how the backend ended them",
                                              labels(pool_, name_, kOutcomes[i]));
  }
  if (at) {
    fixed_ = *at;
  } else if (const auto parsed = base::Endpoint::parse(address_)) {
    fixed_ = *parsed;
  }
  endpoint_ = fixed_;
  needs_resolving_ = !fixed_;
  stands_for_many_ = needs_resolving_ && is_name_of_many(conf);
  configure(conf, policy);
  const std::scoped_lock lock(mutex_);
  publish(Time{});
  show_gauge();
}

void Backend::configure(const conf::Backend& conf, const HealthPolicy& policy) {
  weight_.store(conf.weight, kRelaxed);
  max_connections_.store(conf.max_connections, kRelaxed);
  const std::scoped_lock lock(mutex_);
  policy_ = policy;
}

std::optional<base::Endpoint> Backend::endpoint() const {
  const std::scoped_lock lock(mutex_);
  return endpoint_;
}

void Backend::set_endpoint(std::optional<base::Endpoint> endpoint, std::string_view why, Time now) {
  State before;
  {
    const std::scoped_lock lock(mutex_);
    before = state_.load(kRelaxed);
    endpoint_ = std::move(endpoint);
    endpoint_reason_ = why;
    if (!publish(now)) return;
  }
  announce_change(before);
}

std::string Backend::reason() const {
  const std::scoped_lock lock(mutex_);
  return reason_;
}

Time Backend::since() const {
  const std::scoped_lock lock(mutex_);
  return since_;
}

Figures Backend::figures() const noexcept {
  Figures f;
  const auto heard = heard_.load(std::memory_order_acquire);
  f.known = heard != 0;
  f.heard = Time(Time::duration(heard));
  f.load_milli = load_milli_.load(kRelaxed);
  f.load_hwm = load_hwm_.load(kRelaxed);
  f.cpu_idle_permille = cpu_idle_.load(kRelaxed);
  f.ncpu = ncpu_.load(kRelaxed);
  f.speed = speed_.load(kRelaxed);
  f.node_inflight = node_inflight_.load(kRelaxed);
  f.service_us = service_us_.load(kRelaxed);
  if (f.service_us == 0) f.service_us = ewma_us();
  f.interval_us = interval_us_.load(kRelaxed);
  f.memory_total = memory_total_.load(kRelaxed);
  f.memory_available = memory_available_.load(kRelaxed);
  f.queue = queue_.load(kRelaxed);
  return f;
}

void Backend::describe(Candidate& out, bool with_figures) const noexcept {
  out.weight = std::max(1u, weight());
  out.inflight = inflight();
  if (!with_figures) return;
  out.figures = figures();
  out.sent = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(started_.load(kRelaxed) - started_then_.load(kRelaxed), 0xffffffff));
}

bool Backend::publish(Time now) {
  State next = State::up;
  if (order_ == Order::maintenance) {
    next = State::maintenance;
  } else if (order_ == Order::drain || node_draining_) {
    next = State::draining;
  } else if (!endpoint_) {
    next = State::down;
  } else {
    switch (health_.health) {
      case Health::up:
        next = State::up;
        break;
      case Health::down:
        next = State::down;
        break;
      case Health::ejected:
        next = State::ejected;
        break;
      case Health::half_open:
        next = State::half_open;
        break;
    }
  }
  attention_.store(health_.bad_requests > 0 || health_.health == Health::half_open, std::memory_order_release);
  if (order_ != Order::none) {
    reason_ = order_reason_;
  } else if (node_draining_) {
    reason_ = "its node announces that it drains";
  } else if (!endpoint_) {
    reason_ = endpoint_reason_;
  } else {
    reason_ = health_reason_;
  }
  const State before = state_.load(kRelaxed);
  if (next == before) return false;
  if (next == State::up && now != Time{}) back_since_.store(now.time_since_epoch().count(), kRelaxed);
  since_ = now;
  state_.store(next, std::memory_order_release);
  show_gauge();
  return true;
}

void Backend::show_gauge() { up_gauge_.add((state_.load(kRelaxed) == State::up ? 1 : 0) - up_gauge_.sum()); }

void Backend::announce_change(State before) {
  const auto after = state();
  const auto why = reason();
  const auto level = after == State::down || after == State::ejected ? base::Level::warning : base::Level::notice;
  log_.write(level, "backend changed state",
             {{"pool", pool_}, {"backend", name_}, {"from", name_of(before)}, {"to", name_of(after)}, {"why", why}});
}

bool Backend::on_check(bool good, std::string_view why, Time now) {
  State before;
  {
    const std::scoped_lock lock(mutex_);
    before = state_.load(kRelaxed);
    if (cluster::on_check(health_, policy_, good, now)) {
      health_reason_ = good ? "checks succeed" : "check failed: " + std::string(why);
    }
    if (!publish(now)) return false;
  }
  announce_change(before);
  return true;
}

bool Backend::on_time(Time now, Duration max_age) {
  State before;
  {
    const std::scoped_lock lock(mutex_);
    before = state_.load(kRelaxed);
    if (cluster::on_time(health_, now)) {
      health_reason_ = "ejection is over, waits for one good request";
      release_trial();
    }
    const Time heard{Time::duration(heard_.load(kRelaxed))};
    if (node_draining_ && now - heard > max_age) node_draining_ = false;
    if (!publish(now)) return false;
  }
  announce_change(before);
  return true;
}

bool Backend::order(Order wanted, std::string_view why, Time now) {
  State before;
  {
    const std::scoped_lock lock(mutex_);
    before = state_.load(kRelaxed);
    order_ = wanted;
    order_reason_ = why;
    if (!publish(now)) return false;
  }
  announce_change(before);
  return true;
}

void Backend::on_figures(const Figures& f, bool draining, Time now) {
  load_milli_.store(f.load_milli, kRelaxed);
  load_hwm_.store(f.load_hwm, kRelaxed);
  cpu_idle_.store(f.cpu_idle_permille, kRelaxed);
  ncpu_.store(f.ncpu, kRelaxed);
  speed_.store(f.speed, kRelaxed);
  node_inflight_.store(f.node_inflight, kRelaxed);
  service_us_.store(f.service_us, kRelaxed);
  interval_us_.store(f.interval_us, kRelaxed);
  memory_total_.store(f.memory_total, kRelaxed);
  memory_available_.store(f.memory_available, kRelaxed);
  queue_.store(f.queue, kRelaxed);
  started_then_.store(started_.load(kRelaxed), kRelaxed);
  heard_.store(std::max<Time::rep>(1, f.heard.time_since_epoch().count()), std::memory_order_release);
  State before;
  {
    const std::scoped_lock lock(mutex_);
    if (node_draining_ == draining) return;
    before = state_.load(kRelaxed);
    node_draining_ = draining;
    if (!publish(now)) return;
  }
  announce_change(before);
}

std::uint32_t Backend::ease(Duration slow_start, Time now) const noexcept {
  const auto since = back_since_.load(kRelaxed);
  if (slow_start <= Duration::zero() || since == 0) return 100;
  const Duration up = now - Time(Time::duration(since));
  if (up >= slow_start) return 100;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(100 * up.count() / slow_start.count(), 10, 100));
}

std::uint32_t Backend::peak_us(Time now) const noexcept {
  const auto value = peak_us_.load(kRelaxed);
  const std::chrono::duration<double> age = now - Time(Time::duration(peak_at_.load(kRelaxed)));
  if (value == 0 || age.count() <= 0) return value;
  return static_cast<std::uint32_t>(std::max(1.0, value * std::exp(-age.count() / kPeakDecay)));
}

bool Backend::trial_free(Time now) const noexcept {
  const auto since = trial_since_.load(std::memory_order_acquire);
  return since == 0 || now - Time(Time::duration(since)) > kTrialFor;
}

bool Backend::take_trial(Time now) noexcept {
  auto since = trial_since_.load(std::memory_order_acquire);
  if (since != 0 && now - Time(Time::duration(since)) <= kTrialFor) return false;
  return trial_since_.compare_exchange_strong(since, std::max<Time::rep>(1, now.time_since_epoch().count()),
                                              std::memory_order_acq_rel);
}

void Backend::prefetch() const noexcept {
  for (const char* at = reinterpret_cast<const char*>(this); at <= reinterpret_cast<const char*>(&level_); at += 64) {
    base::prefetch(at);
  }
}

void Backend::prefetch_outcome() const noexcept {
  outcomes_[static_cast<std::size_t>(Outcome::ok)]->prefetch();
  latency_.prefetch(std::chrono::microseconds(ewma_us()));
}

void Backend::begin() noexcept {
  inflight_.fetch_add(1, kRelaxed);
  started_.fetch_add(1, kRelaxed);
  latency_.prefetch();
}

void Backend::finish(Outcome outcome, Duration latency, bool may_eject, Time now) {
  inflight_.fetch_sub(1, kRelaxed);
  outcomes_[static_cast<std::size_t>(outcome)]->add();
  if (outcome == Outcome::ok || outcome == Outcome::server_error) {
    latency_.record(latency);
    // One eighth of the way; workers that write at the same time lose a sample, not the mean.
    const auto us =
        std::clamp<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(latency).count(), 1, 1u << 30);
    const std::int64_t before = ewma_us_.load(kRelaxed);
    ewma_us_.store(static_cast<std::uint32_t>(before == 0 ? us : std::max<std::int64_t>(1, before + (us - before) / 8)),
                   kRelaxed);
    if (us >= peak_us(now)) {
      peak_us_.store(static_cast<std::uint32_t>(us), kRelaxed);
      peak_at_.store(now.time_since_epoch().count(), kRelaxed);
    }
  }
  const bool bad = blames_backend(outcome);
  if (outcome == Outcome::neutral || (!bad && !attention_.load(std::memory_order_acquire))) return;
  State before;
  {
    const std::scoped_lock lock(mutex_);
    before = state_.load(kRelaxed);
    const auto failures = health_.bad_requests + 1;
    if (on_request(health_, policy_, !bad, may_eject, now)) {
      health_reason_ =
          bad ? (before == State::half_open ? "the trial request failed: "
                                            : std::to_string(failures) + " requests failed in a row, the last: ") +
                    std::string(kOutcomes[static_cast<std::size_t>(outcome)])
              : "requests succeed";
    }
    if (!publish(now)) return;
  }
  announce_change(before);
}

std::int64_t Backend::count(Outcome outcome) const noexcept {
  return outcomes_[static_cast<std::size_t>(outcome)]->sum();
}

void Backend::roll(Time now) {
  auto next = latency_.snapshot();
  const std::scoped_lock lock(recent_mutex_);
  auto window = next;
  for (std::size_t i = 0; i < window.counts.size(); ++i)
    window.counts[i] -= std::min(window.counts[i], window_start_.counts[i]);
  window.count -= std::min(window.count, window_start_.count);
  const auto seconds = std::chrono::duration<double>(now - window_time_).count();
  if (window_time_ != Time{} && seconds > 0) {
    const auto count = static_cast<double>(window.count);
    const auto spent = next.sum_seconds - window_start_.sum_seconds;
    recent_ = {count / seconds, count > 0 ? spent / count : 0, window.quantile(0.5), window.quantile(0.99)};
  }
  window_start_ = next;
  window_time_ = now;
}

Backend::Recent Backend::recent() const {
  const std::scoped_lock lock(recent_mutex_);
  return recent_;
}

}  // namespace genkan::cluster
