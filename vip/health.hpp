// From "how well I serve" (0..100, many times a second) to a level that changes rarely enough for priorities to follow
// it.
//
// A fall of kStep or more counts at once: the address must leave a node that fails. A rise counts only after the
// reports were better for a hold time without interruption, then in steps of kStep, at most one a second. Every fall
// doubles the hold time, from 3 s up to 60 s, and five quiet minutes forget it: a node that fails whenever it gets the
// load keeps a low priority for longer and longer, instead of pulling the address back and forth. Silence is level 0:
// whoever can't report can't serve. The level never makes a priority 0, so when all nodes are bad nobody moves.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace genkan::vip {

class ServiceLevel {
 public:
  static constexpr int kStep = 10;
  static constexpr Duration kSilence = std::chrono::milliseconds(500);  // ten reports missed
  static constexpr Duration kFirstHold = std::chrono::seconds(3);
  static constexpr Duration kLongestHold = std::chrono::seconds(60);
  static constexpr Duration kBetweenSteps = std::chrono::seconds(1);
  static constexpr Duration kForget = std::chrono::minutes(5);

  // Both return true when level() changed. The first report is taken as it is. Out of range is clamped.
  bool report(int raw, Time now);
  bool tick(Time now);  // notices silence

  int level() const noexcept { return level_; }
  bool started() const noexcept { return last_report_.has_value(); }
  std::optional<Time> next_due() const noexcept;  // when silence would begin

 private:
  bool fall(int raw, Time now);
  bool rise(int raw, Time now);

  int level_ = 0;
  std::optional<Time> last_report_;
  std::optional<Time> better_since_;
  std::optional<Time> last_fall_;
  Time last_rise_{};
  Duration hold_ = kFirstHold;
  bool silent_ = false;
};

// The priority to advertise: proportional, never under 1, never the owner's 255 unless it is configured (an owner keeps
// it).
std::uint8_t scaled_priority(std::uint8_t configured, int level) noexcept;

}  // namespace genkan::vip
