// What each route answered and how fast: counters and histograms for Prometheus, and the section "routes" of the status
// board, with rates and quantiles of the last half minute to minute. Bounded: the first kMaxRoutes names that a process
// ever sees have their own figures; the rest share those of "(other)", and what no route takes those of "(none)".
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "base/telemetry.hpp"
#include "conf/route.hpp"
#include "http/message.hpp"

namespace genkan::proxy {

// The index of a status class: 0 the client left, 1..5; -1: none of them.
int status_class(int status) noexcept;

class RouteMetrics {
 public:
  static constexpr std::size_t kMaxRoutes = 200;
  static constexpr Duration kWindow = std::chrono::seconds(30);

  struct Figures {
    std::array<base::Counter*, 6> by_class{};
    base::Histogram* duration = nullptr;
  };
  // For the routes of one configuration, in their order; the last row is for requests without one.
  using Table = std::vector<const Figures*>;

  explicit RouteMetrics(base::Telemetry& telemetry);
  ~RouteMetrics();

  std::shared_ptr<const Table> table(const std::vector<conf::Route>& routes);  // not on a worker
  void show(const std::vector<conf::Route>& routes);                           // from now on, in the section
  void sample(Time now);                                                       // once a second, on one thread
  std::string json(Time now) const;

 private:
  struct Row;
  struct View;
  Row& row(const std::string& name);

  base::Telemetry& telemetry_;
  mutable std::mutex mutex_;  // guards all below; held while rows are looked up or summed: not by a worker
  std::unordered_map<std::string, std::unique_ptr<Row>> rows_;
  std::vector<View> views_;
};

}  // namespace genkan::proxy
