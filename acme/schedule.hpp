// When a certificate is ordered: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto_certificate.hpp"
#include "conf/conf.hpp"

namespace genkan::acme {

// What is remembered about one certificate over restarts.
struct Record {
  std::uint32_t failures = 0;  // in a row
  WallTime not_before{};       // no order before: back-off, or the CA's wish
  WallTime last{};             // of the last order that ended; epoch: none
  std::string error, advice;   // of the last order, when it failed
};

// Two thirds of the lifetime, or `renew_before` its end (never before the middle: a certificate that is shorter than
// the directive would be ordered over and over); up to a thirtieth of the lifetime earlier, so that many certificates
// and nodes do not come at once. `seed`: the same for one certificate on one node, so that a restart changes nothing.
WallTime renewal_time(WallTime not_before, WallTime not_after, Duration renew_before, std::uint64_t seed);

// After the nth failure: `first`, doubled each time, at most a day, up to a tenth longer. At least what the CA asked
// for.
Duration back_off(std::uint32_t failures, Duration first, Duration asked, std::uint64_t seed);

struct Due {
  WallTime at{};
  std::string_view why;  // "there is none yet", "renewal", "its names have changed", "its end has come"
};
// `facts`: of the certificate at hand, or nothing.
Due due(const std::optional<base::CertificateFacts>& facts, const conf::Certificate& wanted, const Record& record,
        Duration renew_before, std::uint64_t seed, WallTime now);

}  // namespace genkan::acme
