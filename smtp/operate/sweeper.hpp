// Walks the whole queue, a little at a time, for what no lane looks at while its destination is down: items whose time
// is over, and senders who should be told that their mail waits; it counts ages on its way. On the control loop.
#pragma once

#include "net/loop.hpp"
#include "net/task.hpp"
#include "smtp/delivery/dispatcher.hpp"
#include "smtp/operate/queue_ages.hpp"

namespace genkan::smtp {

class Sweeper {
 public:
  Sweeper(net::Loop& loop, Shared& shared, PlanPtr plan) : loop_(loop), shared_(shared), plan_(std::move(plan)) {}
  void start();
  void configure(PlanPtr plan) { plan_ = std::move(plan); }
  void stop() noexcept { stopping_ = true; }
  bool idle() const noexcept { return !running_; }

 private:
  net::Task<void> run();
  void step();

  net::Loop& loop_;
  Shared& shared_;
  PlanPtr plan_;
  std::uint64_t after_ = 0;
  AgesByDestination ages_;  // of this walk so far
  bool stopping_ = false, running_ = false;
};

}  // namespace genkan::smtp
