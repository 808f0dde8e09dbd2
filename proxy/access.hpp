// Who may come at all: by address, and during maintenance. No frame of its own for those who pass.
#pragma once

#include <vector>

#include "base/pattern.hpp"
#include "conf/route.hpp"
#include "net/address_set.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

// `deny` first, then `allow` when there is any. Clients on a Unix socket pass `deny` and not `allow`.
class AddressLayer final : public Layer {
 public:
  AddressLayer(HandlerPtr next, const conf::Route& route)
      : Layer(std::move(next)), allow_(route.allow), deny_(route.deny), only_(!route.allow.empty()) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;
  bool passes(const http::Request& request) const noexcept;

 private:
  static net::Task<Result<http::Response>> refuse(http::Request& request);
  net::AddressSet allow_, deny_;
  bool only_;
};

// Only clients whose verified certificate has a subject in which one of the patterns is found.
class CertificateLayer final : public Layer {
 public:
  CertificateLayer(HandlerPtr next, std::vector<base::Pattern> patterns)
      : Layer(std::move(next)), patterns_(std::move(patterns)) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  static net::Task<Result<http::Response>> refuse(http::Request& request);
  std::vector<base::Pattern> patterns_;
};

class MaintenanceLayer final : public Layer {
 public:
  MaintenanceLayer(HandlerPtr next, const conf::Route& route)
      : Layer(std::move(next)), except_(route.maintenance_except) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  static net::Task<Result<http::Response>> refuse(http::Request& request);
  net::AddressSet except_;
};

}  // namespace genkan::proxy
