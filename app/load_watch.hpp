// How busy this node is with HTTP, for mail that yields to it: the host from /proc, the workers' lag, the pools.
#pragma once

#include "app/operators.hpp"
#include "cluster/cluster.hpp"
#include "cluster/host_load.hpp"
#include "smtp/yield.hpp"

namespace genkan::app {

// On the control loop.
class LoadWatch {
 public:
  LoadWatch(base::Metrics& metrics, const cluster::Cluster& cluster, const Operators& operators);
  smtp::YieldLoad read(const conf::Smtp& conf);

 private:
  base::Counter& requests_;
  const cluster::Cluster& cluster_;
  const Operators& operators_;
  cluster::HostLoadReader host_;
  std::int64_t last_requests_ = 0;
  Time last_{};
  double per_second_ = 0;
};

}  // namespace genkan::app
