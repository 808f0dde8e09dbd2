// Health checks over HTTP/2 for the room cluster, which does not speak it: one request on a connection of its own.
// Everything on the control loop.
#pragma once

#include <memory>
#include <vector>

#include "cluster/checker.hpp"
#include "http/origin.hpp"

namespace genkan::app {

class BackendChecks {
 public:
  explicit BackendChecks(net::Loop& control);
  ~BackendChecks();

  net::Task<cluster::H2Answer> ask(cluster::H2Question question);
  void stop();   // those under way end soon
  void close();  // after that: nothing is under way

 private:
  class Call;
  net::Loop& loop_;
  std::unique_ptr<http::OriginPool> pool_;
  std::vector<Call*> calls_;
};

}  // namespace genkan::app
