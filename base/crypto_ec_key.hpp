// EC P-256 keys and what is made with them: ES256 signatures (RFC 7518 3.4), certificate requests (RFC 2986), the
// certificate that answers TLS-ALPN-01 (RFC 8737). OpenSSL behind it. Signing takes some 100 us: not for a worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"

namespace genkan::base {

class EcKey {
 public:
  static Result<EcKey> generate();
  // PKCS#8 or SEC 1. Errc::malformed: no private key without a passphrase; Errc::unsupported: not on P-256.
  static Result<EcKey> from_pem(std::string_view pem);

  std::string pem() const;  // PKCS#8. A secret
  struct Point {
    std::string x, y;  // 32 bytes each
  };
  Point point() const;
  std::string sign(std::string_view data) const;  // ES256: R and S, 64 bytes

  // A request for a certificate with these DNS names, DER. No common name: what counts is subjectAltName.
  Result<std::string> request(const std::vector<std::string>& names) const;
  // Self-signed, for `name`, with the critical acmeIdentifier extension, PEM.
  Result<std::string> alpn_certificate(const std::string& name, const Sha256& digest) const;

 private:
  struct Impl;
  explicit EcKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace genkan::base
