#include "cluster/health.hpp"

#include <algorithm>
#include <array>

namespace genkan::cluster {

namespace {

bool become(HealthState& s, Health health, Time now) {
  if (s.health == health) return false;
  s.health = health;
  s.since = now;
  return true;
}

bool eject(HealthState& s, const HealthPolicy& policy, Time now) {
  // A long quiet time since the last return: this is a new story.
  if (s.health == Health::up && s.ejections > 0 &&
      now - s.since >= std::max(s.last_ejection, policy.eject_for * kForgetFactor)) {
    s.ejections = 0;
  }
  ++s.ejections;
  s.last_ejection = ejection_length(policy, s.ejections);
  s.until = now + s.last_ejection;
  s.bad_requests = 0;
  return become(s, Health::ejected, now);
}

}  // namespace

std::string_view name_of(Health health) noexcept {
  static constexpr std::array<std::string_view, 4> kNames{"up", "down", "ejected", "half-open"};
  return kNames[static_cast<std::size_t>(health)];
}

Duration ejection_length(const HealthPolicy& policy, std::uint32_t ejections) noexcept {
  const auto doublings = std::min(ejections == 0 ? 0u : ejections - 1, 4u);
  return policy.eject_for * std::min(1u << doublings, kLongestEjection);
}

bool may_eject(std::size_t ejected, std::size_t total, double max_share) noexcept {
  const auto limit = static_cast<std::size_t>(static_cast<double>(total) * std::clamp(max_share, 0.0, 1.0));
  return ejected < limit && ejected + 1 < total;
}

bool on_check(HealthState& s, const HealthPolicy& policy, bool good, Time now) {
  const bool first = !s.checked;
  s.checked = true;
  if (good) {
    s.bad_checks = 0;
    s.good_checks = std::min(s.good_checks + 1, policy.rise);
    if (s.health != Health::down || s.good_checks < policy.rise) return false;
    s.bad_requests = 0;
    s.ejections = 0;
    return become(s, Health::up, now);
  }
  s.good_checks = 0;
  s.bad_checks = std::min(s.bad_checks + 1, policy.fall);
  if (s.health == Health::down) return false;
  if (!first && s.bad_checks < policy.fall) return false;
  return become(s, Health::down, now);
}

bool on_request(HealthState& s, const HealthPolicy& policy, bool good, bool may_eject_now, Time now) {
  if (s.health == Health::down || s.health == Health::ejected) return false;  // a straggler from before, or panic
  if (good) {
    s.bad_requests = 0;
    return become(s, Health::up, now);
  }
  if (s.health == Health::half_open) return eject(s, policy, now);
  if (s.bad_requests < policy.eject_after) ++s.bad_requests;
  if (policy.eject_after == 0 || s.bad_requests < policy.eject_after || !may_eject_now) return false;
  return eject(s, policy, now);
}

bool on_time(HealthState& s, Time now) {
  if (s.health != Health::ejected || now < s.until) return false;
  return become(s, Health::half_open, now);
}

}  // namespace genkan::cluster
