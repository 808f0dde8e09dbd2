// The format of the access log: "combined", "json", or a text with {items}. Read once; proxy/ writes the lines. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/client_fact.hpp"

namespace genkan::conf {

enum class LogItem : std::uint8_t {
  text,          // not one: as it stands
  client,        // address, after a PROXY header the real one
  time,          // [10/Oct/2000:13:55:36 +0000]
  time_iso,      // 2000-10-10T13:55:36.123Z
  method,        //
  target,        // as received
  path,          // normalised
  query,         //
  protocol,      // HTTP/1.1
  scheme,        //
  host,          //
  status,        //
  bytes,         // of content sent
  duration,      // seconds, from the request's head to the last byte
  accept,        // seconds from the accept to the TLS handshake or the first byte: a PROXY header; first request only
  tls,           // seconds of the TLS handshake; first request only
  head,          // seconds from the head's first byte to its last
  wait,          // seconds until a backend was chosen
  connect,       // seconds until connected to it; 0 on a kept connection
  first_byte,    // seconds until the backend's head was there
  route,         //
  pool_backend,  // {backend}
  tries,         // backends asked
  cache,         // hit, miss, ...
  tls_version,   // TLSv1.3, or -
  server_name,   // TLS SNI
  tls_cipher,    // TLS_AES_128_GCM_SHA256
  tls_resumed,   // yes: a session was resumed, no, or - without TLS
  early_data,    // yes: served before the handshake was over (0-RTT), no, or -
  client_fact,   // {client_certificate}, {client_issuer} ...: of the client's certificate
  request_id,    // X-Request-ID
  trace_id,      // of traceparent
  error,         // why the client did not get everything
  header,        // {header:NAME} of the request
  sent_header,   // {sent:NAME} of the response
  cookie         // {cookie:NAME}
};

struct LogPiece {
  LogItem item = LogItem::text;
  std::string text;  // literal, or NAME
  ClientFact fact = ClientFact::subject;
};

struct LogFormat {
  enum class Kind : std::uint8_t { combined, json, own };
  Kind kind = Kind::combined;
  std::vector<LogPiece> pieces;  // of own
};

// "{{" and "}}" are the braces themselves. On failure `why` is a sentence, and the error Errc::malformed.
Result<LogFormat> parse_log_format(std::string_view text, std::string& why);

}  // namespace genkan::conf
