// Gives space back: segments without live items are removed, from the oldest end only, and when too much of the log is
// dead the live items of the oldest segment are copied to the newest. Each step is small, so that new mail never waits
// long.
//
// A copied message is followed by a copy of its state: on a replay a state counts only behind its message.
#include <unistd.h>

#include <algorithm>

#include "smtp/queue/raw_record.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {
namespace {

constexpr std::uint64_t kStep = 1u << 20;              // octets looked at in one step
constexpr std::uint64_t kBlocked = ~std::uint64_t{0};  // the oldest segment is damaged: it stays
constexpr Duration kPause = std::chrono::milliseconds(100);

}  // namespace

bool Spool::tidy() {
  const auto now = Clock::now();
  if (copied_to_ == 0 && now - last_tidy_ < kPause) return false;
  last_tidy_ = now;
  drop_dead_segments();
  std::shared_ptr<Segment> oldest;
  std::uint64_t total = 0, live = 0;
  {
    std::lock_guard lock(index_mutex_);
    if (segments_.empty()) return false;
    oldest = segments_.begin()->second;
    for (const auto& [number, segment] : segments_) total += segment->size();
    live = live_bytes_;
  }
  if (oldest == active_) {
    empty_active();
    return false;
  }
  if (copied_to_ == kBlocked || !active_) return false;
  if (copied_to_ == 0 && total <= 2 * live + options_.slack) return false;
  return copy_some(oldest);
}

// Nothing lives in the only segment: it is emptied where it stands, which needs no space on a full disk. Its `finished`
// records are about messages in it, so that nothing can come back.
void Spool::empty_active() {
  constexpr std::uint64_t kWorthIt = 16u << 20;
  const auto size = active_->size();
  if (size <= Segment::kHeader.size() || (size < kWorthIt && room() != 0)) return;
  {
    std::lock_guard lock(index_mutex_);
    if (active_->live_items != 0) return;
  }
  if (!active_->cut(Segment::kHeader.size())) return;
  unsynced_ = false;
  for (const auto id : unlink_large_) ::unlink(large_path(id).c_str());
  unlink_large_.clear();
  measure_room();
}

bool Spool::drop_dead_segments() {
  bool dropped = false;
  for (;;) {
    std::shared_ptr<Segment> oldest;
    {
      std::lock_guard lock(index_mutex_);
      if (segments_.empty()) break;
      oldest = segments_.begin()->second;
      if (oldest == active_ || oldest->live_items != 0) break;
    }
    // What made it dead, a copy or a finished record, must be durable first.
    if (unsynced_ && !sync_active()) break;
    std::lock_guard lock(index_mutex_);
    segments_.erase(segments_.begin());
    oldest->remove(options_.dir);
    copied_to_ = 0;
    dropped = true;
  }
  return dropped;
}

bool Spool::copy_some(const std::shared_ptr<Segment>& oldest) {
  if (copied_to_ == 0) copied_to_ = Segment::kHeader.size();
  const auto begin = copied_to_;
  const auto stop = std::min(oldest->size(), begin + kStep);
  std::vector<Job> copies;
  while (copied_to_ < stop) {
    const auto record = read_record(*oldest, copied_to_, false);
    bool good = record.has_value();
    const auto offset = copied_to_;
    if (good) copied_to_ += record->head.size();
    if (good && record->head.type == RecordType::message) good = add_copy(oldest, offset, copies);
    if (!good) {
      telemetry_.log.error("a segment of the mail spool is damaged and cannot be compacted",
                           {{"segment", oldest->number()}});
      copied_to_ = kBlocked;
      return false;
    }
  }
  if (!copies.empty()) {
    std::vector<std::uint32_t> offsets;
    if (!write(copies, offsets, true)) {
      copied_to_ = begin;
      return false;
    }
    std::lock_guard lock(index_mutex_);
    for (std::size_t i = 0; i < copies.size(); ++i) {
      const auto& job = copies[i];
      const auto size = job.head.size() + (job.message ? job.message->body.size() : 0);
      if (job.message)
        enter_message(job.message->meta, active_->number(), offsets[i], static_cast<std::uint32_t>(size));
      if (!job.message) enter_state(job.state, active_->number(), offsets[i]);
    }
  }
  if (copied_to_ >= oldest->size()) drop_dead_segments();
  return copied_to_ != 0 && copied_to_ < oldest->size();
}

std::vector<std::uint64_t> Spool::living_here(const MessageMeta& meta, std::uint32_t segment,
                                              std::uint64_t offset) const {
  std::vector<std::uint64_t> living;
  std::lock_guard lock(index_mutex_);
  for (const auto& item : meta.items) {
    const auto found = index_.find(item.id);
    if (found == index_.end() || found->second.segment != segment || found->second.offset != offset) continue;
    living.push_back(item.id);
  }
  return living;
}

bool Spool::add_copy(const std::shared_ptr<Segment>& oldest, std::uint64_t offset, std::vector<Job>& copies) {
  auto record = read_record(*oldest, offset, true);
  if (!record) return false;
  auto meta = decode_message(record->meta());
  if (!meta) return false;
  const auto living = living_here(*meta, oldest->number(), offset);
  if (living.empty()) return true;
  const auto is_dead = [&](const ItemMeta& item) {
    return std::find(living.begin(), living.end(), item.id) == living.end();
  };
  std::erase_if(meta->items, is_dead);
  auto message = std::make_shared<StoredMessage>();
  message->meta = std::move(*meta);
  message->body = std::move(record->body);
  Job job;
  job.id = message->meta.id;
  job.head = encode_message(message->meta, message->body);
  job.message = std::move(message);
  copies.push_back(std::move(job));
  for (const auto id : living) {
    auto loaded = load(id, false);
    if (!loaded && loaded.error() == make_error_code(Errc::not_found)) continue;  // finished a moment ago
    if (!loaded) return false;
    if (loaded->state.attempts == 0 && !loaded->state.held && !loaded->state.delay_notice_sent) continue;
    Job state;
    state.type = RecordType::state;
    state.id = id;
    state.head = encode_state(loaded->state);
    state.state = std::move(loaded->state);
    copies.push_back(std::move(state));
  }
  return true;
}

}  // namespace genkan::smtp
