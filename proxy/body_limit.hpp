// max_body and max_response_body of a route. A length that is said beforehand is judged before anything is sent;
// content without one is cut when it grows over the limit, and then never ends cleanly.
#pragma once

#include <cstdint>

#include "proxy/layer.hpp"

namespace genkan::proxy {

class BodyLimitLayer final : public Layer {
 public:
  BodyLimitLayer(HandlerPtr next, std::uint64_t request, std::uint64_t response)
      : Layer(std::move(next)), request_(request), response_(response) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  static net::Task<Result<http::Response>> too_large(http::Request& request);
  net::Task<Result<http::Response>> pass(http::Request& request);

  std::uint64_t request_, response_;  // 0: none
};

}  // namespace genkan::proxy
