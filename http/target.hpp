// The request target and the authority, checked and normalised once, before any rule looks at them (RFC 9112 3.2,
// RFC 3986 6.2.2). What a rule sees is what the backend gets. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace genkan::http {

enum class TargetForm { origin, absolute, asterisk, authority };

struct Target {
  TargetForm form = TargetForm::origin;
  std::string_view scheme, authority;  // absolute form only (authority form: authority)
  std::string_view path;               // as received; "/" when the absolute form has none
  std::string_view query;              // without '?'
  bool has_query = false;
  bool bare = false;  // absolute form with neither path nor query
};

// Errc::malformed: a byte outside 0x21-0x7E, a fragment, no known form.
Result<Target> split_target(std::string_view target);

// The normal form: dot segments resolved, runs of '/' made one (with `merge_slashes`; else empty segments stay), %XX of
// unreserved characters decoded, hex digits in capitals, a backslash as %5C. A view of `path` where that is normal
// already, else of `store`. Errc::malformed: a bad %XX, %00, a climb above the root, and what some server behind us
// might take for a climb that no rule saw: ".." beside an encoded slash or backslash, "..;x", overlong UTF-8 of '.' or
// a slash. Encoded slashes that hide nothing stay as they are: to rules and backend they are part of their segment.
Result<std::string_view> normalise_path(std::string_view path, std::string& store, bool merge_slashes = true);

struct Authority {
  std::string_view host;  // IPv6 literals with their brackets
  std::string_view port;  // digits or empty
};
// RFC 9110 7.2, RFC 3986 3.2.2: no user info, a port of digits up to 65535, brackets only around an IPv6 literal.
Result<Authority> parse_authority(std::string_view text);

}  // namespace genkan::http
