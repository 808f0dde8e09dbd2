#include "app/operators.hpp"

#include <algorithm>
#include <cstdio>

namespace genkan::app {
namespace {

constexpr std::int64_t kMaxConnections = 256;

}  // namespace

Operators::Operators(net::Workers& workers, base::Telemetry& telemetry)
    : workers_(workers),
      telemetry_(telemetry),
      admin_metrics_(telemetry.metrics, "admin"),
      requests_(telemetry.metrics.counter("genkan_http_requests_total", "Requests received", {{"side", "public"}})),
      connections_(telemetry.metrics.gauge("genkan_http_connections", "Open client connections", {{"side", "public"}})),
      sampler_(*this),
      loads_(static_cast<std::size_t>(workers.count())) {
  limit_->max = kMaxConnections;
}

Operators::~Operators() = default;

Result<void> Operators::open(const conf::Conf& conf, std::string& why, net::Inherited* from) {
  if (!conf.admin.enabled) return {};
  const auto address = base::Endpoint::parse(conf.admin.listen);
  if (!address) return address.error();
  auto socket = net::ListenSocket::open(*address, 1, from);
  if (!socket) {
    why = "cannot listen on " + conf.admin.listen + " ([admin] listen): " + socket.error().message();
    return socket.error();
  }
  socket_ = std::make_unique<net::ListenSocket>(std::move(*socket));
  return {};
}

void Operators::start(conf::ConfPtr conf) {
  telemetry_.status.add_section("workers", [this] { return workers_json(); });
  workers_.on_control([&] {
    net::Loop& loop = workers_.control();
    loop.wheel().arm(sampler_, loop.now() + 1s);
    if (!socket_) return;
    auto snapshot = std::make_shared<http::Snapshot>();
    snapshot->conf = conf;
    snapshot->handler = std::make_shared<admin::Admin>(telemetry_, conf->admin, conf->node.name);
    server_ = std::make_unique<http::Server>(loop, telemetry_, admin_metrics_, snapshot, limit_);
    auto entrance = std::make_shared<http::Entrance>();
    entrance->name = "admin";
    auto accept = [this, entrance](std::unique_ptr<net::Transport> t) { server_->accept(std::move(t), entrance); };
    for (const int fd : socket_->fds(0, 1)) {
      listeners_.push_back(std::make_unique<net::Listener>(loop, fd, telemetry_, limit_, accept));
    }
  });
}

void Operators::stop() {
  workers_.on_control([&] {
    listeners_.clear();
    workers_.control().wheel().cancel(sampler_);
    if (server_) server_->cancel();
  });
}

void Operators::hand_over() {
  workers_.on_control([&] {
    listeners_.clear();
    if (server_) server_->drain(1s);
  });
}

void Operators::sample() {
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      const auto requests = requests_.at(static_cast<int>(i) + 1);
      loads_[i].requests_per_second = static_cast<double>(requests - loads_[i].requests);
      loads_[i].requests = requests;
      loads_[i].lag_ms =
          std::chrono::duration<double, std::milli>(workers_.worker(static_cast<int>(i)).take_lag()).count();
    }
  }
  if (on_second_) on_second_(workers_.control().now());
  workers_.control().wheel().arm(sampler_, workers_.control().now() + 1s);
}

Duration Operators::worst_lag() const {
  std::lock_guard lock(mutex_);
  double worst = 0;
  for (const auto& load : loads_) worst = std::max(worst, load.lag_ms);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(worst));
}

std::string Operators::workers_json() const {
  std::lock_guard lock(mutex_);
  std::string out = "[";
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    char row[160];
    std::snprintf(row, sizeof row,
                  "%s{\"id\":%zu,\"connections\":%lld,\"requests_per_second\":%.0f,\"loop_lag_ms\":%.2f}", i ? "," : "",
                  i + 1, static_cast<long long>(connections_.at(static_cast<int>(i) + 1)),
                  loads_[i].requests_per_second, loads_[i].lag_ms);
    out += row;
  }
  return out + "]";
}

}  // namespace genkan::app
