// DMARC (RFC 7489): does the domain in From vouch for the message, and what does it want done when not?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/task.hpp"
#include "smtp/auth/dns.hpp"
#include "smtp/auth/header.hpp"

namespace genkan::smtp {

enum class DmarcPolicy : std::uint8_t { none, quarantine, reject };  // in order of strictness
std::string_view word_of(DmarcPolicy policy) noexcept;

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::none;
  std::optional<DmarcPolicy> subdomains;  // sp
  bool strict_dkim = false, strict_spf = false;
  unsigned percent = 100;
};
// Nothing: no DMARC record that holds (6.3, 6.6.3).
std::optional<DmarcRecord> parse_dmarc(std::string_view txt);

// Domains of the addresses in a From field, lower case, each once; at most kMaxFromDomains.
constexpr std::size_t kMaxFromDomains = 8;
std::vector<std::string> address_domains(std::string_view field_value);

// What has passed, with the domains it passed for.
struct DmarcEvidence {
  std::string spf_domain;                 // empty: SPF did not pass
  std::vector<std::string> dkim_domains;  // d= of signatures that hold
};

struct DmarcAnswer {
  enum class Result { none, pass, fail, temperror, permerror } result = Result::none;
  DmarcPolicy published = DmarcPolicy::none;  // of the domain
  DmarcPolicy wish = DmarcPolicy::none;       // with fail, after sampling
  std::string domain;                         // in From
  std::string why;
};
std::string_view word_of(DmarcAnswer::Result result) noexcept;

bool is_aligned(std::string_view a, std::string_view from, bool strict);

// `dice`: from 0 to 99, for pct.
net::Task<DmarcAnswer> check_dmarc(AuthDns& dns, const MailHeader& header, DmarcEvidence evidence, unsigned dice);

}  // namespace genkan::smtp
