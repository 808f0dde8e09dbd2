#include "smtp/yield.hpp"

#include <algorithm>
#include <array>

namespace genkan::smtp {
namespace {

constexpr std::array<double, 3> kEnter{1.0, 1.5, 2.0};
constexpr double kLeave = 0.8;  // of what entering takes
// Backends that are out of service are no reason to turn mail away: less of it does not bring them back.
constexpr double kMostOfBackends = 1.9;

void weigh(YieldState& state, double value, double limit, std::string_view what, double most = 1e9) {
  if (limit <= 0) return;
  const double pressure = std::min(value / limit, most);
  if (pressure <= state.pressure) return;
  state.pressure = pressure;
  state.why = what;
}

}  // namespace

std::string_view name_of(YieldLevel level) noexcept {
  static constexpr std::array<std::string_view, 4> kNames{"none", "slow", "slower", "refuse"};
  return kNames[static_cast<std::size_t>(level)];
}

YieldState next_yield(YieldState state, const YieldRules& rules, const YieldLoad& load, Time now) {
  state.pressure = 0;
  state.why = {};
  weigh(state, load.load_percent, rules.load_percent, "load");
  weigh(state, load.busy_percent, rules.busy_percent, "cpu");
  weigh(state, load.requests, rules.requests, "requests");
  weigh(state, load.backends_percent, rules.backends_percent, "backends", kMostOfBackends);
  weigh(state, std::chrono::duration<double>(load.lag).count(), std::chrono::duration<double>(rules.lag).count(),
        "lag");
  state.demand = load.requests_per_second >= kDemandPerSecond || load.requests >= kDemandInFlight;
  const auto level = static_cast<std::size_t>(state.level);
  const bool counts = rules.on && state.demand;
  const bool above = counts && level < kEnter.size() && state.pressure >= kEnter[level];
  const bool below = level > 0 && (!counts || state.pressure < kLeave * kEnter[level - 1]);
  if (!above) state.above_since = {};
  if (!below) state.below_since = {};
  if (above && state.above_since == Time{}) state.above_since = now;
  if (below && state.below_since == Time{}) state.below_since = now;
  const bool rises = above && now - state.above_since >= kYieldRise;
  const bool falls = below && (!rules.on || now - state.below_since >= rules.hold);
  if (!rises && !falls) return state;
  state.level = rules.on ? static_cast<YieldLevel>(level + (rises ? 1 : -1)) : YieldLevel::none;
  state.since = now;
  state.above_since = state.below_since = {};
  return state;
}

Duration yield_delay(YieldLevel level, Duration delay) noexcept {
  if (level == YieldLevel::none) return Duration(0);
  return level == YieldLevel::slow ? delay : 2 * delay;
}

std::size_t yield_share(YieldLevel level, std::size_t deliveries) noexcept {
  static constexpr std::array<std::size_t, 4> kPart{1, 2, 4, SIZE_MAX};
  if (deliveries == 0) return 0;
  return std::max<std::size_t>(1, deliveries / kPart[static_cast<std::size_t>(level)]);
}

}  // namespace genkan::smtp
