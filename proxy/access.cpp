#include "proxy/access.hpp"

#include <algorithm>

#include "net/tls_stream.hpp"

namespace genkan::proxy {

bool AddressLayer::passes(const http::Request& r) const noexcept {
  if (!r.client || r.client->is_unix()) return !only_;
  if (deny_.contains(r.client->ip)) return false;
  return !only_ || allow_.contains(r.client->ip);
}

net::Task<Result<http::Response>> AddressLayer::handle(http::Request& r) {
  return passes(r) ? next_->handle(r) : refuse(r);
}

net::Task<Result<http::Response>> AddressLayer::refuse(http::Request& r) {
  co_return http::error_page(r, 403, "This is not for visitors from your network.");
}

net::Task<Result<http::Response>> CertificateLayer::handle(http::Request& r) {
  const std::string_view subject = r.tls ? r.tls->peer_subject() : std::string_view();
  const bool passes = !subject.empty() && std::any_of(patterns_.begin(), patterns_.end(),
                                                      [&](const base::Pattern& p) { return p.matches(subject); });
  return passes ? next_->handle(r) : refuse(r);
}

net::Task<Result<http::Response>> CertificateLayer::refuse(http::Request& r) {
  const bool shown = r.tls && r.tls->peer();
  co_return http::error_page(r, 403,
                             shown ? "Your certificate does not open this." : "This needs a certificate of yours.");
}

net::Task<Result<http::Response>> MaintenanceLayer::handle(http::Request& r) {
  const bool excepted = r.client && !r.client->is_unix() && except_.contains(r.client->ip);
  return excepted ? next_->handle(r) : refuse(r);
}

net::Task<Result<http::Response>> MaintenanceLayer::refuse(http::Request& r) {
  http::Response page = http::error_page(r, 503, "This site is being worked on. Please come back a little later.");
  page.head->fields.add(http::FieldId::retry_after, "300");
  co_return page;
}

}  // namespace genkan::proxy
