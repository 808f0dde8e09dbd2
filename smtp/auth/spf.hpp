// SPF: may this host send for this domain? check_host() of RFC 7208, driven by AuthDns.
//
// Limits (4.6.4): ten terms that ask DNS, two answers without a record, ten hosts of an MX, ten names of a PTR. What
// goes over them is permerror, except PTR, where the rest is left out.
#pragma once

#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "net/task.hpp"
#include "smtp/auth/dns.hpp"
#include "smtp/auth/spf_record.hpp"

namespace genkan::smtp {

struct SpfQuestion {
  base::IpAddress ip;
  std::string sender;  // of MAIL; empty: postmaster at the HELO name
  std::string helo;
  std::string receiver;  // our host name, for %{r}
  WallTime now{};        // for %{t}
};

struct SpfAnswer {
  SpfResult result = SpfResult::none;
  std::string explanation;  // of the domain, with fail; visible ASCII, at most kMaxSpfExplanation
  int lookups = 0;          // terms that asked DNS
};

constexpr int kMaxSpfLookups = 10, kMaxSpfVoid = 2;
constexpr std::size_t kMaxSpfHosts = 10, kMaxSpfExplanation = 250;

// What %-macros stand for.
struct SpfMacros {
  std::string local, sender_domain;  // of the sender
  std::string helo, receiver;
  base::IpAddress ip;
  WallTime now{};
  std::string validated = "unknown";  // %{p}
};
// `text` is a macro-string. As a name it is cut from the left to 253 octets. Pure.
std::string expand_macros(std::string_view text, const SpfMacros& macros, std::string_view domain, bool name);

// `helo`: about the identity HELO instead of MAIL FROM.
net::Task<SpfAnswer> check_spf(AuthDns& dns, SpfQuestion question, bool helo);

// A name that can have a record: two labels or more, none empty or over 63 octets (4.3).
bool is_spf_domain(std::string_view domain) noexcept;

}  // namespace genkan::smtp
