// One line of the access log, without an allocation on the way. What a client may have put into it is escaped: quotes,
// backslashes and control characters never break a line, nor a JSON string.
#pragma once

#include <cstddef>
#include <span>

#include "conf/log_format.hpp"
#include "http/handler.hpp"

namespace genkan::proxy {

struct Logged {
  const http::Request& request;
  const http::ResponseHead* head;  // null: none was sent
  const http::Outcome& outcome;
};

// Of a valid traceparent, or empty.
std::string_view trace_id_of(const http::Request& request) noexcept;

// Each writes the line with its '\n' into `out` and returns its size; what does not fit is cut.
// "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 2326 "referer" "agent"\n"
std::size_t write_combined(const Logged& logged, std::span<char> out) noexcept;
// {"time":"2000-10-10T13:55:36.123Z","client":"127.0.0.1","method":"GET",...}; empty members are left out.
std::size_t write_json(const Logged& logged, std::span<char> out) noexcept;
std::size_t write_own(const conf::LogFormat& format, const Logged& logged, std::span<char> out) noexcept;
std::size_t write_line(const conf::LogFormat& format, const Logged& logged, std::span<char> out) noexcept;

}  // namespace genkan::proxy
