// TLSRPT reports as mail (RFC 8460 3, 5.3): whom a domain names for them, and the message. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace genkan::smtp {

constexpr std::size_t kMaxReportAddresses = 5;

// Of the TXT records of _smtp._tls.DOMAIN: the mail addresses in rua=, at most kMaxReportAddresses; https: is left out.
// Empty: there is no record (more than one counts as none), or it names none.
std::vector<std::string> tls_report_addresses(const std::vector<std::string>& txt);

// What the name of a report's file says (RFC 8460 5.1): ORGANIZATION!DOMAIN!SINCE!UNTIL.json
struct TlsReportName {
  std::string organization, domain;
  std::int64_t since_s = 0, until_s = 0;
};
std::optional<TlsReportName> parse_report_name(std::string_view file);

struct TlsReportMail {
  TlsReportName name;
  std::string file, json;
  std::string from, hostname;
  std::string token;  // random: for the boundary and the Message-ID
  std::vector<std::string> to;
  WallTime now{};
};
std::string build_tls_report_mail(const TlsReportMail& mail);

}  // namespace genkan::smtp
