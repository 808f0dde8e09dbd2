// A lane: the queue of one destination on one worker, and the carriers (coroutines) that empty it. Everything here runs
// on that worker's loop. An item belongs to the worker that its id names, so that no two workers ever carry the same
// item.
//
//   fresh (just accepted, content still in memory) ┐
//   again (due for another try)                    ├─► carrier ─► attempt ─► settled: finished, or later with back-off
//   later (a heap by time) ── due ──► again        ┘
//
// New mail and retries take turns, so that a long queue of old mail does not hold new mail up.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "smtp/client/transaction.hpp"
#include "smtp/delivery/mapped_file.hpp"
#include "smtp/plan.hpp"
#include "smtp/queue/spool.hpp"

namespace genkan::smtp {

class Dispatcher;

struct Ready {
  std::uint64_t id = 0;
  StoredMessagePtr hot;  // null: to be read from the spool
};

// One item in a carrier's hands.
struct Work {
  LoadedItem item;
  MappedFile large;
  std::string_view content;          // in item.message or in `large`
  std::vector<std::size_t> indices;  // the recipients to try now
};

// What the far side is called in the log and in reports.
struct Carried {
  std::string remote;
  bool reports_on = false;  // it will send success reports itself (DSN), or the failure is not its own
  bool local = false;
};

class Lane {
 public:
  Lane(Dispatcher& dispatcher, std::string name);
  virtual ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  const std::string& name() const noexcept { return name_; }
  virtual void configure(const PlanPtr& plan) = 0;

  void push(Ready ready);  // to be tried as soon as possible
  void push_later(std::uint64_t id, std::int64_t next_ms);
  void tick(std::int64_t wall_ms);  // ten times a second: what is due, pauses that are over
  void stop();                      // carriers end after the item in hand
  virtual void cancel() = 0;        // breaks what is in flight
  // Whether the next hop would take mail for this address. `try_later`: it could not be asked.
  virtual net::Task<Verdict> probe(std::string address);

  std::size_t depth() const noexcept { return fresh_.size() + again_.size() + later_.size(); }
  std::size_t carriers() const noexcept { return carriers_; }
  bool paused() const noexcept;
  bool forgettable() const noexcept { return idle_ticks_ > kForgetTicks && probes_ == 0; }
  const std::string& last_error() const noexcept { return last_error_; }

 protected:
  virtual std::size_t carrier_limit() const = 0;
  virtual net::Task<void> carry() = 0;  // one carrier's life; ends with carrier_ended()

  std::size_t allowed() const;
  // The next item, loaded; false: nothing came within `idle`, or the lane stops.
  net::Task<bool> next(Work& work, Duration idle);
  void put_back(Work& work);
  net::Task<void> settle_attempt(Work& work, const std::vector<Outcome>& outcomes, const Carried& carried);
  void pause(Time until) noexcept { paused_until_ = until; }
  void carrier_ended();
  bool stopping() const noexcept { return stopping_; }
  void note_error(std::string why) { last_error_ = std::move(why); }

  Dispatcher& dispatcher_;
  net::Loop& loop_;
  std::size_t probes_ = 0;  // under way

 private:
  class Nap;
  struct Later {
    std::int64_t due_s;
    std::uint64_t id;
    bool operator<(const Later& other) const noexcept { return due_s > other.due_s; }
  };
  void pump();
  bool take(Ready& ready);
  net::Task<bool> prepare(Ready ready, Work& work);
  bool still_ours(Work& work);

  std::string name_;
  std::deque<Ready> fresh_, again_;
  std::priority_queue<Later> later_;
  std::vector<Nap*> idle_;
  std::size_t carriers_ = 0;
  unsigned turn_ = 0;
  static constexpr unsigned kForgetTicks = 3000;  // five minutes
  unsigned idle_ticks_ = 0;                       // nothing waits and nobody carries
  Time paused_until_{};
  bool stopping_ = false, pumping_ = false;
  std::string last_error_;
};

}  // namespace genkan::smtp
