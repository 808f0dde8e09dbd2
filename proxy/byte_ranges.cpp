#include "proxy/byte_ranges.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.hpp"

namespace genkan::proxy {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

// Digits alone; what is too large to count is larger than any content.
std::optional<std::uint64_t> position(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    out = out > (kHuge - digit) / 10 ? kHuge : out * 10 + digit;
  }
  return out;
}

enum class Read { bad, satisfiable, beyond };

// "0-99", "100-", "-50".
Read read_one(std::string_view spec, std::uint64_t size, ByteRange& out) {
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return Read::bad;
  const auto last_text = spec.substr(dash + 1);
  const auto last = position(last_text);
  if (dash == 0) {
    if (!last) return Read::bad;
    if (*last == 0 || size == 0) return Read::beyond;
    out = {*last >= size ? 0 : size - *last, size - 1};
    return Read::satisfiable;
  }
  const auto first = position(spec.substr(0, dash));
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return Read::bad;
  if (*first >= size) return Read::beyond;
  out = {*first, last ? std::min(*last, size - 1) : size - 1};
  return Read::satisfiable;
}

// Those that overlap or touch become one, in the place of the one that was asked for first.
std::vector<ByteRange> joined(const std::vector<ByteRange>& asked) {
  struct Placed {
    ByteRange range;
    std::size_t place;
  };
  std::vector<Placed> sorted;
  for (const auto& range : asked) sorted.push_back({range, sorted.size()});
  std::sort(sorted.begin(), sorted.end(),
            [](const Placed& a, const Placed& b) { return a.range.first < b.range.first; });
  std::vector<Placed> kept;
  for (const auto& one : sorted) {
    if (kept.empty() || one.range.first > kept.back().range.last + 1) {
      kept.push_back(one);
      continue;
    }
    kept.back().range.last = std::max(kept.back().range.last, one.range.last);
    kept.back().place = std::min(kept.back().place, one.place);
  }
  std::sort(kept.begin(), kept.end(), [](const Placed& a, const Placed& b) { return a.place < b.place; });
  std::vector<ByteRange> out;
  for (const auto& one : kept) out.push_back(one.range);
  return out;
}

}  // namespace

ByteRanges parse_ranges(std::string_view field, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  ByteRanges out;
  if (!base::istarts_with(field, kUnit)) return out;
  std::vector<ByteRange> asked;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const auto element : base::split(field.substr(kUnit.size()), ',')) {
    const auto spec = base::trim(element);
    if (spec.empty()) continue;
    ByteRange range;
    const Read read = read_one(spec, size, range);
    if (read == Read::bad || ++count > kMaxRanges) return out;
    if (read == Read::beyond) continue;
    bytes += range.size();
    if (bytes > size) return out;
    asked.push_back(range);
  }
  if (count == 0) return out;
  out.kind = asked.empty() ? ByteRanges::Kind::none : ByteRanges::Kind::some;
  out.parts = joined(asked);
  return out;
}

}  // namespace genkan::proxy
