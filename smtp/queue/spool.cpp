#include "smtp/queue/spool.hpp"

#include <algorithm>
#include <future>

#include "smtp/queue/raw_record.hpp"

namespace genkan::smtp {

Spool::Spool(SpoolOptions options, base::Telemetry& telemetry)
    : options_(std::move(options)),
      telemetry_(telemetry),
      syncs_(telemetry.metrics.counter("genkan_smtp_spool_syncs_total", "Syncs of the mail spool's log")),
      appended_(
          telemetry.metrics.counter("genkan_smtp_spool_messages_total", "Messages made durable in the mail spool")),
      finished_(telemetry.metrics.counter("genkan_smtp_spool_finished_total", "Items of the mail spool dealt with")),
      commit_time_(
          telemetry.metrics.histogram("genkan_smtp_spool_commit_seconds", "Time to write and sync one batch")) {}

Result<std::unique_ptr<Spool>> Spool::open(SpoolOptions options, base::Telemetry& telemetry, std::string& why) {
  std::unique_ptr<Spool> spool(new Spool(std::move(options), telemetry));
  if (auto done = spool->recover(why); !done) return done.error();
  spool->measure_room();
  spool->thread_ = std::thread([raw = spool.get()] { raw->commit_loop(); });
  return spool;
}

Spool::~Spool() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(jobs_mutex_);
    ending_ = true;
  }
  jobs_changed_.notify_one();
  thread_.join();
}

void Spool::submit(Job job, Arrival* arrival) {
  bool wake = false;
  {
    std::lock_guard lock(jobs_mutex_);
    const bool urgent = job.urgent();
    // The commit thread is woken for the first job of a batch, for the first that somebody waits for, and when it holds
    // a batch back and this was the last to come.
    wake = jobs_.empty() || (urgent && urgent_ == 0);
    if (urgent) ++urgent_;
    jobs_.push_back(std::move(job));
    if (arrival && arrival->spool_) {
      arrival->spool_ = nullptr;
      if (arriving_.fetch_sub(1, std::memory_order_relaxed) == 1 && holding_) wake = true;
    }
  }
  if (wake) jobs_changed_.notify_one();
}

void Spool::arrival_ended() noexcept {
  if (arriving_.fetch_sub(1, std::memory_order_relaxed) != 1) return;
  std::lock_guard lock(jobs_mutex_);
  if (holding_) jobs_changed_.notify_one();
}

void Spool::Append::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  Job job;
  job.type = RecordType::message;
  job.id = message_->meta.id;
  job.head = encode_message(message_->meta, message_->body);
  job.message = message_;
  job.waiter = this;
  spool_.submit(std::move(job), arrival_);
}

Result<void> Spool::append_blocking(StoredMessagePtr message) {
  std::promise<Result<void>> promise;
  auto future = promise.get_future();
  Job job;
  job.type = RecordType::message;
  job.id = message->meta.id;
  job.head = encode_message(message->meta, message->body);
  job.message = std::move(message);
  job.done = [&promise](Result<void> result) { promise.set_value(result); };
  submit(std::move(job));
  return future.get();
}

void Spool::update(ItemState state) {
  {
    std::lock_guard lock(index_mutex_);
    note_state(state);
  }
  Job job;
  job.type = RecordType::state;
  job.id = state.id;
  job.head = encode_state(state);
  job.state = std::move(state);
  submit(std::move(job));
}

void Spool::finish(std::uint64_t id) {
  {
    std::lock_guard lock(index_mutex_);
    const auto found = index_.find(id);
    if (found != index_.end()) found->second.gone = true;
  }
  Job job;
  job.type = RecordType::finished;
  job.id = id;
  job.head = encode_finished(id);
  submit(std::move(job));
}

void Spool::set_next(std::uint64_t id, std::int64_t next_ms) {
  std::lock_guard lock(index_mutex_);
  const auto found = index_.find(id);
  if (found != index_.end()) found->second.next_s = static_cast<std::uint32_t>(next_ms / 1000);
}

Result<LoadedItem> Spool::load(std::uint64_t id, bool with_body) const {
  Entry entry;
  std::shared_ptr<Segment> segment, state_segment;
  {
    std::lock_guard lock(index_mutex_);
    const auto found = index_.find(id);
    if (found == index_.end() || found->second.gone) return Errc::not_found;
    entry = found->second;
    segment = segments_.at(entry.segment);
    if (entry.state_segment != 0) {
      // A state whose segment is gone was copied or superseded; the index always names the newest.
      state_segment = segments_.at(entry.state_segment);
    }
  }
  auto record = read_record(*segment, entry.offset, with_body);
  if (!record) return record.error();
  auto meta = decode_message(record->meta());
  if (!meta) return meta.error();
  LoadedItem loaded;
  const auto same = [id](const ItemMeta& item) { return item.id == id; };
  const auto item = std::find_if(meta->items.begin(), meta->items.end(), same);
  if (item == meta->items.end()) return Errc::corrupt;
  loaded.item = static_cast<std::size_t>(item - meta->items.begin());
  if (state_segment) {
    auto raw = read_record(*state_segment, entry.state_offset, false);
    if (!raw) return raw.error();
    auto state = decode_state(raw->meta());
    if (!state) return state.error();
    loaded.state = std::move(*state);
  }
  loaded.state.id = id;
  loaded.state.recipients.resize(item->recipients.size());
  if (meta->large_size != 0) loaded.large_path = large_path(meta->id);
  auto message = std::make_shared<StoredMessage>();
  message->meta = std::move(*meta);
  message->body = std::move(record->body);
  loaded.message = std::move(message);
  return loaded;
}

ItemInfo Spool::info_of(std::uint64_t id, const Entry& entry) const {
  ItemInfo info;
  info.id = id;
  info.destination = destinations_[entry.destination];
  info.arrival_s = entry.arrival_s;
  info.next_s = entry.next_s;
  info.attempts = entry.attempts;
  info.size = entry.size;
  info.held = entry.held;
  info.delay_notice_sent = entry.noticed;
  return info;
}

bool Spool::info(std::uint64_t id, ItemInfo& out) const {
  std::lock_guard lock(index_mutex_);
  const auto found = index_.find(id);
  if (found == index_.end() || found->second.gone) return false;
  out = info_of(id, found->second);
  return true;
}

void Spool::visit(std::uint64_t after, const std::function<bool(const ItemInfo&)>& f) const {
  std::lock_guard lock(index_mutex_);
  for (auto at = index_.upper_bound(after); at != index_.end(); ++at) {
    if (!at->second.gone && !f(info_of(at->first, at->second))) return;
  }
}

std::size_t Spool::size() const {
  std::lock_guard lock(index_mutex_);
  return index_.size();
}

Spool::Counts Spool::counts() const {
  Counts counts;
  counts.syncs = static_cast<std::uint64_t>(syncs_.sum());
  counts.appended = static_cast<std::uint64_t>(appended_.sum());
  counts.finished = static_cast<std::uint64_t>(finished_.sum());
  std::lock_guard lock(index_mutex_);
  counts.segments = segments_.size();
  for (const auto& [number, segment] : segments_) counts.bytes += segment->size();
  counts.live_bytes = live_bytes_;
  return counts;
}

std::uint16_t Spool::destination_number(const std::string& name) {
  const auto found = destination_numbers_.find(name);
  if (found != destination_numbers_.end()) return found->second;
  // Names are interned for the life of the process; past the limit they share one, which only blurs what operators see.
  if (destinations_.size() >= UINT16_MAX) return 0;
  const auto number = static_cast<std::uint16_t>(destinations_.size());
  destinations_.push_back(name);
  destination_numbers_.emplace(name, number);
  return number;
}

void Spool::enter_message(const MessageMeta& meta, std::uint32_t segment, std::uint32_t offset, std::uint32_t size) {
  if (meta.items.empty()) return;
  auto& home = *segments_.at(segment);
  const auto share = size / static_cast<std::uint32_t>(meta.items.size());
  for (const auto& item : meta.items) {
    const auto found = index_.find(item.id);
    if (found != index_.end()) {  // a copy by compaction: only its place changes
      auto& entry = found->second;
      auto& old = *segments_.at(entry.segment);
      --old.live_items;
      old.live_bytes -= std::min<std::uint64_t>(old.live_bytes, entry.size);
      live_bytes_ -= std::min<std::uint64_t>(live_bytes_, entry.size);
    }
    auto& entry = found != index_.end() ? found->second : index_[item.id];
    entry.segment = segment;
    entry.offset = offset;
    entry.size = share;
    entry.arrival_s = static_cast<std::uint32_t>(meta.arrival_ms / 1000);
    entry.destination = destination_number(item.destination);
    entry.position = static_cast<std::uint16_t>(item.id - meta.id);
    entry.siblings =
        std::max<std::uint16_t>(entry.siblings, static_cast<std::uint16_t>(meta.items.back().id - meta.id + 1));
    entry.large = meta.large_size != 0;
    ++home.live_items;
    home.live_bytes += share;
    live_bytes_ += share;
  }
}

void Spool::enter_state(const ItemState& state, std::uint32_t segment, std::uint32_t offset) {
  const auto found = index_.find(state.id);
  if (found == index_.end()) return;
  found->second.state_segment = segment;
  found->second.state_offset = offset;
}

void Spool::note_state(const ItemState& state) {
  const auto found = index_.find(state.id);
  if (found == index_.end()) return;
  auto& entry = found->second;
  entry.attempts = static_cast<std::uint16_t>(std::min<std::uint32_t>(state.attempts, UINT16_MAX));
  entry.next_s = static_cast<std::uint32_t>(state.next_ms / 1000);
  entry.held = state.held;
  entry.noticed = state.delay_notice_sent;
}

void Spool::remove_item(std::uint64_t id) {
  const auto found = index_.find(id);
  if (found == index_.end()) return;
  const auto entry = found->second;
  auto& home = *segments_.at(entry.segment);
  --home.live_items;
  home.live_bytes -= std::min<std::uint64_t>(home.live_bytes, entry.size);
  live_bytes_ -= std::min<std::uint64_t>(live_bytes_, entry.size);
  index_.erase(found);
  if (!entry.large) return;
  const auto first = id - entry.position;
  const auto sibling = index_.lower_bound(first);
  if (sibling == index_.end() || sibling->first - sibling->second.position != first) unlink_large_.push_back(first);
}

}  // namespace genkan::smtp
