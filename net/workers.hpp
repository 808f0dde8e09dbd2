// The workers: one thread with one loop each, metric slots 1..N, plus one control loop (slot N+1) for everything that
// is not per request: health checks, the cluster channel, queue scheduling, the status page.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "net/loop.hpp"

namespace genkan::net {

class Workers {
 public:
  explicit Workers(int count);  // 0: one per core
  ~Workers();                   // stops and joins

  int count() const noexcept { return static_cast<int>(workers_.size()); }
  Loop& worker(int i) noexcept { return *workers_[static_cast<std::size_t>(i)]; }
  Loop& control() noexcept { return *control_; }

  void start();
  void stop();  // after every room has ended its work
  // Runs f(i) on each worker's loop and waits for all of them. Not from a loop's thread.
  void on_each(const std::function<void(int)>& f);
  // Runs f on the control loop and waits. Not from a loop's thread.
  void on_control(const std::function<void()>& f);
  std::size_t live() const noexcept;  // detached coroutines, all loops (racy: for waiting)

 private:
  std::vector<std::unique_ptr<Loop>> workers_;
  std::unique_ptr<Loop> control_;
  std::vector<std::thread> threads_;
};

}  // namespace genkan::net
