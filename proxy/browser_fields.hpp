// What browsers are told: which other sites may use a route (CORS, as the Fetch standard has it), and to be careful.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/route.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

// May a page of `origin` use this route? Pure. "https://*.example.org" is any name below it.
bool origin_allowed(const std::vector<std::string>& allowed, std::string_view origin);

class CorsLayer final : public Layer {
 public:
  CorsLayer(HandlerPtr next, conf::RouteCors cors);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  net::Task<Result<http::Response>> answer(http::Request& request);
  net::Task<Result<http::Response>> answer_preflight(http::Request& request);
  void tell(const http::Request& request, http::Fields& fields) const;

  conf::RouteCors cors_;
  bool everybody_;
  std::string methods_, headers_, expose_, max_age_;
};

class SecurityLayer final : public Layer {
 public:
  SecurityLayer(HandlerPtr next, const conf::RouteSecurity& security);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string hsts_;
};

// Adds a name to Vary, unless it is there.
void add_vary(http::Fields& fields, std::string_view name);

}  // namespace genkan::proxy
