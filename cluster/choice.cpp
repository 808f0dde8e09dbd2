#include "cluster/choice.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace genkan::cluster {

namespace {

constexpr double kLast = std::numeric_limits<double>::infinity();

// Stable, ascending by key(candidate). Insertion sort on small pairs: std::stable_sort would allocate.
template <class KeyOf>
void sort_by(Candidates& c, KeyOf key_of) {
  struct Entry {
    double key;
    std::uint16_t position;
  };
  boost::container::small_vector<Entry, kInline> entries;
  for (const auto position : c.order) entries.push_back({key_of(c.all[position]), position});
  if (entries.size() > kInline) {
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  } else {
    for (std::size_t i = 1; i < entries.size(); ++i) {
      const auto moved = entries[i];
      auto j = i;
      for (; j > 0 && moved.key < entries[j - 1].key; --j) entries[j] = entries[j - 1];
      entries[j] = moved;
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) c.order[i] = entries[i].position;
}

double load_of(const Candidate& c) noexcept {
  return (static_cast<double>(c.figures.load_milli) + predicted_milli(c)) / 1000;
}

double power_of(const Candidate& c) noexcept {
  return static_cast<double>(std::max(1u, c.figures.ncpu)) * std::max(1u, c.figures.speed);
}

}  // namespace

std::uint32_t predicted_milli(const Candidate& c) noexcept {
  const auto interval = std::max(1.0, static_cast<double>(c.figures.interval_us));
  const auto each = std::clamp(1000.0 * c.figures.service_us / interval, 1.0, 1000.0);
  return static_cast<std::uint32_t>(std::min(each * c.sent, 4e9));
}

void by_age(Candidates& c, Duration limit, Time now) {
  const auto gone = [&](std::uint16_t position) {
    const auto& f = c.all[position].figures;
    return !f.known || now - f.heard > limit;
  };
  c.order.erase(std::remove_if(c.order.begin(), c.order.end(), gone), c.order.end());
}

void by_random(Candidates& c, Random& random) {
  for (std::size_t n = c.size(); n > 1; --n) {
    std::swap(c.order[n - 1], c.order[random.below(static_cast<std::uint32_t>(n))]);
  }
}

void by_log_window(Candidates& c) {
  if (c.size() < 2) return;
  c.order.resize(static_cast<std::size_t>(std::bit_width(c.size()) - 1));
}

void by_load(Candidates& c, double bias) {
  sort_by(c, [bias](const Candidate& x) {
    if (!x.figures.known) return kLast;
    return load_of(x) - (x.self ? bias : 0);
  });
}

void by_cpu(Candidates& c) {
  sort_by(c, [](const Candidate& x) {
    return x.figures.known ? -static_cast<double>(x.figures.cpu_idle_permille) : kLast;
  });
}

void by_busy_children(Candidates& c, double bias) {
  sort_by(c, [bias](const Candidate& x) {
    if (!x.figures.known) return kLast;
    // The node's figure holds ours of the last second too; whichever is larger is nearer to the truth.
    return static_cast<double>(std::max(x.figures.node_inflight, x.inflight)) - (x.self ? bias : 0);
  });
}

void by_queue(Candidates& c) {
  sort_by(c,
          [](const Candidate& x) { return x.figures.known ? static_cast<double>(x.figures.queue) + x.sent : kLast; });
}

void by_cost(Candidates& c) {
  double strongest = 1, largest = 1;
  for (const auto position : c.order) {
    const auto& x = c.all[position];
    if (!x.figures.known) continue;
    strongest = std::max(strongest, power_of(x));
    largest = std::max(largest, static_cast<double>(x.figures.memory_total));
  }
  double ceiling = 1;
  for (const auto position : c.order) {
    const auto& x = c.all[position];
    if (!x.figures.known) continue;
    const auto power = power_of(x) / strongest;
    const auto highest = std::max(load_of(x) / power, x.figures.load_hwm / power);
    while (ceiling < highest) ceiling *= 2;  // at most some 60 rounds: figures are 32-bit numbers
  }
  const auto machines = static_cast<double>(std::max<std::size_t>(2, c.size()));
  sort_by(c, [&](const Candidate& x) {
    if (!x.figures.known) return kLast;
    const auto power = power_of(x) / strongest;
    const auto cpu = std::pow(machines, load_of(x) / power / ceiling) / power;
    const auto total = static_cast<double>(x.figures.memory_total);
    if (total <= 0) return cpu + machines;  // unknown memory counts as full
    const auto used = total - static_cast<double>(std::min(x.figures.memory_available, x.figures.memory_total));
    return cpu + std::pow(machines, used / total) * (largest / total);
  });
}

ChainResult run_chain(const Chain& chain, Candidates& c, Random& random, Time now) {
  for (const auto& step : chain) {
    const auto before = c.order;
    switch (step.function) {
      case Function::by_age:
        by_age(c, step.age, now);
        break;
      case Function::by_random:
        by_random(c, random);
        break;
      case Function::by_log_window:
        by_log_window(c);
        break;
      case Function::by_load:
        by_load(c, step.argument);
        break;
      case Function::by_cpu:
        by_cpu(c);
        break;
      case Function::by_busy_children:
        by_busy_children(c, step.argument);
        break;
      case Function::by_queue:
        by_queue(c);
        break;
      case Function::by_cost:
        by_cost(c);
        break;
    }
    if (!c.order.empty()) continue;
    c.order = before;
    const auto least = std::min_element(c.order.begin(), c.order.end(), [&](std::uint16_t a, std::uint16_t b) {
      return c.all[a].inflight < c.all[b].inflight;
    });
    return {*least, true, step.function};
  }
  return {c.order.front(), false, {}};
}

std::uint32_t round_robin(const Candidates& c, std::span<std::int64_t> current) noexcept {
  std::int64_t total = 0;
  std::uint16_t best = c.order.front();
  for (const auto position : c.order) {
    const auto& x = c.all[position];
    total += x.weight;
    current[x.index] += x.weight;
    if (current[x.index] > current[c.all[best].index]) best = position;
  }
  current[c.all[best].index] -= total;
  return best;
}

std::uint32_t least_connections(const Candidates& c, std::span<std::int64_t> current) noexcept {
  // a/wa < b/wb without division.
  const auto fewer = [](const Candidate& a, const Candidate& b) {
    return std::uint64_t{a.inflight} * b.weight < std::uint64_t{b.inflight} * a.weight;
  };
  const auto least = std::min_element(c.order.begin(), c.order.end(),
                                      [&](std::uint16_t a, std::uint16_t b) { return fewer(c.all[a], c.all[b]); });
  std::int64_t total = 0;
  std::uint16_t best = *least;
  for (const auto position : c.order) {
    const auto& x = c.all[position];
    if (fewer(c.all[*least], x)) continue;
    total += x.weight;
    current[x.index] += x.weight;
    if (current[x.index] > current[c.all[best].index]) best = position;
  }
  current[c.all[best].index] -= total;
  return best;
}

}  // namespace genkan::cluster
