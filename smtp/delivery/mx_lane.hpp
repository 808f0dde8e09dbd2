// The lane of a domain whose mail hosts DNS names: a relay lane whose members come and go with the answers.
#pragma once

#include "smtp/delivery/relay_lane.hpp"
#include "smtp/mx.hpp"

namespace genkan::smtp {

class MxLane final : public RelayLane {
 public:
  MxLane(Dispatcher& dispatcher, std::string name);
  void configure(const PlanPtr& plan) override;

 private:
  net::Task<bool> find_members(std::string* never) override;
  net::Task<MxPlan> ask_mx();
  void take(const std::vector<MxHost>& hosts, const std::vector<std::vector<base::IpAddress>>& addresses);

  const std::string domain_;
  Time fresh_until_{};
};

}  // namespace genkan::smtp
