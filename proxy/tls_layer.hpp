// What a TLS connection means for a request, before any rule sees it:
// - fields in which backends are told of clients' certificates are removed when a client sends them, over TLS or not,
//   in any spelling that a backend may take for them, also from the trailer section; and the spellings with '_' of the
//   fields that tell of the client's address, which only look like ours;
// - a request for a host whose clients must show a certificate, over a connection that was not asked for it, is
// answered
//   421 (RFC 9110 15.5.20): the name in the handshake decides who was asked, and the request may name another host;
// - early data (RFC 8470): a safe request without content goes on and says so; others are answered 425, and the client
//   sends them again.
// No frame of its own for those who pass.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

struct TlsLayerMetrics {
  explicit TlsLayerMetrics(base::Metrics& metrics);
  base::Counter& early_served;
  base::Counter& early_refused;
  base::Counter& misdirected;
};

class TlsLayer final : public Layer {
 public:
  // `client_fields`: [tls] client_fields.
  TlsLayer(HandlerPtr next, const std::vector<std::string>& client_fields, TlsLayerMetrics& metrics);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

  void remove_claims(http::Fields& fields) const noexcept;

 private:
  class Content;
  static net::Task<Result<http::Response>> refuse(http::Request& request, int status);
  std::vector<std::string> names_;  // lower case, '_' as '-'
  std::uint64_t sizes_ = 0;         // bit n: a name has n bytes (modulo 64)
  TlsLayerMetrics& metrics_;
};

}  // namespace genkan::proxy
