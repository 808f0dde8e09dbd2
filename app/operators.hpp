// The operators' listener on the control loop, and the section "workers" of the status board.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/admin.hpp"
#include "base/telemetry.hpp"
#include "http/server.hpp"
#include "net/listener.hpp"
#include "net/workers.hpp"

namespace genkan::app {

class Operators {
 public:
  Operators(net::Workers& workers, base::Telemetry& telemetry);
  ~Operators();

  // Before privileges are dropped. A socket that `from` has for the address is used instead of a new one.
  Result<void> open(const conf::Conf& conf, std::string& why, net::Inherited* from = nullptr);
  const net::ListenSocket* socket() const noexcept { return socket_.get(); }
  void hand_over();  // another process accepts from now on; who is here gets the answer
  void start(conf::ConfPtr conf);
  // Called once a second on the control loop. Before start().
  void on_second(std::function<void(Time)> what) { on_second_ = std::move(what); }
  void stop();                 // cuts its connections
  Duration worst_lag() const;  // of the workers, in the last second; any thread

 private:
  // Once a second: how busy each worker is.
  struct Sampler final : net::Timer {
    explicit Sampler(Operators& o) : operators(o) {}
    void on_timer() noexcept override { operators.sample(); }
    Operators& operators;
  };
  struct Load {
    std::int64_t requests = 0;
    double requests_per_second = 0, lag_ms = 0;
  };
  void sample();
  std::string workers_json() const;

  net::Workers& workers_;
  base::Telemetry& telemetry_;
  http::ServerMetrics admin_metrics_;
  base::Counter& requests_;
  base::Counter& connections_;
  std::unique_ptr<net::ListenSocket> socket_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<http::Server> server_;
  std::shared_ptr<net::ConnectionLimit> limit_ = std::make_shared<net::ConnectionLimit>();
  Sampler sampler_;
  std::function<void(Time)> on_second_;
  mutable std::mutex mutex_;  // guards loads_; held for a copy
  std::vector<Load> loads_;
};

}  // namespace genkan::app
