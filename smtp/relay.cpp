#include "smtp/relay.hpp"

#include <algorithm>

namespace genkan::smtp {
namespace {

constexpr Duration kMemberFirst = std::chrono::seconds(1);
constexpr Duration kMemberMax = std::chrono::seconds(60);
constexpr Duration kHalvingPause = std::chrono::seconds(1);

Duration doubled(Duration first, std::uint32_t times, Duration max) {
  auto value = first;
  for (std::uint32_t i = 0; i < times && value < max; ++i) value *= 2;
  return std::min(value, max);
}

Duration spread(Duration value, double random) {
  return std::chrono::duration_cast<Duration>(value * (0.875 + 0.25 * random));
}

double load_of(const MemberState& member) noexcept {  // 1: every processor has work
  return member.figures.known ? member.figures.load_milli / 1000.0 / std::max(1u, member.figures.ncpu) : 0;
}

double work_of(const MemberState& member) { return (member.in_flight + 1) * (1 + 4 * load_of(member)); }

// Members that may be chosen: alive, not tried, and of the best preference among those.
cluster::Candidates candidates_of(std::span<const MemberState> members, const ChoiceRules& rules, bool all, Time now,
                                  const std::vector<bool>& skip) {
  cluster::Candidates out;
  std::uint32_t best = UINT32_MAX;
  for (std::size_t i = 0; i < members.size() && i < UINT16_MAX; ++i) {
    const auto& member = members[i];
    if (member.down_until > now || (i < skip.size() && skip[i]) || (!all && over_loaded(member, rules))) continue;
    if (member.preference > best) continue;
    if (member.preference < best) out = {};
    best = member.preference;
    cluster::Candidate candidate;
    candidate.index = static_cast<std::uint32_t>(i);
    candidate.inflight = member.in_flight;
    candidate.sent = member.sent;
    candidate.figures = member.figures;
    out.add(candidate);
  }
  return out;
}

std::uint32_t least_of(std::span<const MemberState> members, const cluster::Candidates& c) {
  const auto least = std::min_element(c.order.begin(), c.order.end(), [&](std::uint16_t a, std::uint16_t b) {
    return work_of(members[c.all[a].index]) < work_of(members[c.all[b].index]);
  });
  return *least;
}

}  // namespace

ChoiceRules ChoiceRules::of(const conf::SmtpRelay& relay, Duration max_age) {
  ChoiceRules rules;
  rules.max_load = relay.max_load;
  rules.max_queue = relay.max_queue;
  if (relay.scheduler == "round_robin") rules.scheduler = Scheduler::round_robin;
  if (relay.scheduler == "least_connections") rules.scheduler = Scheduler::least_connections;
  if (relay.scheduler == "random") rules.scheduler = Scheduler::random;
  if (relay.scheduler == "two_choices") rules.scheduler = Scheduler::two_choices;
  if (relay.scheduler != "chain") return rules;
  std::string why;  // the check of the configuration has said it
  if (auto chain = cluster::parse_chain(relay.chain, max_age, why)) {
    rules.scheduler = Scheduler::chain;
    rules.chain = std::move(*chain);
  }
  return rules;
}

bool over_loaded(const MemberState& member, const ChoiceRules& rules) noexcept {
  const auto& f = member.figures;
  if (!f.known) return false;
  if (rules.max_queue != 0 && f.queue > rules.max_queue) return true;
  return rules.max_load != 0 && f.load_milli > std::uint64_t{10} * rules.max_load * std::max(1u, f.ncpu);
}

std::optional<std::size_t> choose_member(std::span<const MemberState> members, const ChoiceRules& rules,
                                         ChoiceTurn& turn, Time now, const std::vector<bool>& skip) {
  using Scheduler = ChoiceRules::Scheduler;
  auto c = candidates_of(members, rules, false, now, skip);
  if (c.size() == 0) c = candidates_of(members, rules, true, now, skip);
  if (c.size() == 0) return std::nullopt;
  turn.current.resize(members.size());
  std::uint32_t place = 0;
  switch (rules.scheduler) {
    case Scheduler::least_loaded:
      place = least_of(members, c);
      break;
    case Scheduler::round_robin:
      place = cluster::round_robin(c, turn.current);
      break;
    case Scheduler::least_connections:
      place = cluster::least_connections(c, turn.current);
      break;
    case Scheduler::random:
    case Scheduler::two_choices:
      cluster::by_random(c, turn.random);
      if (rules.scheduler == Scheduler::two_choices && c.size() > 2) c.order.resize(2);
      place = rules.scheduler == Scheduler::random ? c.order.front() : least_of(members, c);
      break;
    case Scheduler::chain:
      place = cluster::run_chain(rules.chain, c, turn.random, now).place;
      break;
  }
  return c.all[place].index;
}

Time next_alive(std::span<const MemberState> members, Time now) {
  auto soonest = Time::max();
  for (const auto& member : members) soonest = std::min(soonest, std::max(member.down_until, now));
  return soonest;
}

void member_failed(MemberState& member, Time now, double random) {
  if (member.down_until > now) return;
  member.down_until = now + spread(doubled(kMemberFirst, member.failures, kMemberMax), random);
  if (member.failures < 1000) ++member.failures;
}

void member_worked(MemberState& member) noexcept {
  member.failures = 0;
  member.down_until = {};
}

std::size_t window_of(const MemberState& member, std::size_t max) noexcept {
  return std::clamp<std::size_t>(static_cast<std::size_t>(member.window), 1, std::max<std::size_t>(1, max));
}

void window_grows(MemberState& member, std::size_t max) noexcept {
  const double step = member.window < member.threshold ? 1 : 1 / member.window;
  member.window = std::min(member.window + step, static_cast<double>(std::max<std::size_t>(1, max)));
}

void window_halves(MemberState& member, Time now) noexcept {
  if (now - member.halved < kHalvingPause) return;
  member.halved = now;
  member.threshold = std::max(1.0, member.window / 2);
  member.window = member.threshold;
}

Duration retry_after(std::uint32_t attempts, Duration first, Duration max, double random) {
  return spread(doubled(first, attempts == 0 ? 0 : attempts - 1, max), random);
}

}  // namespace genkan::smtp
