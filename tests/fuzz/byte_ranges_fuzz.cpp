// room: proxy
// Range fields of strangers: whatever they ask for, nobody gets a byte twice, one that is not there, or too many parts.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "proxy/byte_ranges.hpp"

using namespace genkan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t length = 0;
  if (size < sizeof length) return 0;
  std::memcpy(&length, data, sizeof length);
  length >>= 1;  // no file is larger
  const std::string_view field(reinterpret_cast<const char*>(data) + sizeof length, size - sizeof length);
  const auto ranges = proxy::parse_ranges(field, length);
  if ((ranges.kind == proxy::ByteRanges::Kind::some) == ranges.parts.empty()) std::abort();
  if (ranges.parts.size() > proxy::kMaxRanges) std::abort();
  std::uint64_t bytes = 0;
  for (const auto& one : ranges.parts) {
    if (one.first > one.last || one.last >= length) std::abort();
    bytes += one.size();
    for (const auto& other : ranges.parts) {
      if (&one != &other && one.first <= other.last && other.first <= one.last) std::abort();
    }
  }
  if (bytes > length) std::abort();
  return 0;
}
