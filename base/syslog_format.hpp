// A message of syslog as RFC 5424 has it, and its frame on a stream (RFC 6587 3.4.1). Pure.
//
//   <165>1 2026-05-01T12:00:00.123456Z front1 genkan 4711 access - 127.0.0.1 - - [...] "GET / HTTP/1.1" 200 12 ...
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace genkan::base {

struct SyslogOrigin {
  int facility = 16;
  std::string host, app, process;  // "-" where empty
};

int syslog_severity(Level level) noexcept;

// Appends one message without a frame. Bytes that are not UTF-8 become U+FFFD, control characters blanks; of `text` at
// most `max` bytes are taken, whole characters.
void format_syslog(const SyslogOrigin& origin, int severity, WallTime time, std::string_view id, std::string_view text,
                   std::size_t max, std::string& out);

// "123 <165>1 ...": octet counting.
void frame_syslog(std::string_view message, std::string& out);

}  // namespace genkan::base
