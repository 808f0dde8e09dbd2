// What stands in the spool's log: records, each a fixed head, metadata and, for a message, its content.
//
//   head (32 octets, little endian): magic u32, type u8, zero u8[3], meta size u32, body size u32, id u64,
//                                    CRC-32C of the first 24 octets and the metadata, CRC-32C of the body
//
// message   a new message with its items. An item is the unit of delivery: the recipients of one message that go to one
//           destination; each has its own id, attempts and time of the next one. The body is shared.
// state     what became of an item so far, whole: the last one counts.
// finished  the item is dealt with; no metadata.
//
// Pure: octets in, values out, every length checked, because after a power cut the octets may be anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "smtp/envelope.hpp"

namespace genkan::smtp {

enum class RecordType : std::uint8_t { message = 1, state = 2, finished = 3 };

constexpr std::size_t kRecordHead = 32;
constexpr std::uint32_t kMaxMeta = 8u << 20;
constexpr std::uint32_t kMaxInlineBody = 1u << 20;

struct RecordHead {
  RecordType type = RecordType::message;
  std::uint32_t meta_size = 0, body_size = 0;
  std::uint64_t id = 0;
  std::uint32_t head_crc = 0, body_crc = 0;
  std::uint64_t size() const noexcept { return kRecordHead + std::uint64_t{meta_size} + body_size; }
};

struct ItemMeta {
  std::uint64_t id = 0;
  std::string destination;  // "local", "relay:NAME": see smtp/route.hpp
  std::vector<Recipient> recipients;
};

struct MessageMeta {
  std::uint64_t id = 0;  // that of the first item when it came; names the message in Received and the log
  std::int64_t arrival_ms = 0;
  Envelope envelope;  // without recipients: they are in the items
  Origin origin;
  bool dot_lines = false, eight_bit = false;
  std::uint64_t large_size = 0;  // not 0: the content is a file of its own with this size ...
  std::uint32_t large_crc = 0;   // ... and this CRC
  std::vector<ItemMeta> items;
};

enum class RecipientStatus : std::uint8_t { pending, delivered, failed };

struct RecipientState {
  RecipientStatus status = RecipientStatus::pending;
  std::string reply;  // the last answer of the next hop for this recipient, or our own words
};

struct ItemState {
  std::uint64_t id = 0;
  std::uint32_t attempts = 0;
  std::int64_t next_ms = 0;  // not before
  bool held = false;
  bool delay_notice_sent = false;
  std::vector<RecipientState> recipients;  // as in the item; empty: all pending, never tried
};

// Head and metadata, ready to be written before the body.
std::string encode_message(const MessageMeta& meta, std::string_view body);
std::string encode_state(const ItemState& state);
std::string encode_finished(std::uint64_t id);

Result<RecordHead> decode_head(std::string_view octets);  // the first kRecordHead octets; checks form, not CRCs
bool head_is_good(const RecordHead& head, std::string_view head_octets, std::string_view meta) noexcept;
bool body_is_good(const RecordHead& head, std::string_view body) noexcept;
Result<MessageMeta> decode_message(std::string_view meta);
Result<ItemState> decode_state(std::string_view meta);

// Ids as people see them (base 36, lower case).
std::string id_text(std::uint64_t id);
Result<std::uint64_t> parse_id(std::string_view text);

}  // namespace genkan::smtp
