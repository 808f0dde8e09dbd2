// Handlers whose answer stands in the configuration: a redirect, a fixed status and text.
#pragma once

#include <string>

#include "http/handler.hpp"

namespace genkan::proxy {

class Redirect final : public http::Handler {
 public:
  // `to` may hold {scheme}, {host}, {target} (path and query), {path}, {query}.
  Redirect(std::string to, int status) : to_(std::move(to)), status_(status) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  std::string to_;
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

// Fills the variables of a redirect. Pure.
std::string expand_redirect(std::string_view to, const http::Request& request);

}  // namespace genkan::proxy
