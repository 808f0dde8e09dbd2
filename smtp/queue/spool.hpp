// The spool: every message that was answered 250 and is not yet delivered. An append-only log in segment files with
// group commit, and a small index in memory. Why not SQLite: docs/decisions/0004-mail-spool.md.
//
// One commit thread writes everything: it takes all that waits, writes it with one pwritev, makes it durable with one
// fdatasync, enters it into the index and wakes those who wait. Messages that come while it syncs form the next batch,
// and a batch waits some milliseconds for senders that are inside their content (smtp/queue/patience.hpp), so that the
// number of syncs falls as the load rises. What nobody waits for, states and finished items, is written within 5 ms.
//
//   append() ──► waiting jobs ──► commit thread: write, fdatasync ──► index ──► waiters resume on their loops
//   load()   ──► index ──► pread (blocking: from an offload thread)
//
// What must stay true: append() succeeds only when record and directory entry are durable. A finished item never comes
// back: its `finished` record lies behind its message in the log, and segments are removed from the oldest end only
// (what still lives there is copied to the newest end first). Content over kInlineBody is a file of its own in large/,
// durable before the record that names it, and removed after the last item that uses it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/telemetry.hpp"
#include "net/loop.hpp"
#include "smtp/queue/patience.hpp"
#include "smtp/queue/record.hpp"
#include "smtp/queue/segment.hpp"

namespace genkan::smtp {

constexpr std::size_t kInlineBody = 256 * 1024;

// A message with its content, immutable once appended.
struct StoredMessage {
  MessageMeta meta;
  std::string body;  // with our Received field; empty when the content is in large/
};
using StoredMessagePtr = std::shared_ptr<const StoredMessage>;

struct SpoolOptions {
  std::string dir;
  std::uint64_t segment_size = 64u << 20;
  std::uint64_t slack = 256u << 20;  // dead octets that are tolerated beside as many as live
  std::uint64_t min_free = 64u << 20;
};

// One item as the index knows it.
struct ItemInfo {
  std::uint64_t id = 0;
  std::string destination;
  std::int64_t arrival_s = 0;
  std::int64_t next_s = 0;
  std::uint32_t attempts = 0;
  std::uint32_t size = 0;  // of the record, or the large file in KiB rounded up to octets
  bool held = false;
  bool delay_notice_sent = false;
};

// One item with all that its delivery needs.
struct LoadedItem {
  StoredMessagePtr message;  // body empty when it was not asked for or is large
  std::size_t item = 0;      // index into message->meta.items
  ItemState state;           // recipients as many as the item has
  std::string large_path;    // not empty: the content is there

  const ItemMeta& meta() const { return message->meta.items[item]; }
};

class Spool {
 public:
  // Reads what is there. `why` says which file and what is wrong.
  static Result<std::unique_ptr<Spool>> open(SpoolOptions options, base::Telemetry& telemetry, std::string& why);
  ~Spool();  // writes and syncs what waits; nobody may be awaiting
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Ids never come twice, not after a restart either. Thread-safe, as is everything here but the destructor.
  std::uint64_t reserve_ids(std::uint32_t count) noexcept {
    return next_id_.fetch_add(count, std::memory_order_relaxed);
  }

  // Held by whoever receives a message's content, until it hands the message to append() or gives up.
  class Arrival {
   public:
    explicit Arrival(Spool& spool) noexcept : spool_(&spool) {
      spool.arriving_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Arrival() {
      if (spool_) spool_->arrival_ended();
    }
    Arrival(Arrival&& other) noexcept : spool_(std::exchange(other.spool_, nullptr)) {}
    Arrival& operator=(Arrival&&) = delete;

   private:
    friend class Spool;
    Spool* spool_;
  };

  // co_await: resumes on `loop` when the message is durable. Errc::exhausted: no space.
  class [[nodiscard]] Append {
   public:
    Append(Spool& spool, net::Loop& loop, StoredMessagePtr message, Arrival* arrival)
        : spool_(spool), loop_(loop), message_(std::move(message)), arrival_(arrival) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    Result<void> await_resume() noexcept { return result_; }

   private:
    friend class Spool;
    Spool& spool_;
    net::Loop& loop_;
    StoredMessagePtr message_;
    Arrival* arrival_;
    std::coroutine_handle<> handle_;
    Result<void> result_;
  };
  // `arrival`: of this message, if there was one; it ends here.
  Append append(net::Loop& loop, StoredMessagePtr message, Arrival* arrival = nullptr) {
    return Append(*this, loop, std::move(message), arrival);
  }
  Result<void> append_blocking(StoredMessagePtr message);

  // Seen by info(), load() and visit() at once; written soon, in the order of the calls, and durable with the next sync
  // (within a second).
  void update(ItemState state);
  void finish(std::uint64_t id);
  // In memory only: an operator wants it tried earlier.
  void set_next(std::uint64_t id, std::int64_t next_ms);

  // Blocking. Errc::not_found when the item is finished, Errc::corrupt when the disk gives back something else.
  Result<LoadedItem> load(std::uint64_t id, bool with_body) const;

  bool info(std::uint64_t id, ItemInfo& out) const;
  // Items with an id over `after`, oldest first, until f says false. f runs under the index lock: quick, no calls back.
  void visit(std::uint64_t after, const std::function<bool(const ItemInfo&)>& f) const;
  std::size_t size() const;

  // Octets that may still be taken in; 0 when the disk is as full as it may get.
  std::uint64_t room() const noexcept { return room_.load(std::memory_order_relaxed); }
  std::string large_path(std::uint64_t message_id) const { return options_.dir + "/large/" + id_text(message_id); }
  std::string large_dir() const { return options_.dir + "/large"; }

  struct Counts {
    std::uint64_t syncs = 0, appended = 0, finished = 0, segments = 0, bytes = 0, live_bytes = 0;
  };
  Counts counts() const;

 private:
  struct Entry {
    std::uint32_t segment = 0, offset = 0, size = 0;
    std::uint32_t state_segment = 0, state_offset = 0;  // segment 0: no state was written
    std::uint32_t arrival_s = 0, next_s = 0;
    std::uint16_t attempts = 0, destination = 0, position = 0, siblings = 1;
    bool held = false, noticed = false, large = false, gone = false;
  };
  struct Job {
    RecordType type = RecordType::message;
    std::uint64_t id = 0;
    std::string head;  // encoded head and metadata
    StoredMessagePtr message;
    ItemState state;
    Append* waiter = nullptr;
    std::function<void(Result<void>)> done;
    bool urgent() const noexcept { return type == RecordType::message; }
  };

  Spool(SpoolOptions options, base::Telemetry& telemetry);
  void submit(Job job, Arrival* arrival = nullptr);
  void arrival_ended() noexcept;

  // spool_commit.cpp, on the commit thread
  bool take_jobs(std::vector<Job>& jobs, bool at_once);
  void commit_loop();
  void commit(std::vector<Job>& jobs);
  Result<void> write(std::vector<Job>& jobs, std::vector<std::uint32_t>& offsets, bool must_sync);
  Result<void> roll();
  void apply(const Job& job, std::uint32_t segment, std::uint32_t offset);
  void complete(std::vector<Job>& jobs, const Result<void>& result);
  Result<void> sync_active();
  void measure_room();

  // spool_compact.cpp, on the commit thread
  bool tidy();  // true: there is more to do
  bool copy_some(const std::shared_ptr<Segment>& oldest);
  bool add_copy(const std::shared_ptr<Segment>& oldest, std::uint64_t offset, std::vector<Job>& copies);
  std::vector<std::uint64_t> living_here(const MessageMeta& meta, std::uint32_t segment, std::uint64_t offset) const;
  bool drop_dead_segments();
  void empty_active();

  // spool_recover.cpp, before the commit thread runs
  Result<void> recover(std::string& why);
  Result<void> scan(const std::shared_ptr<Segment>& segment, bool last);
  bool replay(const RecordHead& head, std::string_view meta, std::uint32_t segment, std::uint64_t offset);
  void drop_orphans();

  // index, with index_mutex_ held
  void enter_message(const MessageMeta& meta, std::uint32_t segment, std::uint32_t offset, std::uint32_t size);
  void enter_state(const ItemState& state, std::uint32_t segment, std::uint32_t offset);
  void note_state(const ItemState& state);
  void remove_item(std::uint64_t id);
  std::uint16_t destination_number(const std::string& name);
  ItemInfo info_of(std::uint64_t id, const Entry& entry) const;

  const SpoolOptions options_;
  base::Telemetry& telemetry_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::uint64_t> room_{0};

  mutable std::mutex index_mutex_;  // guards the index below; held for look-ups and to enter one batch
  std::map<std::uint64_t, Entry> index_;
  std::map<std::uint32_t, std::shared_ptr<Segment>> segments_;
  std::vector<std::string> destinations_;
  std::unordered_map<std::string, std::uint16_t> destination_numbers_;
  std::uint64_t live_bytes_ = 0;

  // Commit thread only.
  std::shared_ptr<Segment> active_;
  std::uint64_t copied_to_ = 0;  // how far the oldest segment was copied
  bool unsynced_ = false;
  Time last_sync_{}, last_measure_{}, last_tidy_{};
  std::vector<std::uint64_t> unlink_large_;

  std::mutex jobs_mutex_;  // guards what follows up to ending_; held for a push or a swap
  std::condition_variable jobs_changed_;
  std::vector<Job> jobs_;
  std::size_t urgent_ = 0;  // messages among jobs_
  bool holding_ = false;    // the commit thread waits for those who are arriving
  bool ending_ = false;
  std::atomic<std::uint32_t> arriving_{0};
  Patience patience_;  // commit thread only

  base::Counter& syncs_;
  base::Counter& appended_;
  base::Counter& finished_;
  base::Histogram& commit_time_;
  std::thread thread_;
};

}  // namespace genkan::smtp
