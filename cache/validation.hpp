// Validators and conditional requests (RFC 9111 4.3, RFC 9110 8.8 and 13), and ranges of a stored response (RFC 9110
// 14). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "http/fields.hpp"

namespace genkan::cache {

// `"a"` and `W/"a"`. The weak comparison ignores W/, the strong one refuses it (RFC 9110 8.8.3.2).
bool etag_valid(std::string_view etag) noexcept;
bool etag_equal_weak(std::string_view a, std::string_view b) noexcept;
bool etag_equal_strong(std::string_view a, std::string_view b) noexcept;

// What a stored response offers for comparison. Views into its fields.
struct Validators {
  std::string_view etag;           // empty: none, or one that breaks the grammar
  std::string_view last_modified;  // as received; empty: none
  bool any() const noexcept { return !etag.empty() || !last_modified.empty(); }
};
Validators validators_of(const http::Fields& stored);

// 4.3.1: puts the stored validators into the request in the place of the client's conditions.
void make_conditional(http::Fields& request, const Validators& stored);

// 4.3.4: may this 304 freshen the stored response? Not when it names another representation.
bool same_representation(const Validators& stored, const http::Fields& not_modified);

// Conditions of a request that a cache leaves to the origin (RFC 9110 13.1.1, 13.1.4).
bool has_origin_conditions(const http::Fields& request) noexcept;
// If-None-Match, If-Modified-Since.
bool has_cache_conditions(const http::Fields& request) noexcept;

// 4.3.2: the client has what we have: answer 304. Only for a stored 200. Without Last-Modified the Date is compared.
bool client_is_current(const http::Fields& request, const http::Fields& stored);

// The fields of a 304 made from a stored response (RFC 9110 15.4.5).
bool belongs_in_304(std::string_view name, http::FieldId id) noexcept;

struct ByteRange {
  std::uint64_t first = 0, last = 0;  // inclusive
  std::uint64_t size() const noexcept { return last - first + 1; }
};
enum class RangeAnswer {
  whole,          // no Range, one that is to be ignored (several ranges too), or If-Range does not hold
  partial,        // 206 with `range`
  unsatisfiable,  // 416
};
// For a stored 200 of `size` bytes.
RangeAnswer choose_range(const http::Fields& request, const http::Fields& stored, std::uint64_t size, ByteRange& range);

}  // namespace genkan::cache
