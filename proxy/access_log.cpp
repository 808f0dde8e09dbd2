#include "proxy/access_log.hpp"

#include <string>

#include "proxy/log_line.hpp"

namespace genkan::proxy {
namespace {

constexpr std::size_t kMaxLine = 16 * 1024;
constexpr int kInfo = 6;  // RFC 5424 6.2.1

}  // namespace

AccessLog::AccessLog(std::shared_ptr<base::LineFile> file, conf::LogFormat format, Duration slow,
                     std::shared_ptr<const RouteMetrics::Table> routes, net::Syslog* syslog, base::Telemetry& telemetry)
    : file_(std::move(file)),
      format_(std::move(format)),
      slow_(slow),
      routes_(std::move(routes)),
      syslog_(syslog),
      log_(telemetry.log),
      bytes_(telemetry.metrics.counter("genkan_http_response_body_bytes_total",
                                       "Bytes of response content sent to clients")),
      duration_(telemetry.metrics.histogram("genkan_http_request_duration_seconds",
                                            "From the request head to the last byte sent")) {
  for (std::size_t i = 0; i < by_class_.size(); ++i) {
    by_class_[i] = &telemetry.metrics.counter("genkan_http_responses_total",
                                              "Responses by status class; 'gone': the client left first",
                                              {{"class", i == 0 ? "gone" : std::to_string(i) + "xx"}});
  }
}

void AccessLog::finished(const http::Request& r, const http::ResponseHead* head,
                         const http::Outcome& outcome) noexcept {
  const auto row = static_cast<std::size_t>(r.route_row < 0 ? routes_->size() - 1 : r.route_row);
  const RouteMetrics::Figures& route = *(*routes_)[row];
  if (const int klass = status_class(outcome.status); klass >= 0) {
    by_class_[static_cast<std::size_t>(klass)]->add();
    route.by_class[static_cast<std::size_t>(klass)]->add();
  }
  route.duration->record(outcome.duration);
  bytes_.add(static_cast<std::int64_t>(outcome.body_bytes));
  duration_.record(outcome.duration);
  if (slow_ > Duration::zero() && outcome.duration >= slow_) note_slow(r, outcome);
  if (!file_ && !syslog_) return;
  char buffer[kMaxLine];
  const std::size_t size = write_line(format_, {r, head, outcome}, buffer);
  if (file_) file_->write({buffer, size});
  if (syslog_) syslog_->write("access", kInfo, {buffer, size});
}

void AccessLog::note_slow(const http::Request& r, const http::Outcome& outcome) noexcept {
  const auto ms = [](Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); };
  log_.warning("a request was slow", {{"target", r.target},
                                      {"host", r.host},
                                      {"route", r.route},
                                      {"backend", r.backend},
                                      {"status", outcome.status},
                                      {"tries", r.tries},
                                      {"accept_ms", ms(r.accept_time)},
                                      {"tls_ms", ms(r.tls_time)},
                                      {"head_ms", ms(r.head_time)},
                                      {"wait_ms", ms(r.wait_time)},
                                      {"connect_ms", ms(r.connect_time)},
                                      {"first_byte_ms", ms(r.backend_time)},
                                      {"last_byte_ms", ms(outcome.duration)},
                                      {"bytes", outcome.body_bytes},
                                      {"request_id", r.fields.get(http::FieldId::x_request_id).value_or("")},
                                      {"trace_id", trace_id_of(r)}});
}

}  // namespace genkan::proxy
