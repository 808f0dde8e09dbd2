// The operators' side: one page, a JSON API, Prometheus metrics, health and readiness, actions. Runs on the control
// loop, behind its own listener. Knows no other room: what it shows are the sections that rooms registered on the
// StatusBoard.
//
//   GET  /                    the page             GET /healthz   alive: 200
//   GET  /api/v1/status       everything           GET /readyz    200, or 503 with the reason
//   GET  /api/v1/NAME         one section          GET /metrics   Prometheus text
//   GET  /api/v1/events       server-sent events, one `status` a second
//   POST /api/v1/actions/NAME  {"..."} with X-Genkan-CSRF
//   POST /api/v1/login        {"token": "..."}
//
// Access: with a token set, everything but /healthz and /readyz needs it (Bearer, or the cookie that login gives).
// Without one (loopback only, the reader insists) the Host field must name this host, so that a page elsewhere can't
// reach us through a name that it points at 127.0.0.1. An action needs the page's CSRF value, or a Bearer token.
#pragma once

#include <memory>
#include <string>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"

namespace genkan::admin {

class Admin final : public http::Handler {
 public:
  Admin(base::Telemetry& telemetry, conf::Admin conf, std::string node);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  enum class Access { yes, no_token, wrong_host };
  Access access(const http::Request& request, bool& by_bearer) const;
  http::Response page(http::Request& request) const;
  http::Response events(http::Request& request) const;
  http::Response section(http::Request& request, std::string_view name) const;
  http::Response ready(http::Request& request) const;
  net::Task<Result<http::Response>> post(http::Request& request, bool by_bearer);
  http::Response act(http::Request& request, std::string_view name, std::string_view json);
  http::Response login(http::Request& request, std::string_view json);
  std::string status_json() const;

  base::Telemetry& telemetry_;
  const conf::Admin conf_;
  const std::string node_;
  const std::string csrf_;
  const WallTime started_ = WallClock::now();
  base::Counter& buffers_;  // a gauge, set when somebody looks
};

}  // namespace genkan::admin
