// How long a message's content is: RFC 9112 6.3, strict. Pure.
#pragma once

#include <cstdint>

#include "http/fields.hpp"
#include "http/message.hpp"

namespace genkan::http::h1 {

struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
};

// A request's framing, or the status to refuse it with (the connection closes after it): 400 for Content-Length
// together with Transfer-Encoding, any bad or repeated length, Transfer-Encoding in HTTP/1.0; 501 for a coding other
// than chunked.
struct RequestFraming {
  Framing framing;
  int refuse = 0;
};
RequestFraming request_framing(const Fields& fields, int minor_version);

// A response's framing; false when it can't be trusted (502, the connection is closed).
bool response_framing(const Fields& fields, int status, int minor_version, Method request_method, Framing& out);

// Whether the sender keeps the connection open afterwards (RFC 9112 9.3).
bool keeps_alive(const Fields& fields, int minor_version);

// Removes the fields that are meant for this connection only (RFC 9110 7.6.1), those named in Connection included.
// `keep_upgrade`: leaves Upgrade where a protocol switch is being relayed. TE: trailers survives as an element.
void remove_hop_by_hop(Fields& fields, bool keep_upgrade = false);

// May not stand in a trailer section (RFC 9110 6.5.1).
bool forbidden_in_trailers(std::string_view name) noexcept;

}  // namespace genkan::http::h1
