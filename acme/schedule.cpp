#include "acme/schedule.hpp"

#include <algorithm>

namespace genkan::acme {
namespace {

using namespace std::chrono_literals;

// A share of `span` that depends on the seed.
WallClock::duration share(WallClock::duration span, std::uint64_t seed) {
  return WallClock::duration(
      static_cast<WallClock::rep>(static_cast<double>(span.count()) * (static_cast<double>(seed % 1000) / 1000)));
}

}  // namespace

WallTime renewal_time(WallTime not_before, WallTime not_after, Duration renew_before, std::uint64_t seed) {
  const auto lifetime = std::max<WallClock::duration>(not_after - not_before, 0s);
  auto at = not_before + lifetime / 3 * 2;
  if (renew_before > Duration::zero()) {
    at = std::max(not_after - std::chrono::duration_cast<WallClock::duration>(renew_before), not_before + lifetime / 2);
  }
  return at - share(lifetime / 30, seed);
}

Duration back_off(std::uint32_t failures, Duration first, Duration asked, std::uint64_t seed) {
  constexpr Duration kMost = 24h;
  Duration wait = first;
  for (std::uint32_t i = 1; i < failures && wait < kMost; ++i) wait *= 2;
  wait = std::min(wait, kMost);
  const auto more = Duration(
      static_cast<Duration::rep>(static_cast<double>(wait.count()) * (static_cast<double>(seed % 1000) / 10'000)));
  return std::max(wait + more, asked);
}

Due due(const std::optional<base::CertificateFacts>& facts, const conf::Certificate& wanted, const Record& record,
        Duration renew_before, std::uint64_t seed, WallTime now) {
  Due out;
  if (!facts) {
    out = {now, "there is none yet"};
  } else if (!std::all_of(wanted.names.begin(), wanted.names.end(), [&](const auto& n) { return facts->covers(n); })) {
    out = {now, "its names have changed"};
  } else if (facts->not_after <= now) {
    out = {now, "its end has come"};
  } else {
    out = {renewal_time(facts->not_before, facts->not_after, renew_before, seed), "renewal"};
  }
  // After a success it only keeps a CA whose certificates end at once from being asked without a pause.
  const bool missing = out.why == "there is none yet" || out.why == "its names have changed";
  if (record.failures > 0 || !missing) out.at = std::max(out.at, record.not_before);
  return out;
}

}  // namespace genkan::acme
