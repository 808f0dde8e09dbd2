#include "smtp/queue/record.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "smtp/queue/crc32c.hpp"

namespace genkan::smtp {
namespace {

constexpr std::uint32_t kMagic = 0x52514b47;  // "GKQR"
constexpr std::size_t kCheckedHead = 24;
constexpr std::uint8_t kVersion = 1;

template <class T>
void store(char* at, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<char>((value >> (8 * i)) & 0xff);
}

template <class T>
T fetch(const char* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<unsigned char>(at[i])) << (8 * i);
  return value;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }

 private:
  std::string& out_;
};

// After the first fault every read gives nothing; good() is asked once at the end.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) return fail();
      const auto octet = static_cast<unsigned char>(in_.front());
      in_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return fail();
  }
  std::string text() {
    const auto size = number();
    if (size > in_.size()) {
      fail();
      return {};
    }
    std::string value(in_.substr(0, size));
    in_.remove_prefix(size);
    return value;
  }
  // A count of things that take at least one octet each.
  std::size_t count() {
    const auto n = number();
    if (n <= in_.size()) return static_cast<std::size_t>(n);
    return static_cast<std::size_t>(fail());
  }
  bool good() const noexcept { return good_ && in_.empty(); }

 private:
  std::uint64_t fail() {
    good_ = false;
    in_ = {};
    return 0;
  }
  std::string_view in_;
  bool good_ = true;
};

std::string start_record() { return std::string(kRecordHead, '\0'); }

void finish_record(std::string& record, RecordType type, std::uint64_t id, std::string_view body) {
  char* head = record.data();
  store<std::uint32_t>(head, kMagic);
  head[4] = static_cast<char>(type);
  store(head + 8, static_cast<std::uint32_t>(record.size() - kRecordHead));
  store(head + 12, static_cast<std::uint32_t>(body.size()));
  store(head + 16, id);
  auto crc = crc32c(0, std::string_view(head, kCheckedHead));
  crc = crc32c(crc, std::string_view(record).substr(kRecordHead));
  store(head + 24, crc);
  store(head + 28, crc32c(0, body));
}

constexpr std::uint64_t kUtf8 = 1, kEightBit = 2, kDotLines = 4, kBody8 = 8, kBinary = 16, kRequireTls = 32;
constexpr std::uint64_t kHeld = 1, kNoticed = 2;  // of a state

}  // namespace

std::string encode_message(const MessageMeta& meta, std::string_view body) {
  auto record = start_record();
  record.reserve(256);
  Writer out(record);
  out.number(kVersion);
  out.number(meta.id);
  out.number(static_cast<std::uint64_t>(meta.arrival_ms));
  std::uint64_t flags = 0;
  if (meta.envelope.utf8) flags |= kUtf8;
  if (meta.eight_bit) flags |= kEightBit;
  if (meta.dot_lines) flags |= kDotLines;
  if (meta.envelope.body == BodyType::eight_bit) flags |= kBody8;
  if (meta.envelope.body == BodyType::binary) flags |= kBinary;
  if (meta.envelope.require_tls) flags |= kRequireTls;
  out.number(flags);
  out.number(static_cast<std::uint64_t>(meta.envelope.ret));
  out.text(meta.envelope.sender);
  out.text(meta.envelope.envid);
  out.text(meta.origin.ip);
  out.text(meta.origin.helo);
  out.text(meta.origin.protocol);
  out.number(meta.large_size);
  out.number(meta.large_crc);
  out.number(meta.items.size());
  for (const auto& item : meta.items) {
    out.number(item.id);
    out.text(item.destination);
    out.number(item.recipients.size());
    for (const auto& recipient : item.recipients) {
      out.text(recipient.address);
      out.text(recipient.orcpt);
      out.number(recipient.notify);
    }
  }
  finish_record(record, RecordType::message, meta.id, body);
  return record;
}

std::string encode_state(const ItemState& state) {
  auto record = start_record();
  Writer out(record);
  out.number(kVersion);
  out.number(state.attempts);
  out.number(static_cast<std::uint64_t>(state.next_ms));
  std::uint64_t flags = 0;
  if (state.held) flags |= kHeld;
  if (state.delay_notice_sent) flags |= kNoticed;
  out.number(flags);
  out.number(state.recipients.size());
  for (const auto& recipient : state.recipients) {
    out.number(static_cast<std::uint64_t>(recipient.status));
    out.text(recipient.reply);
  }
  finish_record(record, RecordType::state, state.id, {});
  return record;
}

std::string encode_finished(std::uint64_t id) {
  auto record = start_record();
  finish_record(record, RecordType::finished, id, {});
  return record;
}

Result<RecordHead> decode_head(std::string_view octets) {
  if (octets.size() < kRecordHead || fetch<std::uint32_t>(octets.data()) != kMagic) return Errc::corrupt;
  RecordHead head;
  const auto type = static_cast<unsigned char>(octets[4]);
  head.type = static_cast<RecordType>(type);
  head.meta_size = fetch<std::uint32_t>(octets.data() + 8);
  head.body_size = fetch<std::uint32_t>(octets.data() + 12);
  head.id = fetch<std::uint64_t>(octets.data() + 16);
  head.head_crc = fetch<std::uint32_t>(octets.data() + 24);
  head.body_crc = fetch<std::uint32_t>(octets.data() + 28);
  if (type < 1 || type > 3 || head.meta_size > kMaxMeta || head.body_size > kMaxInlineBody) return Errc::corrupt;
  return head;
}

bool head_is_good(const RecordHead& head, std::string_view head_octets, std::string_view meta) noexcept {
  return crc32c(crc32c(0, head_octets.substr(0, kCheckedHead)), meta) == head.head_crc;
}

bool body_is_good(const RecordHead& head, std::string_view body) noexcept { return crc32c(0, body) == head.body_crc; }

Result<MessageMeta> decode_message(std::string_view octets) {
  Reader in(octets);
  MessageMeta meta;
  if (in.number() != kVersion) return Errc::corrupt;
  meta.id = in.number();
  meta.arrival_ms = static_cast<std::int64_t>(in.number());
  const auto flags = in.number();
  meta.envelope.utf8 = (flags & kUtf8) != 0;
  meta.eight_bit = (flags & kEightBit) != 0;
  meta.dot_lines = (flags & kDotLines) != 0;
  if ((flags & kBody8) != 0) meta.envelope.body = BodyType::eight_bit;
  if ((flags & kBinary) != 0) meta.envelope.body = BodyType::binary;
  meta.envelope.require_tls = (flags & kRequireTls) != 0;
  meta.envelope.ret = static_cast<Ret>(std::min<std::uint64_t>(in.number(), 2));
  meta.envelope.sender = in.text();
  meta.envelope.envid = in.text();
  meta.origin.ip = in.text();
  meta.origin.helo = in.text();
  meta.origin.protocol = in.text();
  meta.large_size = in.number();
  meta.large_crc = static_cast<std::uint32_t>(in.number());
  const auto items = in.count();
  for (std::size_t i = 0; i < items; ++i) {
    ItemMeta item;
    item.id = in.number();
    item.destination = in.text();
    const auto recipients = in.count();
    for (std::size_t k = 0; k < recipients; ++k) {
      Recipient recipient;
      recipient.address = in.text();
      recipient.orcpt = in.text();
      recipient.notify = static_cast<std::uint8_t>(in.number());
      item.recipients.push_back(std::move(recipient));
    }
    meta.items.push_back(std::move(item));
  }
  if (!in.good()) return Errc::corrupt;
  return meta;
}

Result<ItemState> decode_state(std::string_view octets) {
  Reader in(octets);
  ItemState state;
  if (in.number() != kVersion) return Errc::corrupt;
  state.attempts = static_cast<std::uint32_t>(in.number());
  state.next_ms = static_cast<std::int64_t>(in.number());
  const auto flags = in.number();
  state.held = (flags & kHeld) != 0;
  state.delay_notice_sent = (flags & kNoticed) != 0;
  const auto recipients = in.count();
  for (std::size_t i = 0; i < recipients; ++i) {
    RecipientState recipient;
    recipient.status = static_cast<RecipientStatus>(std::min<std::uint64_t>(in.number(), 2));
    recipient.reply = in.text();
    state.recipients.push_back(std::move(recipient));
  }
  if (!in.good()) return Errc::corrupt;
  return state;
}

std::string id_text(std::uint64_t id) {
  std::string text;
  do {
    text += "0123456789abcdefghijklmnopqrstuvwxyz"[id % 36];
    id /= 36;
  } while (id != 0);
  std::reverse(text.begin(), text.end());
  return text;
}

Result<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  if (text.empty()) return Errc::malformed;
  for (const char c : text) {
    std::uint64_t digit = 36;
    if (c >= '0' && c <= '9') digit = static_cast<std::uint64_t>(c - '0');
    if (c >= 'a' && c <= 'z') digit = static_cast<std::uint64_t>(c - 'a') + 10;
    if (digit == 36 || id > (std::numeric_limits<std::uint64_t>::max() - digit) / 36) return Errc::malformed;
    id = id * 36 + digit;
  }
  return id;
}

}  // namespace genkan::smtp
