// Which bytes of a content a Range field asks for (RFC 9110 14.1.2 and 14.2). Pure.
//
// Many ranges are a way to make a server send more than it has, or work harder than it should: more than kMaxRanges, or
// more bytes in all than the content has, get the whole content instead, as 14.2 allows. Ranges that overlap or touch
// become one, so no byte is sent twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace genkan::proxy {

struct ByteRange {
  std::uint64_t first = 0, last = 0;  // inclusive
  std::uint64_t size() const noexcept { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

struct ByteRanges {
  enum class Kind {
    whole,  // nothing that we take: the content as it is, 200
    some,   // `parts`, 206
    none,   // nothing of it exists, 416
  };
  Kind kind = Kind::whole;
  std::vector<ByteRange> parts;  // in the order in which they were asked for
};

constexpr std::size_t kMaxRanges = 100;

// Of a content of `size` bytes.
ByteRanges parse_ranges(std::string_view field, std::uint64_t size);

}  // namespace genkan::proxy
