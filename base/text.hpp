// Small text helpers on views. No locale, ASCII rules only; none allocates unless it returns a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::base {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool iequals(std::string_view a, std::string_view b) noexcept;
bool istarts_with(std::string_view text, std::string_view prefix) noexcept;
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text) noexcept;                       // spaces and tabs (OWS)
std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
// Calls f(part) for each trimmed, non-empty element of a comma list; quoted strings are kept whole.
template <class F>
void each_in_list(std::string_view list, F f) {
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && quoted && list[i] == '\\') {
      ++i;
      continue;
    }
    if (i < list.size() && list[i] == '"') quoted = !quoted;
    if (i >= list.size() || (list[i] == ',' && !quoted)) {
      auto part = trim(list.substr(start, (i < list.size() ? i : list.size()) - start));
      if (!part.empty()) f(part);
      start = i + 1;
    }
  }
}

// Digits only, whole text, no sign, no overflow.
std::optional<std::uint64_t> parse_uint(std::string_view text) noexcept;
std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept;

// "250ms", "5s", "1m30s", "2h", "7d"; a bare number is an error. Zero is "0s".
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds d);
// "512", "64KiB", "10MiB", "1GiB" (powers of 1024); "k"/"m"/"g" are accepted as KiB/MiB/GiB.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

// The nearest of `names` by edit distance, or empty when none is near (distance > 1/3 of the length).
std::string_view nearest(std::string_view wrong, const std::vector<std::string_view>& names);

// Length of the well-formed UTF-8 sequence that `text` starts with; 0 when it starts with none.
std::size_t utf8_sequence(std::string_view text) noexcept;

std::string json_quote(std::string_view text);  // with the quotes; invalid UTF-8 becomes U+FFFD
std::string html_escape(std::string_view text);
std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);                    // no padding
std::optional<std::string> base64_decode(std::string_view text);  // accepts both alphabets, padding optional

// RFC 9110 5.6.7 IMF-fixdate; parse accepts the two obsolete forms too.
std::string http_date(WallTime t);
std::optional<WallTime> parse_http_date(std::string_view text);
std::string rfc5322_date(WallTime t);  // with local offset +0000
std::string rfc3339(WallTime t);       // UTC, milliseconds

}  // namespace genkan::base
