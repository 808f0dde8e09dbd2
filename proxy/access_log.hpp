// The access log, the counters that every request ends in, and a warning about those that took too long.
#pragma once

#include <array>
#include <memory>

#include "base/line_sink.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/telemetry.hpp"
#include "conf/log_format.hpp"
#include "http/handler.hpp"
#include "net/syslog.hpp"
#include "proxy/route_metrics.hpp"

namespace genkan::proxy {

class AccessLog final : public http::Observer {
 public:
  // `file` and `syslog` may be null: no log, only counters. `slow`: what takes longer is warned about; zero: never.
  AccessLog(std::shared_ptr<base::LineFile> file, conf::LogFormat format, Duration slow,
            std::shared_ptr<const RouteMetrics::Table> routes, net::Syslog* syslog, base::Telemetry& telemetry);
  void finished(const http::Request& request, const http::ResponseHead* head,
                const http::Outcome& outcome) noexcept override;

 private:
  void note_slow(const http::Request& request, const http::Outcome& outcome) noexcept;

  std::shared_ptr<base::LineFile> file_;
  const conf::LogFormat format_;
  const Duration slow_;
  const std::shared_ptr<const RouteMetrics::Table> routes_;
  net::Syslog* const syslog_;
  base::Log& log_;
  std::array<base::Counter*, 6> by_class_{};  // 0: the client left; 1..5
  base::Counter& bytes_;
  base::Histogram& duration_;
};

}  // namespace genkan::proxy
