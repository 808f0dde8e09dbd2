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

double work_of(const MemberState& member) {
  const double load = member.load < 0 ? 0 : member.load;
  return (member.in_flight + 1) * (1 + 4 * load);
}

}  // namespace

std::optional<std::size_t> choose_member(std::span<const MemberState> members, Time now,
                                         const std::vector<bool>& skip) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& member = members[i];
    if (member.down_until > now || (i < skip.size() && skip[i])) continue;
    if (!best || member.preference < members[*best].preference ||
        (member.preference == members[*best].preference && work_of(member) < work_of(members[*best]))) {
      best = i;
    }
  }
  return best;
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
