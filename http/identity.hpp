// What follows a request from hop to hop: X-Request-ID, and the trace that it belongs to (W3C Trace Context,
// traceparent). Both are fields of the request, so that backends, rules and logs find them in one place.
//
//   traceparent = version "-" trace-id "-" parent-id "-" flags 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
#pragma once

#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "conf/conf.hpp"
#include "http/message.hpp"

namespace genkan::http {

// Views of the text; none: not valid (W3C 3.2.2).
struct TraceParent {
  std::string_view version, trace_id, parent_id, flags;
};
std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept;

// An id that came from elsewhere and may be logged and passed on as it is.
bool is_harmless_id(std::string_view id) noexcept;

// A new one: 32 hex digits.
void add_request_id(Request& request);

// Sees to X-Request-ID and traceparent as [http] request_id and trace ask for. Nothing is allocated but what the
// fields' own text grows by.
void identify(Request& request, const conf::Http& conf);

}  // namespace genkan::http
