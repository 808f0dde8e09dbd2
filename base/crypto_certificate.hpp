// What a PEM certificate says about itself, for checks before it is used (`genkan check`). OpenSSL behind it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::base {

struct CertificateFacts {
  std::vector<std::string> names;  // DNS names and addresses of subjectAltName; without one the common name
  WallTime not_before, not_after;

  // RFC 6125 6.4: exact, or "*.example.org" for one label. `name` may itself begin with "*.".
  bool covers(std::string_view name) const;
};

// The first certificate of the PEM text. Errc::malformed: `why` says what is wrong with it.
Result<CertificateFacts> read_certificate(std::string_view pem, std::string& why);

// That the private key is one (without a passphrase) and belongs to the first certificate. Errc::malformed or
// Errc::conflict; `why` holds nothing of the key.
Result<> check_private_key(std::string_view certificate_pem, std::string_view key_pem, std::string& why);

// The certificates of the PEM text, written anew and nothing else of it (RFC 8555 11.4: a CA must not be able to put
// keys or other things into our files): at most `max` of them, the first one for us, each one signed by the next.
// Errc::malformed or Errc::too_large.
Result<std::string> read_chain(std::string_view pem, std::size_t max, std::string& why);

}  // namespace genkan::base
