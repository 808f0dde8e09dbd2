// The health of one backend as a pure machine: events in, state out. Two observers feed it.
//
//   active checks:   fall bad ones in a row  up ──► down      rise good ones in a row  down ──► up
//                    (until the first result came, one bad check is enough: a server that was never seen up)
//   real requests:   eject_after failures in a row  up ──► ejected, for eject_for x 2^(n-1), at most 16 times eject_for
//                    when the time is over  ejected ──► half-open: one request at a time is let through
//                    that one succeeds  ──► up           that one fails  ──► ejected, twice as long
//   n counts ejections and starts over when the backend stayed up for as long as its last ejection took (at least
//   kForgetFactor times eject_for).
//
// An active check that succeeds does not end an ejection: it asks one path, the requests that failed asked others. When
// down ends, an ejection ends too: the server was restarted.
//
// Guard against ejecting everybody: max_share of a pool, rounded down, and never the last one (Pool decides by
// may_eject). Guard against nobody left: the chooser's panic rule (cluster/choice.hpp).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace genkan::cluster {

struct HealthPolicy {
  std::uint32_t rise = 2, fall = 3;  // at least 1
  std::uint32_t eject_after = 5;     // 0: never
  Duration eject_for = 10s;
  double max_ejected_share = 0.5;
};

enum class Health : std::uint8_t { up, down, ejected, half_open };
std::string_view name_of(Health health) noexcept;

struct HealthState {
  Health health = Health::up;
  bool checked = false;            // an active check has given a result
  std::uint32_t good_checks = 0;   // in a row
  std::uint32_t bad_checks = 0;    // in a row
  std::uint32_t bad_requests = 0;  // in a row
  std::uint32_t ejections = 0;     // the n above
  Time until{};                    // end of the ejection
  Time since{};                    // of the present health
  Duration last_ejection{};
};

constexpr std::uint32_t kLongestEjection = 16;  // times eject_for
constexpr std::uint32_t kForgetFactor = 2;

// Each returns true when `health` changed. `now` never runs backwards.
bool on_check(HealthState& state, const HealthPolicy& policy, bool good, Time now);
// `may_eject`: the pool allows one more ejection.
bool on_request(HealthState& state, const HealthPolicy& policy, bool good, bool may_eject, Time now);
// Time passes: the end of an ejection opens the door half.
bool on_time(HealthState& state, Time now);

Duration ejection_length(const HealthPolicy& policy, std::uint32_t ejections) noexcept;

// May one more of `total` backends be ejected when `ejected` are already?
bool may_eject(std::size_t ejected, std::size_t total, double max_share) noexcept;

}  // namespace genkan::cluster
