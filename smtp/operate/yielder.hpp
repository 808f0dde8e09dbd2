// Measures once a second, on the control loop, whether mail should yield (smtp/yield.hpp), and tells everybody: the
// level is an atomic that sessions and lanes read. Status section "mail_yield".
#pragma once

#include <atomic>
#include <mutex>

#include "base/telemetry.hpp"
#include "net/loop.hpp"
#include "smtp/plan.hpp"
#include "smtp/yield.hpp"

namespace genkan::smtp {

struct Shared;

// Lives in Shared, for whoever obeys.
struct YieldNow {
  std::atomic<int> level{0};
  YieldLevel get() const noexcept { return static_cast<YieldLevel>(level.load(std::memory_order_relaxed)); }
};

class Yielder final : private net::Timer {
 public:
  Yielder(net::Loop& control, Shared& shared, PlanPtr plan);
  ~Yielder() override;
  // On the control loop.
  void start();
  void stop();
  void configure(PlanPtr plan) { plan_ = std::move(plan); }

 private:
  void on_timer() noexcept override;
  std::string json() const;

  net::Loop& loop_;
  Shared& shared_;
  PlanPtr plan_;
  base::Counter& gauge_;
  mutable std::mutex mutex_;  // guards state_ and load_; held to copy them
  YieldState state_;
  YieldLoad load_;
};

}  // namespace genkan::smtp
