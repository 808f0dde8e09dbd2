#include "base/text.hpp"

#include <algorithm>
#include <limits>

namespace genkan::base {

bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a == b) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool istarts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  for (;;) {
    auto end = text.find(separator, start);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::optional<std::uint64_t> parse_uint(std::string_view text) noexcept {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  constexpr std::size_t kSafe = 19;  // as many digits can't overflow
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c < '0' || c > '9') return std::nullopt;
    auto digit = static_cast<std::uint64_t>(c - '0');
    if (i >= kSafe && value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    unsigned digit = 0;
    char l = lower(c);
    if (l >= '0' && l <= '9') {
      digit = static_cast<unsigned>(l - '0');
    } else if (l >= 'a' && l <= 'f') {
      digit = static_cast<unsigned>(l - 'a' + 10);
    } else {
      return std::nullopt;
    }
    if (value >> 60) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ms;
};
// Largest first: format_duration walks down, parse_duration demands this order.
constexpr DurationUnit kDurationUnits[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr std::int64_t kLongest = 36'525LL * 86'400'000;  // 100 years: adding one to any clock cannot overflow

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  std::int64_t previous = std::numeric_limits<std::int64_t>::max();
  if (text.empty()) return Errc::malformed;
  while (!text.empty()) {
    auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto number = parse_uint(text.substr(0, digits));
    text.remove_prefix(digits);
    auto letters = std::min(text.find_first_of("0123456789"), text.size());
    auto name = text.substr(0, letters);
    text.remove_prefix(letters);
    if (!number) return Errc::malformed;
    const auto* unit = std::find_if(std::begin(kDurationUnits), std::end(kDurationUnits),
                                    [&](const DurationUnit& u) { return u.name == name; });
    if (unit == std::end(kDurationUnits) || unit->ms >= previous) return Errc::malformed;
    previous = unit->ms;
    if (*number > static_cast<std::uint64_t>((kLongest - total) / unit->ms)) return Errc::too_large;
    total += static_cast<std::int64_t>(*number) * unit->ms;
  }
  return std::chrono::milliseconds(total);
}

std::string format_duration(std::chrono::milliseconds d) {
  auto left = d.count();
  if (left == 0) return "0s";
  std::string out;
  if (left < 0) {
    out = "-";
    left = -left;
  }
  for (const auto& unit : kDurationUnits) {
    if (left >= unit.ms) {
      out += std::to_string(left / unit.ms);
      out += unit.name;
      left %= unit.ms;
    }
  }
  return out;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto number = parse_uint(text.substr(0, digits));
  if (!number) return digits == 0 ? Errc::malformed : Errc::too_large;
  auto unit = text.substr(digits);
  if (unit.empty() || unit == "B") return *number;
  constexpr std::string_view kLetters = "kmgt";
  auto power = kLetters.find(lower(unit[0]));
  auto rest = unit.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || iequals(rest, "ib"))) return Errc::malformed;
  auto shift = 10 * (power + 1);
  if (*number > std::numeric_limits<std::uint64_t>::max() >> shift) return Errc::too_large;
  return *number << shift;
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

namespace {

// Optimal string alignment distance: a swap of neighbours counts once, because that is how people mistype.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + cost});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view wrong, const std::vector<std::string_view>& names) {
  constexpr std::size_t kLongestName = 64;  // the table is quadratic
  std::string_view best;
  if (wrong.size() > kLongestName) return best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (auto name : names) {
    if (name.size() > kLongestName) continue;
    auto limit = std::max<std::size_t>(1, std::max(wrong.size(), name.size()) / 3);
    auto distance = edit_distance(wrong, name);
    if (distance <= limit && distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace genkan::base
