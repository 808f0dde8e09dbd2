// What a shared cache may keep and reuse: pure functions in the order of RFC 9111's sections. No clock, no I/O, no
// store.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "cache/directives.hpp"
#include "http/fields.hpp"
#include "http/message.hpp"

namespace genkan::cache {

// --- Section 3: storing ---------------------------------------------------------------------------------------------

// Why a response is kept or not; everything but `yes` is a reason against.
enum class Storable {
  yes,
  method,    // only GET's responses are kept
  status,    // 206 and 304 are no whole responses; an unknown status with must-understand
  no_store,  // said by the origin or the client
  is_private,
  authorization,  // 3.5: the request had credentials and the response allows no sharing
  vary_any,       // Vary: * never matches a later request
  set_cookie,     // see storable()
  no_lifetime,    // neither explicit nor heuristic freshness applies
  useless,        // stale at once and without a validator
};
std::string_view storable_name(Storable s) noexcept;

// Set-Cookie: RFC 9111 7.3 leaves it to origins to mark such responses, and many do not; a session cookie that is
// handed to the next client is somebody's account. So, like nginx and Varnish, a response with Set-Cookie is not kept,
// unless the origin says that it is for everybody (public, s-maxage); and even then, like Squid, the cookie itself is
// not. `received`: when the response head came.
Storable storable(http::Method method, const http::Fields& request, int status, const http::Fields& response,
                  const ResponseDirectives& cc, WallTime received);

// Status codes whose definition we know (must-understand, 5.2.2.3).
bool understood_status(int status) noexcept;
// RFC 9110 15.1.
bool heuristically_cacheable(int status) noexcept;

// 3.1: the fields that are kept. Without what belongs to one connection, what the directives withhold, Set-Cookie,
// Content-Length (known from the content) and Age (computed). Adds Date when there is none.
http::Fields stored_fields(const http::Fields& response, const ResponseDirectives& cc, WallTime received);

// 3.2: the stored fields with those of a newer head (of a 304) in their place.
http::Fields freshened_fields(const http::Fields& stored, const http::Fields& newer, const ResponseDirectives& cc,
                              WallTime received);

// --- Section 4.2: freshness
// -------------------------------------------------------------------------------------------

// 4.2.1, and 4.2.2 (a tenth of the time since Last-Modified, at most a day) where the origin says nothing.
struct Lifetime {
  seconds value{0};
  bool known = false;  // false: neither explicit nor heuristic
  bool heuristic = false;
};
Lifetime freshness_lifetime(int status, const http::Fields& response, const ResponseDirectives& cc, WallTime received);

// 4.2.3: corrected_initial_age. `delay`: from sending the request to receiving the head.
Duration initial_age(const http::Fields& response, Duration delay, WallTime received);

// --- Section 4, 4.2.4, 5.2.1: reuse
// -----------------------------------------------------------------------------------

// What is remembered of a stored response's directives.
struct ReusePolicy {
  seconds lifetime{0};
  bool always_validate = false;  // no-cache
  bool never_stale = false;      // must-revalidate, proxy-revalidate, s-maxage
  seconds stale_if_error{0};
};
ReusePolicy reuse_policy(const ResponseDirectives& cc, seconds lifetime);

enum class Reuse {
  fresh,     // may be used as it is
  stale,     // is stale, but the client takes it so (max-stale)
  refused,   // is fresh, but the client wants a validated one (no-cache, max-age, min-fresh)
  validate,  // is stale or marked no-cache: only after validation
};
Reuse reuse(const ReusePolicy& stored, const RequestDirectives& request, seconds age) noexcept;
// RFC 5861 4: after an error of the origin.
bool reusable_on_error(const ReusePolicy& stored, seconds age) noexcept;

// --- Section 4.4: invalidation
// ----------------------------------------------------------------------------------------

// True when the response shows that an unsafe request changed something.
bool invalidates(http::Method method, int status) noexcept;

}  // namespace genkan::cache
