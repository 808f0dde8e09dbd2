#include "cluster/pool.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "base/slot.hpp"

namespace genkan::cluster {

namespace {

Scheduler scheduler_named(std::string_view name) noexcept {
  if (name == "least_connections") return Scheduler::least_connections;
  if (name == "chain") return Scheduler::chain;
  return Scheduler::round_robin;
}

}  // namespace

std::string_view name_of(Scheduler s) noexcept {
  switch (s) {
    case Scheduler::round_robin:
      return "round_robin";
    case Scheduler::least_connections:
      return "least_connections";
    case Scheduler::chain:
      return "chain";
  }
  return "?";
}

InFlight::InFlight(const Pool& pool, Backend& backend, bool trial, Time now)
    : pool_(&pool), backend_(&backend), start_(now), trial_(trial) {
  backend.begin();
}

InFlight::InFlight(InFlight&& other) noexcept
    : pool_(other.pool_),
      backend_(std::exchange(other.backend_, nullptr)),
      start_(other.start_),
      trial_(other.trial_) {}

InFlight& InFlight::operator=(InFlight&& other) noexcept {
  if (this != &other) {
    finish(Outcome::neutral);
    pool_ = other.pool_;
    backend_ = std::exchange(other.backend_, nullptr);
    start_ = other.start_;
    trial_ = other.trial_;
  }
  return *this;
}

void InFlight::finish(Outcome outcome, Time now) noexcept {
  auto* backend = std::exchange(backend_, nullptr);
  if (!backend) return;
  const bool may_eject = outcome != Outcome::ok && outcome != Outcome::neutral && pool_->may_eject_one_more();
  backend->finish(outcome, now - start_, may_eject, now);
  if (trial_) backend->release_trial();
}

std::string Why::text() const {
  const auto among = std::to_string(candidates) + (candidates == 1 ? " candidate" : " candidates");
  std::string out;
  switch (kind) {
    case Kind::chosen:
      out = std::string(name_of(scheduler)) + " among " + among;
      break;
    case Kind::panic:
      out = "all are down or ejected: " + std::string(name_of(scheduler)) + " among all, " + among;
      break;
    case Kind::emptied:
      out = std::string(name_of(step)) + " left nobody: least connected of " + among;
      break;
    case Kind::no_backend:
      return "no backend is left: all were tried, drain or are in maintenance";
    case Kind::full:
      return "every working backend is at its max_connections";
  }
  if (trial) out += ", as the trial request after an ejection";
  return out;
}

Pool::Pool(const conf::Pool& conf, Chain chain, std::vector<std::shared_ptr<Backend>> backends, std::string_view self)
    : conf_(conf),
      chain_(std::move(chain)),
      scheduler_(scheduler_named(conf.scheduler)),
      backends_(std::move(backends)),
      self_(self) {
  turns_[0] = std::make_unique<Turn>(backends_.size(), base::random_u64());
}

Backend* Pool::find(std::string_view backend_name) const noexcept {
  for (const auto& b : backends_) {
    if (b->name() == backend_name) return b.get();
  }
  return nullptr;
}

bool Pool::may_eject_one_more() const noexcept {
  std::size_t out = 0, total = 0;
  for (const auto& b : backends_) {
    const auto state = b->state();
    if (state == State::draining || state == State::maintenance) continue;
    ++total;
    if (state != State::up) ++out;
  }
  return may_eject(out, total, HealthPolicy{}.max_ejected_share);
}

std::size_t Pool::usable() const noexcept {
  return static_cast<std::size_t>(std::count_if(backends_.begin(), backends_.end(), [](const auto& b) {
    return b->state() == State::up || b->state() == State::half_open;
  }));
}

Pool::Turn& Pool::turn() {
  auto& mine = turns_[static_cast<std::size_t>(base::this_slot)];
  if (!mine) {
    mine = std::make_unique<Turn>(backends_.size(), base::random_u64());
    // Workers start at different places, or the first backend would get the first request of each of them.
    Candidates all;
    for (std::uint32_t i = 0; i < backends_.size(); ++i) {
      all.add({.index = i, .weight = std::max(1u, backends_[i]->weight())});
    }
    for (int i = 0; i < base::this_slot - 1 && all.size() > 0; ++i) round_robin(all, mine->current);
  }
  return *mine;
}

// False when somebody works but has no room.
bool Pool::gather(Candidates& c, std::span<const Backend* const> tried, bool panic, Time now, Why& why) const {
  bool room = true;
  for (std::uint32_t i = 0; i < backends_.size(); ++i) {
    const auto& b = *backends_[i];
    const auto state = b.state();
    const bool wanted = panic ? state == State::down || state == State::ejected || state == State::half_open
                              : state == State::up || (state == State::half_open && b.trial_free(now));
    if (!wanted || b.weight() == 0) continue;
    if (b.needs_resolving() && panic && !b.endpoint()) continue;
    if (std::find(tried.begin(), tried.end(), &b) != tried.end()) continue;
    const auto limit = b.max_connections();
    if (limit != 0 && b.inflight() >= limit) {
      room = false;
      continue;
    }
    Candidate one;
    one.index = i;
    b.describe(one, scheduler_ == Scheduler::chain);
    one.self = !self_.empty() && b.node() == self_;
    c.add(one);
  }
  why.candidates = static_cast<std::uint32_t>(c.size());
  return room;
}

std::uint32_t Pool::choose(Candidates& c, Turn& t, Time now, Why& why) {
  if (scheduler_ == Scheduler::chain && !chain_.empty()) {
    const auto result = run_chain(chain_, c, t.random, now);
    if (result.emptied) {
      why.kind = Why::Kind::emptied;
      why.step = result.at;
    }
    return result.place;
  }
  return scheduler_ == Scheduler::least_connections ? least_connections(c, t.current) : round_robin(c, t.current);
}

Choice Pool::pick(const RequestFacts& facts, std::span<const Backend* const> tried) {
  auto& mine = turn();
  const auto lock = base::this_slot == 0 ? std::unique_lock(mine.mutex) : std::unique_lock<std::mutex>();
  Choice choice;
  auto& why = choice.why;
  why.scheduler = scheduler_;
  // A second round only when another worker took a half-open backend's trial in between.
  for (int round = 0; round < 4; ++round) {
    Candidates c;
    const bool room = gather(c, tried, false, facts.now, why);
    why.kind = Why::Kind::chosen;
    if (c.size() == 0 && !room) {
      why.kind = Why::Kind::full;
      return choice;
    }
    if (c.size() == 0) {
      gather(c, tried, true, facts.now, why);
      why.kind = Why::Kind::panic;
    }
    if (c.size() == 0) {
      why.kind = Why::Kind::no_backend;
      return choice;
    }
    const auto place = choose(c, mine, facts.now, why);
    auto& backend = *backends_[c.all[place].index];
    const bool half_open = backend.state() == State::half_open;
    why.trial = half_open && backend.take_trial(facts.now);
    if (half_open && !why.trial && why.kind != Why::Kind::panic) continue;
    choice.flight = InFlight(*this, backend, why.trial, facts.now);
    return choice;
  }
  why.kind = Why::Kind::no_backend;
  return choice;
}

}  // namespace genkan::cluster
