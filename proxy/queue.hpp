// Requests that wait because every backend of a pool is at its max_connections: one line for each worker, first come
// first served. Places that this worker frees are given on at once, those of other workers within kLook.
#pragma once

#include <deque>

#include "http/message.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace genkan::proxy {

class Queue {
 public:
  static constexpr Duration kLook = std::chrono::milliseconds(10);

  explicit Queue(net::Loop& loop) : loop_(loop) {}
  std::size_t size() const noexcept { return line_.size(); }

  // A place in the line, given up when it is destroyed.
  class Place final : private net::Timer {
   public:
    explicit Place(Queue& queue) : queue_(queue), event_(queue.loop_) { queue_.line_.push_back(this); }
    ~Place() override;
    // Until it is worth to look again, or `deadline`. Then first() says whether it is this one's turn.
    net::Task<void> wait(Time deadline);
    bool first() const noexcept { return queue_.line_.front() == this; }

   private:
    friend class Queue;
    void on_timer() noexcept override { event_.notify(); }
    Queue& queue_;
    net::Event event_;
  };

  void wake() noexcept {  // a backend has room
    if (!line_.empty()) line_.front()->event_.notify();
  }

 private:
  net::Loop& loop_;
  std::deque<Place*> line_;
};

}  // namespace genkan::proxy
