// Writes what TlsReports has counted: when the day (UTC) is over, and at a stop; and has it sent, where that is wanted:
// when it was written, and once an hour what is left. On the control loop.
#pragma once

#include "net/loop.hpp"
#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {

class DailyReports final : private net::Timer {
 public:
  DailyReports(net::Loop& control, Shared& shared, PlanPtr plan)
      : loop_(control), shared_(shared), plan_(std::move(plan)) {}
  void start() { loop_.wheel().arm(*this, loop_.now() + kFirst); }
  void stop() { loop_.wheel().cancel(*this); }
  void configure(PlanPtr plan) { plan_ = std::move(plan); }
  void write_now();  // blocks; when the loop does not run this any more

 private:
  static constexpr Duration kFirst = std::chrono::seconds(1);
  static constexpr Duration kEvery = std::chrono::seconds(10);
  static constexpr Duration kSendEvery = std::chrono::hours(1);
  void on_timer() noexcept override;
  std::vector<TlsReports::Report> take();
  static net::Task<void> write(Shared& shared, net::Loop& loop, std::string dir,
                               std::vector<TlsReports::Report> reports);
  void send();

  net::Loop& loop_;
  Shared& shared_;
  PlanPtr plan_;
  Time next_send_{};
};

}  // namespace genkan::smtp
