// Mail yields first: when people's requests would suffer, mail slows down, because mail can wait. A pure decision of
// (state, what is measured, now); smtp/operate/yielder.cpp measures once a second, sessions and lanes obey.
//
//   none ── pressure >= 1 ──► slow ── >= 1.5 ──► slower ── >= 2 ──► refuse
//        ◄── hold ──           ◄── hold ──         ◄── hold ──
//
//   slow    greetings and the replies to MAIL and DATA wait; half of the deliveries at once
//   slower  twice as long; a quarter
//   refuse  421 for who comes, 451 for who asks to send; one delivery at once for each destination
//
// The pressure is the largest of the measured values, each divided by its limit. A level is entered one at a time when
// its pressure has stood for kYieldRise, and left when the pressure was below four fifths of it for `hold`. Where HTTP
// is hardly used there is nobody to yield to, and the level is none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace genkan::smtp {

enum class YieldLevel : int { none, slow, slower, refuse };
std::string_view name_of(YieldLevel level) noexcept;

struct YieldRules {
  bool on = true;
  // From where each counts as pressure 1; 0: not looked at.
  std::uint32_t load_percent = 200, busy_percent = 97, requests = 0, backends_percent = 50;
  Duration lag = std::chrono::milliseconds(100);
  Duration hold = std::chrono::seconds(10);
};

// What is measured.
struct YieldLoad {
  double load_percent = 0;         // load average for each processor
  double busy_percent = 0;         // of processor time
  double backends_percent = 0;     // of HTTP's backends, out of service or over-loaded
  double requests_per_second = 0;  // of HTTP, lately
  std::uint32_t requests = 0;      // of HTTP, in flight
  Duration lag{};                  // of the worker that is served worst
};

struct YieldState {
  YieldLevel level = YieldLevel::none;
  double pressure = 0;
  std::string_view why;  // what presses most: "load", "cpu", "requests", "backends", "lag"; a literal
  bool demand = false;   // HTTP is used
  Time since{};          // of the level
  Time above_since{}, below_since{};
};

constexpr Duration kYieldRise = std::chrono::milliseconds(900);  // so: found twice by measuring once a second
constexpr double kDemandPerSecond = 5;
constexpr std::uint32_t kDemandInFlight = 8;

YieldState next_yield(YieldState state, const YieldRules& rules, const YieldLoad& load, Time now);

// How long a reply waits, and what is left of `deliveries` at once.
Duration yield_delay(YieldLevel level, Duration delay) noexcept;
std::size_t yield_share(YieldLevel level, std::size_t deliveries) noexcept;

}  // namespace genkan::smtp
