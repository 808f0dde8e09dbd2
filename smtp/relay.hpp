// Which member of a relay group takes the next message, and for how long a member that failed is left alone. Pure.
//
// As MX (RFC 5321 5.1): the lowest preference that has a member alive, and within it one by the group's scheduler. Who
// announces more load or a longer queue than the group allows is passed over as long as anybody else is left, be it of
// a worse preference.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "cluster/choice.hpp"
#include "conf/conf.hpp"

namespace genkan::smtp {

constexpr double kFirstWindow = 4;

struct MemberState {
  std::uint32_t preference = 10;
  std::uint32_t in_flight = 0;
  std::uint32_t failures = 0;  // in a row
  Time down_until{};
  cluster::Figures figures;  // of its node
  std::uint32_t sent = 0;    // connections that we opened since these were heard
  // How many connections it gets from one worker: begins small, grows with every message that is taken, is halved when
  // the member says 421 or goes silent, as TCP does it.
  double window = kFirstWindow, threshold = 1e9;
  Time halved{};
};

// Whole connections, from 1 to `max`.
std::size_t window_of(const MemberState& member, std::size_t max) noexcept;
void window_grows(MemberState& member, std::size_t max) noexcept;
void window_halves(MemberState& member, Time now) noexcept;  // at most once a second: one event is many errors

// How a group chooses.
struct ChoiceRules {
  enum class Scheduler {
    least_loaded,  // fewest connections, weighed by the load average for each processor
    round_robin,
    least_connections,
    random,
    two_choices,
    chain,
  } scheduler = Scheduler::least_loaded;
  cluster::Chain chain;
  std::uint32_t max_load = 0;   // percent of the processors; 0: not looked at
  std::uint32_t max_queue = 0;  // messages; 0: not looked at
  static ChoiceRules of(const conf::SmtpRelay& relay, Duration max_age);
};
// What is remembered between choices.
struct ChoiceTurn {
  std::vector<std::int64_t> current;
  cluster::Random random{1};
};

bool over_loaded(const MemberState& member, const ChoiceRules& rules) noexcept;

// The index of the member, or none when all are down. `skip`: those that failed for this message already.
std::optional<std::size_t> choose_member(std::span<const MemberState> members, const ChoiceRules& rules,
                                         ChoiceTurn& turn, Time now, const std::vector<bool>& skip);

// When the first of them may be tried again.
Time next_alive(std::span<const MemberState> members, Time now);

// Connections that were begun together and fail together count once.
void member_failed(MemberState& member, Time now, double random);  // random in [0, 1)
void member_worked(MemberState& member) noexcept;

// When a deferred message is tried again: doubles from `first` to `max`, spread by a quarter so that retries do not
// march in step. `attempts` counts those made, from 1.
Duration retry_after(std::uint32_t attempts, Duration first, Duration max, double random);

}  // namespace genkan::smtp
