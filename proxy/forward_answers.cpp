// What a client hears when no backend answered it. Its one place in this protocol.
#include "base/text.hpp"
#include "proxy/forward.hpp"

namespace genkan::proxy {

using http::FieldId;
using Stage = http::OriginFailure::Stage;

http::Response Forward::no_room(http::Request& r, const http::OriginFailure& failure) {
  metrics_.no_room.add();
  telemetry_.log.warning("no descriptor is left for a connection to a backend (raise LimitNOFILE)",
                         {{"pool", pool_->name()}, {"error", failure.error.message()}});
  http::Response response = http::error_page(r, 503, "The server has too much to do at the moment.");
  response.head->fields.add(FieldId::retry_after, "1");
  return response;
}

http::Response Forward::nobody(http::Request& r, const cluster::Why& why) {
  metrics_.no_backend.add();
  telemetry_.log.warning("no backend can take a request", {{"pool", pool_->name()}, {"why", why.text()}});
  http::Response response =
      http::error_page(r, 503, "No server is ready to answer at the moment. Please try again shortly.");
  response.head->fields.add(FieldId::retry_after, "5");
  return response;
}

http::Response Forward::failed(http::Request& r, const http::OriginFailure& failure) {
  metrics_.failures.add();
  if (failure.busy) {
    http::Response response =
        http::error_page(r, 503, "The server that should answer is busy. Please try again shortly.");
    response.head->fields.add(FieldId::retry_after, "1");
    return response;
  }
  if (failure.error == Errc::timed_out) {
    return http::error_page(r, 504, "The server took too long to answer.");
  }
  if (failure.stage == Stage::connect) {
    return http::error_page(r, 502, "The server that should answer could not be reached.");
  }
  return http::error_page(r, 502, "The server that should answer sent nothing usable.");
}

}  // namespace genkan::proxy
