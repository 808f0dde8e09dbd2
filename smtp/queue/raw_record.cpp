#include "smtp/queue/raw_record.hpp"

#include <algorithm>

namespace genkan::smtp {
namespace {

constexpr std::size_t kFirstRead = 512;  // head and metadata of nearly every record in one call

}  // namespace

Result<RawRecord> read_record(const Segment& segment, std::uint64_t offset, bool with_body, bool* body_damaged) {
  if (offset + kRecordHead > segment.size()) return Errc::corrupt;
  RawRecord record;
  record.octets.resize(std::min<std::uint64_t>(kFirstRead, segment.size() - offset));
  if (auto got = segment.read(offset, record.octets.data(), record.octets.size()); !got) return got.error();
  const auto head = decode_head(record.octets);
  if (!head) return head.error();
  if (offset + head->size() > segment.size()) return Errc::corrupt;
  record.head = *head;
  const auto had = record.octets.size();
  record.octets.resize(kRecordHead + head->meta_size);
  if (record.octets.size() > had) {
    auto got = segment.read(offset + had, record.octets.data() + had, record.octets.size() - had);
    if (!got) return got.error();
  }
  if (!head_is_good(record.head, record.octets, record.meta())) return Errc::corrupt;
  if (!with_body) return record;
  record.body.resize(head->body_size);
  const auto at = offset + kRecordHead + head->meta_size;
  if (auto got = segment.read(at, record.body.data(), record.body.size()); !got) return got.error();
  const bool good = body_is_good(record.head, record.body);
  if (body_damaged) *body_damaged = !good;
  if (!good && !body_damaged) return Errc::corrupt;
  return record;
}

}  // namespace genkan::smtp
