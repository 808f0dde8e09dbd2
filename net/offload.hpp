// Blocking work (SQLite, fsync, password hashes, files) runs here, never on a worker. One small pool per room.
//
//   auto result = co_await pool.run(loop, fn);   // fn on a pool thread; then back on `loop`
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace genkan::net {

class Offload {
 public:
  explicit Offload(int threads, std::size_t max_queued = 10'000);
  ~Offload();  // finishes what is queued, then joins
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  bool submit(std::function<void()> job);  // false: the queue is full

  // `f` must be a named object (not a temporary lambda) in the awaiting coroutine; it is taken by value here.
  template <class F>
  class Run {
   public:
    using Value = std::invoke_result_t<F&>;
    Run(Offload& pool, Loop& loop, F f) : pool_(pool), loop_(loop), f_(std::move(f)) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> h) {
      return pool_.submit([this, h] {
        value_.emplace(f_());
        loop_.post([h] { h.resume(); });
      });  // false resumes at once: value_ stays empty
    }
    Result<Value> await_resume() {
      if (!value_) return Errc::exhausted;
      return std::move(*value_);
    }

   private:
    Offload& pool_;
    Loop& loop_;
    F f_;
    std::optional<Value> value_;
  };

  // Result<Value>: Errc::exhausted when the queue is full. Value must not be void.
  template <class F>
  Run<F> run(Loop& loop, F f) {
    return Run<F>(*this, loop, std::move(f));
  }

 private:
  void work();
  std::mutex mutex_;  // guards jobs_ and ending_; held for a push or a pop
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::size_t max_queued_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace genkan::net
