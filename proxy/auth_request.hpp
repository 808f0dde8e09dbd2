// [route.auth]: another server decides whether a request may pass.
#pragma once

#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "conf/route.hpp"
#include "proxy/layer.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {

// What its answer means. Pure: 2xx passes; 401, 403 and redirects are the client's to hear; all else is a failure.
enum class AuthVerdict { pass, tell, failed };
AuthVerdict auth_verdict(int status) noexcept;

class AuthRequestLayer final : public Layer {
 public:
  // `judge` sends requests to the pool that decides.
  AuthRequestLayer(HandlerPtr next, HandlerPtr judge, const conf::RouteAuth& auth, base::Telemetry& telemetry);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  // Status 0: it could not be asked. Copies the fields that `copy` names into the request, or those for the client.
  net::Task<int> ask(http::Request& request, http::Fields& for_client);

  HandlerPtr judge_;
  Text path_;
  std::vector<std::string> copy_;
  base::Telemetry& telemetry_;
};

}  // namespace genkan::proxy
