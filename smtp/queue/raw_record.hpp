// One record read back from a segment, its checks made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "smtp/queue/record.hpp"
#include "smtp/queue/segment.hpp"

namespace genkan::smtp {

struct RawRecord {
  RecordHead head;
  std::string octets;  // head and metadata
  std::string body;    // when it was asked for
  std::string_view meta() const { return std::string_view(octets).substr(kRecordHead); }
};

// Blocking. Errc::corrupt: no good record stands there. With `body_damaged` a bad body is reported there instead.
Result<RawRecord> read_record(const Segment& segment, std::uint64_t offset, bool with_body,
                              bool* body_damaged = nullptr);

}  // namespace genkan::smtp
