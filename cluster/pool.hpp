// A pool at run time: the backends of one [[pool]] and the rule that chooses among them. Immutable but for the turns of
// the schedulers; a reload makes a new Pool that shares the Backend objects of the old one. Whoever serves a request
// keeps its shared_ptr<Pool> (with its configuration) until the request ends.
//
// Who may be chosen: state up, or half-open with its one trial free; not tried before; below its max_connections; of a
// level above 0 (SRV's priority) only while nobody of a lower one works.
// Panic rule: when nobody is left because all are down or ejected, all of them may be chosen (being wrong about all of
// them is likelier than all being dead, and a refused connection costs nobody anything). Draining and maintenance are
// orders and stay obeyed.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cluster/backend.hpp"
#include "cluster/choice.hpp"
#include "cluster/spread.hpp"
#include "conf/conf.hpp"
#include "net/tls.hpp"

namespace genkan::cluster {

class Pool;

// A request in flight at a backend, counted from the moment of the choice. finish() says how it ended; without it the
// destructor counts it as neutral. Moves between owners on one thread; the Pool must outlive it.
class InFlight {
 public:
  InFlight() = default;
  InFlight(InFlight&& other) noexcept;
  InFlight& operator=(InFlight&& other) noexcept;
  ~InFlight() { finish(Outcome::neutral); }

  Backend* backend() const noexcept { return backend_; }
  explicit operator bool() const noexcept { return backend_ != nullptr; }
  void finishes_soon() const noexcept {
    if (backend_) backend_->prefetch_outcome();
  }
  // Once; later calls do nothing. An empty one does not even ask for the time: there are ten of them in a request.
  void finish(Outcome outcome) noexcept {
    if (backend_) finish(outcome, Clock::now());
  }
  void finish(Outcome outcome, Time now) noexcept;

 private:
  friend class Pool;
  InFlight(const Pool& pool, Backend& backend, bool trial, Time now);
  const Pool* pool_ = nullptr;
  Backend* backend_ = nullptr;
  Time start_{};
  bool trial_ = false;
};

enum class Scheduler : std::uint8_t {
  round_robin,
  least_connections,
  random,
  two_choices,  // the less busy of two random ones
  peak_ewma,    // of two random ones, that whose latency times its requests in flight is less
  hash,         // consistent, with bounded loads
  chain
};
std::string_view name_of(Scheduler s) noexcept;

// Why this backend, or why none.
struct Why {
  enum class Kind : std::uint8_t {
    chosen,
    panic,       // all are down or ejected: any
    emptied,     // a step of the chain left nobody: least connections instead
    no_backend,  // the pool has none, or all were tried, drain or are in maintenance
    full,        // all that work are at max_connections
  };
  Kind kind = Kind::no_backend;
  Scheduler scheduler = Scheduler::round_robin;
  Function step{};               // of emptied
  bool trial = false;            // a half-open backend's trial request
  bool sticky = false;           // where the client was before
  std::uint32_t candidates = 0;  // how many took part; 0 where a table is looked up
  std::string text() const;      // for people
};

struct Choice {
  InFlight flight;  // empty: nobody
  Why why;
  Backend* backend() const noexcept { return flight.backend(); }
};

// What a choice may depend on.
struct RequestFacts {
  Time now{};
  std::uint64_t key = 0;         // for hash: stable_hash of what the pool is told to hash
  Backend* preferred = nullptr;  // where the client's cookie points to; draining ones still serve it
  bool may_panic = true;         // false: another pool will serve
};

class Pool {
 public:
  // `self`: the name of this node, for the bias of byLoad. `chain` is empty unless the scheduler is chain.
  // `tls`: how its backends are spoken to; null: plainly.
  Pool(const conf::Pool& conf, Chain chain, std::vector<std::shared_ptr<Backend>> backends, std::string_view self,
       std::shared_ptr<const net::TlsClient> tls = nullptr);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  const std::string& name() const noexcept { return conf_.name; }
  const conf::Pool& conf() const noexcept { return conf_; }
  Scheduler scheduler() const noexcept { return scheduler_; }
  std::span<const std::shared_ptr<Backend>> backends() const noexcept { return backends_; }
  Backend* find(std::string_view backend_name) const noexcept;
  const std::shared_ptr<const net::TlsClient>& tls() const noexcept { return tls_; }
  // What a backend's certificate must be for.
  const std::string& tls_name(const Backend& b) const noexcept {
    return conf_.tls_name.empty() ? b.host() : conf_.tls_name;
  }

  // Any thread. `tried` are the backends that this request was sent to before.
  Choice pick(const RequestFacts& facts, std::span<const Backend* const> tried = {});

  bool may_eject_one_more() const noexcept;
  std::size_t usable() const noexcept;  // up or half-open

  // One retry more within retry_budget percent of the requests (and a few a second in any case)? Takes it.
  bool take_retry(Time now) noexcept;
  void count_request() noexcept;
  // One second request more within hedge_budget percent of the requests? Takes it.
  bool take_hedge() noexcept;

 private:
  friend class InFlight;
  // What one worker remembers between choices. Slot 0 is shared by all threads that are no workers.
  struct Turn {
    explicit Turn(std::size_t backends, std::uint64_t seed) : current(backends, 0), random(seed) {}
    std::vector<std::int64_t> current;
    std::size_t at = 0;                        // in turns_
    std::int64_t retries = 0, retried_at = 0;  // budget in hundredths; the second it was last topped up
    std::int64_t hedges = 0;                   // budget in hundredths
    Random random;
    std::mutex mutex;  // held for one choice, by slot 0 only
  };
  // Larger pools, and the schedulers that need no list, look into a table instead of at everybody.
  static constexpr std::size_t kListed = 32;
  Turn& turn();
  bool takes(const Backend& b, std::span<const Backend* const> tried, Time now, bool& full) const noexcept;
  // The least level of those that could have this request: those of higher ones only stand in.
  std::uint32_t level_now(std::span<const Backend* const> tried, Time now) const noexcept;
  bool eased(const Backend& b, Random& random, Time now) const noexcept;
  Backend* by_turn(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const;
  Backend* by_draw(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const;
  Backend* by_two(Turn& t, std::span<const Backend* const> tried, Time now, bool& full) const;
  Backend* by_hash(std::uint64_t key, std::span<const Backend* const> tried, Time now, bool& full) const;
  Backend* quick(const RequestFacts& facts, Turn& t, std::span<const Backend* const> tried, bool& full) const;
  bool panics() const noexcept;
  bool claim(Backend& b, Choice& choice, Time now, bool panic);
  Choice pick_listed(const RequestFacts& facts, Turn& t, std::span<const Backend* const> tried);
  std::uint32_t choose(Candidates& c, Turn& turn, Time now, Why& why);
  bool gather(Candidates& c, std::span<const Backend* const> tried, bool panic, Time now, Why& why) const;

  const conf::Pool conf_;
  const Chain chain_;
  const Scheduler scheduler_;
  const std::vector<std::shared_ptr<Backend>> backends_;
  const std::string self_;
  const std::shared_ptr<const net::TlsClient> tls_;
  std::vector<std::uint32_t> round_;  // turns_of(weights)
  HashRing ring_;                     // of the scheduler hash
  std::uint64_t total_weight_ = 0;
  mutable std::atomic<std::int64_t> inflight_{0};  // kept for the scheduler hash only
  // A worker makes its own on first use and is alone in reading it afterwards.
  std::array<std::unique_ptr<Turn>, base::kMaxSlots> turns_;
};

// Where the newest of a pool's forms is found while its members come and go. Any thread.
class Seat {
 public:
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<Pool> take(std::uint64_t& version) const {
    const std::scoped_lock lock(mutex_);
    version = this->version();
    return pool_;
  }
  void set(std::shared_ptr<Pool> pool) {
    const std::scoped_lock lock(mutex_);
    pool_.swap(pool);
    version_.fetch_add(1, std::memory_order_release);
  }

 private:
  mutable std::mutex mutex_;  // guards pool_; held for a copy
  std::atomic<std::uint64_t> version_{0};
  std::shared_ptr<Pool> pool_;
};

}  // namespace genkan::cluster
