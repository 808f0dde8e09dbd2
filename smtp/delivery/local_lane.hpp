// The lane of the local mailboxes: each recipient of an item is handed to the function that app gave us, on the offload
// pool. Also stands for mail without a route, which waits for a better configuration until its time is over.
#pragma once

#include "smtp/delivery/lane.hpp"
#include "smtp/delivery/local.hpp"

namespace genkan::smtp {

class LocalLane final : public Lane {
 public:
  LocalLane(Dispatcher& dispatcher, std::string name, bool routed);
  void configure(const PlanPtr&) override {}
  void cancel() override {}

 private:
  std::size_t carrier_limit() const override;
  net::Task<void> carry() override;
  net::Task<Outcome> hand_over(const Work& work, std::size_t index);
  net::Task<Result<void>> send_on(const Work& work, const LocalMessage& message, LocalPlan& plan);
  net::Task<Result<void>> submit_redirect(const Work& work, const LocalMessage& message, LocalPlan& plan,
                                          std::vector<std::string> to);
  net::Task<void> send_answer(LocalPlan& plan, std::string user);

  bool routed_;
};

}  // namespace genkan::smtp
