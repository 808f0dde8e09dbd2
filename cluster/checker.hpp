// Active health checks: one probe per backend of every pool whose health checks are enabled. A probe connects, shakes
// hands where the pool speaks TLS, for type "http" asks for one page, and reports to the backend's health machine,
// which logs changes with the reason. Intervals have a jitter, and first checks are spread over half a second, so that
// a pool's backends, and many proxies, don't check in step.
// Everything here runs on the control loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/check.hpp"
#include "cluster/cluster.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace genkan::cluster {

class Probe;

// A question over HTTP/2, on a connection of its own that ends with it. This room does not speak HTTP/2: app hands it
// somebody who does.
struct H2Question {
  base::Endpoint to;
  std::shared_ptr<const net::TlsClient> tls;  // null: plain
  std::string tls_name, preface, host, path;
  std::string content;  // with it: a POST of gRPC
  bool settle = false;  // where ALPN says so, over HTTP/1.1
  Duration timeout{};
};
struct H2Answer {
  int status = 0;  // 0: none, and `why` says it
  std::string why;
  std::string content;      // its first kMaxContent bytes
  std::string grpc_status;  // empty: it said none
};
using AskH2 = std::function<net::Task<H2Answer>(H2Question)>;

class Checker {
 public:
  Checker(net::Loop& control, Cluster& cluster);
  ~Checker();  // after stop(), when the loop has no live coroutines

  void set_h2(AskH2 ask) { ask_h2_ = std::move(ask); }
  void refresh();  // at start and after Cluster::apply(): probes of unchanged backends go on
  void stop();     // no check starts any more; those under way are cancelled
  std::size_t size() const noexcept { return probes_.size(); }

 private:
  net::Loop& loop_;
  Cluster& cluster_;
  AskH2 ask_h2_;
  std::vector<std::shared_ptr<Probe>> probes_;
};

}  // namespace genkan::cluster
