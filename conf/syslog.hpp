// [syslog] server and facility as values. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace genkan::conf {

struct SyslogServer {
  enum class Way : std::uint8_t { udp, tcp, tls };
  Way way = Way::udp;
  std::string host;  // a name or an address without brackets
  std::uint16_t port = 0;
};
// "udp://logs.example.org:514", "tls://[2001:db8::1]". Errc::malformed.
Result<SyslogServer> parse_syslog_server(std::string_view text);

// RFC 5424 6.2.1; -1: no such facility.
int syslog_facility(std::string_view name) noexcept;

}  // namespace genkan::conf
