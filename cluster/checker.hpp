// Active health checks: one probe per backend of every pool whose health checks are enabled. A probe connects, for
// type "http" asks for one page and reads the status line, and reports to the backend's health machine, which logs
// changes with the reason. Intervals have a jitter of a tenth, and first checks are spread over half a second, so that
// a pool's backends, and many proxies, don't check in step.
// Everything here runs on the control loop.
#pragma once

#include <memory>
#include <vector>

#include "cluster/check.hpp"
#include "cluster/cluster.hpp"
#include "net/loop.hpp"

namespace genkan::cluster {

class Probe;

class Checker {
 public:
  Checker(net::Loop& control, Cluster& cluster);
  ~Checker();  // after stop(), when the loop has no live coroutines

  void refresh();  // at start and after Cluster::apply(): probes of unchanged backends go on
  void stop();     // no check starts any more; those under way are cancelled
  std::size_t size() const noexcept { return probes_.size(); }

 private:
  net::Loop& loop_;
  Cluster& cluster_;
  std::vector<std::shared_ptr<Probe>> probes_;
};

}  // namespace genkan::cluster
