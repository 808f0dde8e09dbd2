// Cache-Control as values (RFC 9111 5.2), for requests and responses. Pure.
//
// Reading is careful where a mistake would keep too much: an invalid max-age counts as 0, the first of two values wins
// (4.2.1), and directives are recognised in any case, quoted or not.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/fields.hpp"

namespace genkan::cache {

using std::chrono::seconds;

// RFC 9111 1.2.2: digits only; too large a number is 2^31. Nothing when it is not a number.
std::optional<seconds> parse_delta_seconds(std::string_view text) noexcept;

// RFC 9111 5.2.1; `Pragma: no-cache` counts where there is no Cache-Control (5.4).
struct RequestDirectives {
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<seconds> max_age, min_fresh, max_stale;  // max-stale without a value: seconds::max()
};

// RFC 9111 5.2.2, RFC 5861.
struct ResponseDirectives {
  bool no_cache = false;  // without field names: validate before every use
  bool no_store = false;
  bool is_private = false;  // without field names
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  std::optional<seconds> max_age, s_maxage, stale_if_error;
  std::vector<std::string> withheld;  // fields named by no-cache="..." and private="...": never stored
};

RequestDirectives request_directives(const http::Fields& fields);
ResponseDirectives response_directives(const http::Fields& fields);

}  // namespace genkan::cache
