// The lane of a domain whose mail hosts DNS names: a relay lane whose members come and go with the answers.
#pragma once

#include "smtp/delivery/relay_lane.hpp"
#include "smtp/mx.hpp"
#include "smtp/sts/finder.hpp"

namespace genkan::smtp {

class MxLane final : public RelayLane {
 public:
  MxLane(Dispatcher& dispatcher, std::string name);
  void configure(const PlanPtr& plan) override;

 private:
  net::Task<bool> find_members(std::string* never) override;
  // One host with what is known of it.
  struct Found {
    MxHost host;
    std::vector<base::IpAddress> addresses;
    std::shared_ptr<const std::vector<net::TlsaRecord>> tlsa;  // DANE holds
    bool unsafe = false;  // not to be used: DNS hides its TLSA records, or the MTA-STS policy does not name it
  };
  net::Task<MxPlan> ask_mx();
  net::Task<void> ask_dane(std::vector<Found>& hosts, Duration* ttl);
  net::Task<StsFound> ask_sts();
  void apply_sts(const StsFound& sts, std::vector<Found>& hosts);
  std::shared_ptr<const TlsPolicyFacts> facts_of(const Found& host, const StsFound& sts) const;
  void take(const std::vector<Found>& hosts, const StsFound& sts);

  const std::string domain_;
  Time fresh_until_{};
};

}  // namespace genkan::smtp
