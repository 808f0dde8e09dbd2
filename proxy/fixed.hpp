// Handlers whose answer stands in the configuration: a redirect, a fixed status and text.
#pragma once

#include <string>

#include "http/handler.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {

class Redirect final : public http::Handler {
 public:
  // `to` has placeholders: {scheme}, {host}, {target} (path and query) and the like.
  Redirect(std::string_view to, int status) : to_(to), status_(status) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  Text to_;
  int status_;
};

class FixedAnswer final : public http::Handler {
 public:
  FixedAnswer(int status, std::string body) : status_(status), body_(std::move(body)) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  int status_;
  std::string body_;
};

}  // namespace genkan::proxy
