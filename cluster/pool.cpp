#include "cluster/pool.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "base/slot.hpp"

namespace genkan::cluster {

namespace {

constexpr std::array<std::string_view, 7> kSchedulers{
    "round_robin", "least_connections", "random", "two_choices", "peak_ewma", "hash", "chain"};

Scheduler scheduler_named(std::string_view name) noexcept {
  const auto found = std::find(kSchedulers.begin(), kSchedulers.end(), name);
  return found == kSchedulers.end() ? Scheduler::round_robin : static_cast<Scheduler>(found - kSchedulers.begin());
}

constexpr int kDraws = 8;                   // random places that are looked at before every one is
constexpr std::uint32_t kSampled = 32;      // of a large pool, for least_connections
constexpr std::int64_t kRetryFloor = 10;    // a second and worker, whatever the budget says
constexpr std::int64_t kHedgeDepth = 1000;  // ten second requests may be saved up
constexpr std::int64_t kRetryDepth = 10;    // seconds of floor, or requests' worth, that may be saved up

}  // namespace

std::string_view name_of(Scheduler s) noexcept { return kSchedulers[static_cast<std::size_t>(s)]; }

InFlight::InFlight(const Pool& pool, Backend& backend, bool trial, Time now)
    : pool_(&pool), backend_(&backend), start_(now), trial_(trial) {
  backend.begin();
  if (pool.scheduler_ == Scheduler::hash) pool.inflight_.fetch_add(1, std::memory_order_relaxed);
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
  if (pool_->scheduler_ == Scheduler::hash) pool_->inflight_.fetch_sub(1, std::memory_order_relaxed);
  const bool may_eject = outcome != Outcome::ok && outcome != Outcome::neutral && pool_->may_eject_one_more();
  backend->finish(outcome, now - start_, may_eject, now);
  if (trial_) backend->release_trial();
}

std::string Why::text() const {
  if (kind == Kind::chosen && sticky) return "where the client's cookie points to";
  const auto among = candidates == 0 ? std::string("all")
                                     : std::to_string(candidates) + (candidates == 1 ? " candidate" : " candidates");
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

Pool::Pool(const conf::Pool& conf, Chain chain, std::vector<std::shared_ptr<Backend>> backends, std::string_view self,
           std::shared_ptr<const net::TlsClient> tls)
    : conf_(conf),
      chain_(std::move(chain)),
      scheduler_(scheduler_named(conf.scheduler)),
      backends_(std::move(backends)),
      self_(self),
      tls_(std::move(tls)) {
  turns_[0] = std::make_unique<Turn>(backends_.size(), base::random_u64());
  std::vector<std::uint32_t> weights;
  std::vector<std::string> names;
  for (const auto& b : backends_) {
    weights.push_back(b->weight());
    names.push_back(b->name());
    total_weight_ += b->weight();
  }
  round_ = turns_of(weights);
  if (scheduler_ == Scheduler::hash) ring_ = HashRing(names, weights);
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
    if (!round_.empty()) mine->at = static_cast<std::size_t>(std::max(0, base::this_slot - 1)) % round_.size();
    // Workers start at different places, or the first backend would get the first request of each of them.
    Candidates all;
    for (std::uint32_t i = 0; i < backends_.size() && i < kListed; ++i) {
      all.add({.index = i, .weight = std::max(1u, backends_[i]->weight())});
    }
    for (int i = 0; i < base::this_slot - 1 && all.size() > 0; ++i) round_robin(all, mine->current);
  }
  return *mine;
}

// May it have this request? Sets `full` when it works but has no room.
bool Pool::takes(const Backend& b, std::span<const Backend* const> tried, Time now, bool& full) const noexcept {
  const auto state = b.state();
  if (state != State::up && !(state == State::half_open && b.trial_free(now))) return false;
  if (b.weight() == 0 || std::find(tried.begin(), tried.end(), &b) != tried.end()) return false;
  if (const auto level = b.level(); level > 0 && level > level_now(tried, now)) return false;
  const auto limit = b.max_connections();
  if (limit == 0 || b.inflight() < limit) return true;
  full = true;
  return false;
}

std::uint32_t Pool::level_now(std::span<const Backend* const> tried, Time now) const noexcept {
  std::uint32_t least = UINT32_MAX;
  for (const auto& b : backends_) {
    const auto state = b->state();
    const bool works = state == State::up || (state == State::half_open && b->trial_free(now));
    if (!works || b->weight() == 0 || b->level() >= least) continue;
    if (std::find(tried.begin(), tried.end(), b.get()) == tried.end()) least = b->level();
  }
  return least;
}

// While a backend is eased in, it lets part of its turns pass.
bool Pool::eased(const Backend& b, Random& random, Time now) const noexcept {
  const auto share = b.ease(conf_.slow_start, now);
  return share == 100 || random.below(100) < share;
}

Backend* Pool::by_turn(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const {
  auto& b = *backends_[round_[t.at]];
  if (++t.at >= round_.size()) t.at = 0;
  backends_[round_[t.at]]->prefetch();
  if (takes(b, tried, now, full) && eased(b, t.random, now)) return &b;
  return by_draw(t, tried, now, full);  // its turns go to all others alike, and not to the next one
}

Backend* Pool::by_draw(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const {
  const auto places = static_cast<std::uint32_t>(round_.size());
  for (int i = 0; i < kDraws; ++i) {
    auto& b = *backends_[round_[t.random.below(places)]];
    if (takes(b, tried, now, full) && eased(b, t.random, now)) return &b;
  }
  const std::size_t start = t.random.below(places);
  for (std::size_t i = 0; i < places; ++i) {
    auto& b = *backends_[round_[(start + i) % places]];
    if (takes(b, tried, now, full)) return &b;
  }
  return nullptr;
}

// least_connections of a large pool, two_choices, peak_ewma: the best of a few that were drawn.
Backend* Pool::by_two(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const {
  const std::uint32_t draws = scheduler_ == Scheduler::least_connections ? kSampled : 2;
  Backend* best = nullptr;
  double least = 0;
  for (std::uint32_t i = 0, drawn = 0; i < 4 * draws && drawn < draws; ++i) {
    auto& b = *backends_[round_[t.random.below(static_cast<std::uint32_t>(round_.size()))]];
    if (&b == best || !takes(b, tried, now, full) || !eased(b, t.random, now)) continue;
    ++drawn;
    double cost = b.inflight() + 1.0;
    // Who was never measured is tried before it is compared.
    if (scheduler_ == Scheduler::peak_ewma) cost *= b.peak_us(now);
    if (scheduler_ == Scheduler::least_connections) cost /= b.weight();
    if (!best || cost < least) {
      best = &b;
      least = cost;
    }
  }
  return best ? best : by_draw(t, tried, now, full);
}

Backend* Pool::by_hash(std::uint64_t key, std::span<const Backend* const> tried, Time now, bool& full) const {
  const auto start = ring_.place(key);
  const auto inflight =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, inflight_.load(std::memory_order_relaxed)));
  Backend* first = nullptr;
  std::uint32_t last = UINT32_MAX;
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    const auto index = ring_.index(start + i);
    if (index == last) continue;
    last = index;
    auto& b = *backends_[index];
    if (!takes(b, tried, now, full)) continue;
    if (conf_.hash_balance == 0) return &b;
    if (b.inflight() < bounded_share(inflight, b.weight(), total_weight_, conf_.hash_balance)) return &b;
    if (!first) first = &b;
  }
  return first;  // others are down, and their share is ours to carry
}

Backend* Pool::quick(const RequestFacts& facts, Turn& t, std::span<const Backend* const> tried, bool& full) const {
  switch (scheduler_) {
    case Scheduler::round_robin:
      return by_turn(t, tried, facts.now, full);
    case Scheduler::random:
      return by_draw(t, tried, facts.now, full);
    case Scheduler::hash:
      return by_hash(facts.key, tried, facts.now, full);
    default:
      return by_two(t, tried, facts.now, full);
  }
}

// So few work that the checks are likelier wrong than right, or the few would drown.
bool Pool::panics() const noexcept {
  if (conf_.panic_below == 0) return false;
  std::size_t serving = 0, total = 0;
  for (const auto& b : backends_) {
    const auto state = b->state();
    if (state == State::draining || state == State::maintenance || b->weight() == 0) continue;
    ++total;
    serving += state == State::up;
  }
  return total > 0 && serving * 100 < total * conf_.panic_below;
}

// False when another worker took a half-open backend's trial in between.
bool Pool::claim(Backend& b, Choice& choice, Time now, bool panic) {
  const bool half_open = b.state() == State::half_open;
  choice.why.trial = half_open && b.take_trial(now);
  if (half_open && !choice.why.trial && !panic) return false;
  choice.flight = InFlight(*this, b, choice.why.trial, now);
  return true;
}

void Pool::count_request() noexcept {
  auto& mine = turn();
  const auto lock = base::this_slot == 0 ? std::unique_lock(mine.mutex) : std::unique_lock<std::mutex>();
  const std::int64_t most = kRetryDepth * std::max<std::int64_t>(100 * kRetryFloor, conf_.retry_budget * 10);
  mine.retries = std::min(most, mine.retries + conf_.retry_budget);
  mine.hedges = std::min<std::int64_t>(kHedgeDepth, mine.hedges + conf_.hedge_budget);
}

bool Pool::take_hedge() noexcept {
  auto& mine = turn();
  const auto lock = base::this_slot == 0 ? std::unique_lock(mine.mutex) : std::unique_lock<std::mutex>();
  if (mine.hedges < 100) return false;
  mine.hedges -= 100;
  return true;
}

bool Pool::take_retry(Time now) noexcept {
  auto& mine = turn();
  const auto lock = base::this_slot == 0 ? std::unique_lock(mine.mutex) : std::unique_lock<std::mutex>();
  const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second != mine.retried_at) mine.retries = std::max(mine.retries, 100 * kRetryFloor);
  mine.retried_at = second;
  if (mine.retries < 100) return false;
  mine.retries -= 100;
  return true;
}

// False when somebody works but has no room.
bool Pool::gather(Candidates& c, std::span<const Backend* const> tried, bool panic, Time now, Why& why) const {
  bool room = true;
  for (std::uint32_t i = 0; i < backends_.size(); ++i) {
    const auto& b = *backends_[i];
    const auto state = b.state();
    const bool works = state == State::up || (state == State::half_open && b.trial_free(now));
    const bool wanted =
        works || (panic && (state == State::down || state == State::ejected || state == State::half_open));
    if (!wanted || b.weight() == 0) continue;
    if (b.needs_resolving() && panic && !b.endpoint()) continue;
    if (std::find(tried.begin(), tried.end(), &b) != tried.end()) continue;
    if (const auto level = b.level(); !panic && level > 0 && level > level_now(tried, now)) continue;
    const auto limit = b.max_connections();
    if (limit != 0 && b.inflight() >= limit) {
      room = false;
      continue;
    }
    Candidate one;
    one.index = i;
    b.describe(one, scheduler_ == Scheduler::chain);
    if (conf_.slow_start > Duration::zero()) one.weight *= b.ease(conf_.slow_start, now);
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
  return scheduler_ == Scheduler::round_robin ? round_robin(c, t.current) : least_connections(c, t.current);
}

Choice Pool::pick_listed(const RequestFacts& facts, Turn& mine, std::span<const Backend* const> tried) {
  Choice choice;
  auto& why = choice.why;
  why.scheduler = scheduler_;
  // A second round only when another worker took a half-open backend's trial in between.
  for (int round = 0; round < 4; ++round) {
    Candidates c;
    bool panic = facts.may_panic && panics();
    const bool room = gather(c, tried, panic, facts.now, why);
    why.kind = panic ? Why::Kind::panic : Why::Kind::chosen;
    if (c.size() == 0 && !room) {
      why.kind = Why::Kind::full;
      return choice;
    }
    if (c.size() == 0 && facts.may_panic) {
      panic = true;
      gather(c, tried, true, facts.now, why);
      why.kind = Why::Kind::panic;
    }
    if (c.size() == 0) break;
    const auto place = choose(c, mine, facts.now, why);
    if (claim(*backends_[c.all[place].index], choice, facts.now, panic)) return choice;
  }
  why.kind = Why::Kind::no_backend;
  return choice;
}

Choice Pool::pick(const RequestFacts& facts, std::span<const Backend* const> tried) {
  auto& mine = turn();
  const auto lock = base::this_slot == 0 ? std::unique_lock(mine.mutex) : std::unique_lock<std::mutex>();
  Choice choice;
  choice.why.scheduler = scheduler_;
  if (Backend* b = facts.preferred) {
    bool full = false;
    const bool stays = b->state() == State::draining && std::find(tried.begin(), tried.end(), b) == tried.end();
    if ((stays || takes(*b, tried, facts.now, full)) && claim(*b, choice, facts.now, false)) {
      choice.why.kind = Why::Kind::chosen;
      choice.why.sticky = true;
      return choice;
    }
  }
  const bool listed =
      scheduler_ == Scheduler::chain || (backends_.size() <= kListed && scheduler_ <= Scheduler::least_connections);
  if (listed || round_.empty() || (facts.may_panic && panics())) return pick_listed(facts, mine, tried);
  for (int round = 0; round < 4; ++round) {
    bool full = false;
    Backend* b = quick(facts, mine, tried, full);
    if (!b && full) {
      choice.why.kind = Why::Kind::full;
      return choice;
    }
    if (!b) break;
    choice.why.kind = Why::Kind::chosen;
    if (claim(*b, choice, facts.now, false)) return choice;
  }
  return pick_listed(facts, mine, tried);  // nobody: in panic anybody
}

}  // namespace genkan::cluster
