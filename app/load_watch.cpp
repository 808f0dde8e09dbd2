#include "app/load_watch.hpp"

#include <cmath>

namespace genkan::app {
namespace {

constexpr double kMeanOver = 10;  // seconds, of the rate of requests

}  // namespace

LoadWatch::LoadWatch(base::Metrics& metrics, const cluster::Cluster& cluster, const Operators& operators)
    : requests_(metrics.counter("genkan_http_requests_total", "Requests received", {{"side", "public"}})),
      cluster_(cluster),
      operators_(operators) {}

smtp::YieldLoad LoadWatch::read(const conf::Smtp& conf) {
  smtp::YieldLoad out;
  const auto now = Clock::now();
  const auto host = host_.read(now);
  out.load_percent = host.load_milli / 10.0 / std::max(1u, host.ncpu);
  out.busy_percent = (1000.0 - std::min(1000u, host.cpu_idle_permille)) / 10;
  out.backends_percent = 100 * cluster_.troubled(conf.yield_load, now);
  out.lag = operators_.worst_lag();
  cluster::LoadRecord record;
  cluster_.describe_self(record);
  out.requests = record.inflight;
  const auto requests = requests_.sum();
  const std::chrono::duration<double> passed = now - last_;
  if (last_ != Time{} && passed.count() > 0) {
    const auto rate = static_cast<double>(requests - last_requests_) / passed.count();
    per_second_ += (rate - per_second_) * (1 - std::exp(-passed.count() / kMeanOver));
  }
  last_ = now;
  last_requests_ = requests;
  out.requests_per_second = per_second_;
  return out;
}

}  // namespace genkan::app
