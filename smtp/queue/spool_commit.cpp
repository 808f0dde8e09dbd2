// The commit thread: takes all that waits, writes it, makes it durable with one sync, wakes those who wait.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "smtp/queue/spool.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kLazySync = std::chrono::seconds(1);        // for what nobody waits for: states and finished items
constexpr Duration kLazyWrite = std::chrono::milliseconds(5);  // written before that, so that a kill forgets little
constexpr Duration kMeasure = std::chrono::seconds(1);

}  // namespace

// Waits for a batch; false when the spool ends and nothing is left.
bool Spool::take_jobs(std::vector<Job>& jobs, bool at_once) {
  std::unique_lock lock(jobs_mutex_);
  const auto pause = at_once ? Duration(0) : kLazySync;
  jobs_changed_.wait_for(lock, pause, [this] { return ending_ || !jobs_.empty(); });
  if (ending_ && jobs_.empty()) return false;
  if (!jobs_.empty() && urgent_ == 0) {
    jobs_changed_.wait_for(lock, kLazyWrite, [this] { return ending_ || urgent_ != 0; });
  }
  const auto arriving = [this] { return arriving_.load(std::memory_order_relaxed); };
  if (urgent_ != 0 && !ending_) {
    if (const auto hold = patience_.hold(arriving()); hold != Duration(0)) {
      const auto before = urgent_;
      holding_ = true;
      const bool all = jobs_changed_.wait_for(lock, hold, [&] { return ending_ || arriving() == 0; });
      holding_ = false;
      patience_.learn(all || urgent_ != before);
    }
  }
  jobs.swap(jobs_);
  urgent_ = 0;
  return true;
}

void Spool::commit_loop() {
  std::vector<Job> jobs, left;  // left: states that could not be written, tried again with the next batch
  bool more_to_tidy = false;
  for (;;) {
    if (!take_jobs(jobs, more_to_tidy)) break;
    if (!left.empty()) {
      left.insert(left.end(), std::make_move_iterator(jobs.begin()), std::make_move_iterator(jobs.end()));
      jobs = std::move(left);
      left.clear();
    }
    if (!jobs.empty()) {
      commit(jobs);
      for (auto& job : jobs) {
        if (job.id != 0) left.push_back(std::move(job));
      }
      jobs.clear();
    }
    const auto now = Clock::now();
    if (unsynced_ && now - last_sync_ >= kLazySync && !sync_active()) {
      telemetry_.log.error("the mail spool cannot be synced", {{"dir", options_.dir}});
    }
    if (now - last_measure_ >= kMeasure) measure_room();
    more_to_tidy = tidy();
  }
  if (unsynced_ && !sync_active()) telemetry_.log.error("the mail spool cannot be synced", {{"dir", options_.dir}});
}

// Jobs that are done with get id 0; what stays is to be tried again.
void Spool::commit(std::vector<Job>& jobs) {
  const bool must_sync =
      std::any_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.type == RecordType::message; });
  const auto start = Clock::now();
  std::vector<std::uint32_t> offsets;
  const auto result = write(jobs, offsets, must_sync);
  if (!result) {
    telemetry_.log.error("cannot write to the mail spool", {{"dir", options_.dir}, {"why", result.error().message()}});
    measure_room();
  } else {
    std::lock_guard lock(index_mutex_);
    for (std::size_t i = 0; i < jobs.size(); ++i) apply(jobs[i], active_->number(), offsets[i]);
  }
  if (must_sync) commit_time_.record(Clock::now() - start);
  complete(jobs, result);
}

Result<void> Spool::write(std::vector<Job>& jobs, std::vector<std::uint32_t>& offsets, bool must_sync) {
  if (!active_ || active_->size() >= options_.segment_size) {
    if (auto rolled = roll(); !rolled) return rolled.error();
  }
  std::vector<::iovec> parts;
  parts.reserve(jobs.size() * 2);
  const auto before = active_->size();
  auto offset = before;
  for (auto& job : jobs) {
    offsets.push_back(static_cast<std::uint32_t>(offset));
    parts.push_back({job.head.data(), job.head.size()});
    offset += job.head.size();
    if (job.message && !job.message->body.empty()) {
      parts.push_back({const_cast<char*>(job.message->body.data()), job.message->body.size()});
      offset += job.message->body.size();
    }
  }
  if (auto written = active_->append(parts); !written) return written.error();
  unsynced_ = true;
  if (!must_sync) return {};
  if (auto synced = sync_active(); !synced) {
    // Which pages reached the disk is unknown and a second fsync would not tell: this file takes nothing any more.
    if (!active_->cut(before)) telemetry_.log.error("cannot cut the mail spool back", {{"segment", active_->number()}});
    active_.reset();
    return synced.error();
  }
  return {};
}

Result<void> Spool::sync_active() {
  if (!active_) return {};
  if (auto synced = active_->sync(); !synced) return synced.error();
  syncs_.add();
  last_sync_ = Clock::now();
  unsynced_ = false;
  for (const auto id : unlink_large_) ::unlink(large_path(id).c_str());
  unlink_large_.clear();
  return {};
}

// A segment is begun only when all before it is durable, so that a torn tail can only be in the last one.
Result<void> Spool::roll() {
  if (active_ && unsynced_) {
    if (auto synced = sync_active(); !synced) return synced.error();
  }
  std::uint32_t number = 1;
  {
    std::lock_guard lock(index_mutex_);
    if (!segments_.empty()) number = segments_.rbegin()->first + 1;
  }
  auto created = Segment::create(options_.dir, number);
  if (!created) return created.error();
  std::lock_guard lock(index_mutex_);
  segments_.emplace(number, *created);
  active_ = *created;
  return {};
}

void Spool::apply(const Job& job, std::uint32_t segment, std::uint32_t offset) {
  switch (job.type) {
    case RecordType::message: {
      const auto size = job.head.size() + job.message->body.size();
      enter_message(job.message->meta, segment, offset, static_cast<std::uint32_t>(size));
      appended_.add();
      break;
    }
    case RecordType::state:
      enter_state(job.state, segment, offset);
      break;
    case RecordType::finished:
      remove_item(job.id);
      finished_.add();
      break;
  }
}

// One post for each loop, however many messages wait there.
void Spool::complete(std::vector<Job>& jobs, const Result<void>& result) {
  std::unordered_map<net::Loop*, std::vector<std::coroutine_handle<>>> wake;
  for (auto& job : jobs) {
    if (!result && job.type != RecordType::message) continue;  // stays for the next batch
    job.id = 0;
    if (job.done) job.done(result);
    if (!job.waiter) continue;
    job.waiter->result_ = result;
    wake[&job.waiter->loop_].push_back(job.waiter->handle_);
  }
  for (auto& [loop, handles] : wake) {
    loop->post([waiting = std::move(handles)] {
      for (const auto handle : waiting) handle.resume();
    });
  }
}

void Spool::measure_room() {
  last_measure_ = Clock::now();
  struct ::statvfs facts {};
  std::uint64_t room = 0;
  if (::statvfs(options_.dir.c_str(), &facts) == 0) {
    const auto free = static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
    room = free > options_.min_free ? free - options_.min_free : 0;
  }
  room_.store(room, std::memory_order_relaxed);
}

}  // namespace genkan::smtp
