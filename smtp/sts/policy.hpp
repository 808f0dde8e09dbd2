// MTA-STS (RFC 8461): what a domain says of TLS to its mail hosts. Pure: texts in, decisions out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::smtp {

struct StsPolicy {
  enum class Mode { none, testing, enforce } mode = Mode::none;
  std::vector<std::string> mx;  // lower case; "*.example.org"
  std::int64_t max_age_s = 0;   // at most a year
};

constexpr std::size_t kMaxStsPolicy = 64 * 1024;

// The body of mta-sts.txt (3.2). Unknown keys are skipped, of doubled ones the first counts. On failure `why` is a
// sentence.
Result<StsPolicy> parse_sts_policy(std::string_view text, std::string& why);

// The id in the TXT records of _mta-sts.DOMAIN (3.1); nothing when there is not exactly one record that begins with
// "v=STSv1;".
std::optional<std::string> sts_id(const std::vector<std::string>& records);

// Whether the policy names this host (4.1): a wildcard stands for one label.
bool sts_names(const StsPolicy& policy, std::string_view host);

// The body of an HTTP answer that is complete (3.3): 200, text/plain, no redirection. `octets`: all that came until the
// server closed.
Result<std::string> sts_body(std::string_view octets, std::string& why);

}  // namespace genkan::smtp
