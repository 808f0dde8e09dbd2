// Which backend gets a request: pure functions over a short list of candidates. Two schedulers that need nothing but
// ourselves (round robin, least connections) and mod_backhand's candidacy functions, which look at what the nodes
// announce. A chain of them is run in the order of the configuration; each permutes or shortens the list, and who
// stands first at the end wins. Between two announcements every proxy sees the same picture, and plain byLoad would
// send all of them to one machine; hence the canonical chain
//
//     byAge 5s  →  byRandom  →  byLogWindow  →  byLoad
//
// a random window makes different proxies contend for different machines and never picks one of its worst members
// ("power of d choices", Mitzenmacher 2001). Within one proxy the prediction below does the same for byLoad and byCost.
//
//     byAge [age]         drop who was not heard from for longer (default: [cluster] max_age), and who never was
//     byRandom            random permutation
//     byLogWindow         keep the first floor(log2(n)), at least one (mod_backhand would keep none of one)
//     byLoad [bias]       ascending load average; `bias` (load units) is taken off this node's own: -1000 is never me
//     byCPU               most idle CPU first
//     byBusyChildren [bias]  ascending requests in flight, announced by the node and sent by us
//     byQueue             ascending messages in the node's mail queue, with what we sent since
//     byCost              ascending opportunity cost of CPU and memory, see by_cost()
//
// Sorting is stable: equals keep the order that the functions before gave them. Nodes that were never heard from sort
// last. Nothing here allocates for up to kInline candidates.
#pragma once

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::cluster {

constexpr std::size_t kInline = 64;

// What a node announced last.
struct Figures {
  bool known = false;
  Time heard{};
  std::uint32_t load_milli = 0;
  std::uint32_t load_hwm = 1;
  std::uint32_t cpu_idle_permille = 0;
  std::uint32_t ncpu = 1;
  std::uint32_t speed = 0;
  std::uint32_t node_inflight = 0;
  std::uint32_t service_us = 0;  // the node's own mean, or what we measured; 0: unknown
  std::uint32_t interval_us = 1'000'000;
  std::uint64_t memory_total = 0, memory_available = 0;
  std::uint32_t queue = 0;  // messages in the node's mail queue
};

struct Candidate {
  std::uint32_t index = 0;     // in the pool
  std::uint32_t weight = 1;    // at least 1
  std::uint32_t inflight = 0;  // ours, all workers
  std::uint32_t sent = 0;      // requests that we sent since the figures were heard
  bool self = false;           // the node that runs this proxy
  Figures figures;
};

// `order` holds positions in `all`. The functions change only the order.
struct Candidates {
  boost::container::small_vector<Candidate, kInline> all;
  boost::container::small_vector<std::uint16_t, kInline> order;

  void add(const Candidate& c) {
    order.push_back(static_cast<std::uint16_t>(all.size()));
    all.push_back(c);
  }
  const Candidate& at(std::size_t place) const { return all[order[place]]; }
  std::size_t size() const noexcept { return order.size(); }
};

// xorshift64*: quick, good enough to spread load, one per worker.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed | 1) {}
  std::uint64_t next() noexcept {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 2685821657736338717ull;
  }
  // Evenly in [0, n), n > 0.
  std::uint32_t below(std::uint32_t n) noexcept { return static_cast<std::uint32_t>((next() >> 32) * n >> 32); }

 private:
  std::uint64_t state_;
};

// Load that our own requests since the last announcement add, in thousandths: each keeps a processor busy for its mean
// service time, as a share of the announcement interval; at most 1 (it runs all the time), at least 0.001.
std::uint32_t predicted_milli(const Candidate& c) noexcept;

void by_age(Candidates& c, Duration limit, Time now);
void by_random(Candidates& c, Random& random);
void by_log_window(Candidates& c);
void by_load(Candidates& c, double bias);
void by_cpu(Candidates& c);
void by_busy_children(Candidates& c, double bias);
void by_queue(Candidates& c);

// Opportunity cost (Amir, Awerbuch, Barak, Borgstrom, Keren: IEEE TPDS 11(7), 2000), differential form, as the demand
// of a web request is not known beforehand: with N machines (at least 2)
//     cost_i = N^(l_i / L) / power_i  +  N^(used_i / total_i) * max_total / total_i
// power_i: CPUs x speed, relative to the strongest candidate; l_i: (load + prediction) / power_i; L: the smallest power
// of two above every l and every load_hwm / power ("doubling": CPU has no natural maximum). The common factor ln N / L
// is left out; a request is taken to need the same share of the largest machine's memory as of its processors.
void by_cost(Candidates& c);

enum class Function : std::uint8_t {
  by_age,
  by_random,
  by_log_window,
  by_load,
  by_cpu,
  by_busy_children,
  by_queue,
  by_cost
};
std::string_view name_of(Function f) noexcept;

struct Step {
  Function function;
  double argument = 0;  // bias
  Duration age{};       // byAge
};
using Chain = std::vector<Step>;

// "byAge 5s", "byLoad 0.5". Names are compared without case. On failure `why` is a sentence.
Result<Chain> parse_chain(std::span<const std::string> text, Duration default_age, std::string& why);

struct ChainResult {
  std::uint32_t place = 0;  // position in `all` of the winner
  bool emptied = false;     // a step left nobody: it was skipped, and so were those after it
  Function at{};            // which, when emptied
};
// The list must not be empty. When a step leaves nobody (all agents are silent), there is no "serve it myself" as in
// mod_backhand: the least connected of those that the step was given wins.
ChainResult run_chain(const Chain& chain, Candidates& c, Random& random, Time now);

// Smooth weighted round robin (as in nginx): `current` is per worker, one number per backend of the pool. Returns the
// position in `all`. Spreads a heavy backend's turns evenly.
std::uint32_t round_robin(const Candidates& c, std::span<std::int64_t> current) noexcept;

// Fewest requests in flight per weight; equals take turns by round robin.
std::uint32_t least_connections(const Candidates& c, std::span<std::int64_t> current) noexcept;

}  // namespace genkan::cluster
