// The lane of the local mailboxes: each recipient of an item is handed to the function that app gave us, on the offload
// pool. Also stands for mail without a route, which waits for a better configuration until its time is over.
#pragma once

#include "smtp/delivery/lane.hpp"

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

  bool routed_;
};

}  // namespace genkan::smtp
