// An SPF record, taken apart (RFC 7208 4.6, 5, 6, 12). Pure. A record with one error anywhere is no record at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"

namespace genkan::smtp {

enum class SpfResult { none, neutral, pass, fail, softfail, temperror, permerror };
std::string_view word_of(SpfResult result) noexcept;

struct SpfTerm {
  enum class Kind { all, include, a, mx, ptr, ip4, ip6, exists } kind = Kind::all;
  SpfResult result = SpfResult::pass;  // when it matches
  std::string domain;                  // domain-spec, not expanded; empty: the current domain
  std::uint8_t v4_prefix = 32, v6_prefix = 128;
  base::IpAddress network;  // of ip4 and ip6
};

struct SpfRecord {
  std::vector<SpfTerm> terms;
  std::string redirect, explanation;  // domain-specs; empty: none
};

// Whether a TXT record is one for SPF: "v=spf1", then a space or the end.
bool is_spf(std::string_view txt) noexcept;
// Nothing: a syntax error (permerror).
std::optional<SpfRecord> parse_spf(std::string_view txt);

// Whether the text is a macro-string (7.1). `explain`: c, r and t are allowed too, and spaces.
bool is_macro_string(std::string_view text, bool explain) noexcept;
// That `ip` is in the network of this length, for the family of both.
bool same_network(const base::IpAddress& ip, const base::IpAddress& network, const SpfTerm& term) noexcept;

}  // namespace genkan::smtp
