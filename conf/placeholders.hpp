// Texts with {placeholders}: what a redirect, a rewritten path, a header field or the key of a limit is made of.
// "{{" and "}}" stand for the braces themselves. Read once, when the configuration is; proxy/ fills them in. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/client_fact.hpp"

namespace genkan::conf {

enum class Placeholder : std::uint8_t {
  text,         // not one: `text` as it stands
  scheme,       // http | https
  host,         // without port
  path,         // normalised
  query,        // without ?
  target,       // path and query
  method,       //
  client,       // address
  network,      // its /24 or /64
  user,         // of Basic auth
  route,        //
  server_name,  // TLS SNI
  tls_version,  // TLSv1.3
  tls_cipher,   // TLS_AES_128_GCM_SHA256
  client_fact,  // {client_certificate}: subject of the client's certificate, {client_issuer} ...
  request_id,   // X-Request-ID: as it came, else made
  status,       // of the response
  header,       // {header:NAME}
  cookie,       // {cookie:NAME}
  arg,          // {arg:NAME}: of the query, decoded
  group,        // {1}: of the pattern that matched
};

struct Piece {
  Placeholder kind = Placeholder::text;
  std::string text;       // literal, or NAME
  std::size_t group = 0;  // number
  ClientFact fact = ClientFact::subject;
};

// Where the text stands decides what may be in it.
struct PlaceholderRules {
  bool status = false;  // {status}: there is a response
  bool groups = false;  // {1}: there is a pattern
};
Result<std::vector<Piece>> parse_placeholders(std::string_view text, PlaceholderRules rules, std::string& why);

// "Name: text" of a field rule, split at the first colon. Errc::malformed: no field name.
struct FieldRule {
  std::string_view name, text;
};
Result<FieldRule> split_field_rule(std::string_view rule);
// A field name or method: token of RFC 9110 5.6.2.
bool is_token(std::string_view text) noexcept;

// "10/s", "600/m", "5000/h": how many a second. Errc::malformed.
Result<double> parse_rate(std::string_view text);

// "Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00" as minutes of a week that begins on Sunday 00:00; an end before its
// begin is on the next day. Half-open ranges; a range over the end of the week comes as two.
struct WeekRange {
  int first = 0, last = 0;  // minutes in [0, 7 * 24 * 60]
};
Result<std::vector<WeekRange>> parse_week_time(std::string_view text);

// "404: /path", "5xx: /path" of error_pages. `last` is inclusive.
struct ErrorPageRule {
  int first = 0, last = 0;
  std::string_view path;
};
Result<ErrorPageRule> parse_error_page(std::string_view text);

// "pattern -> text"
struct RewriteRule {
  std::string_view pattern, text;
};
Result<RewriteRule> parse_rewrite(std::string_view text);

}  // namespace genkan::conf
