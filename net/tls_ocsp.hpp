// OCSP (RFC 6960) as stapling needs it: what to ask whom about a certificate, and whether the answer may be used.
// Nothing here does I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::net {

struct OcspQuery {
  std::string host;  // of the responder, without brackets
  std::uint16_t port = 80;
  std::string path;
  std::string request;  // DER
};
// The responder that the certificate names. Only plain HTTP: answers are signed (RFC 6960 A.1). `why` is a sentence.
Result<OcspQuery> make_ocsp_query(const std::string& cert_pem, const std::string& issuer_pem, std::string& why);

struct OcspAnswer {
  WallTime this_update{}, next_update{};
};
// Signed by the issuer or whom it delegated, about this certificate, good, and of now. Errc::refused: the certificate
// is revoked, or the responder does not know it; Errc::tls_failed: not genuine or not of now; Errc::malformed.
Result<OcspAnswer> check_ocsp_answer(std::string_view der, const std::string& cert_pem, const std::string& issuer_pem,
                                     WallTime now, std::string& why);

// How long until the next one is asked for: to the middle of an answer's life, a minute at least and a day at most,
// less up to a tenth by `draw` (any number), so that nodes don't come all at once.
Duration ocsp_renewal(WallTime this_update, WallTime next_update, WallTime now, std::uint32_t draw) noexcept;
// After so many failures in a row: 10 s, doubling up to an hour.
Duration ocsp_back_off(int failures) noexcept;

// The content of a whole HTTP/1.0 answer. Errc::malformed with a sentence: not 200, not OCSP, or cut short.
Result<std::string_view> ocsp_content(std::string_view answer, std::string& why);

}  // namespace genkan::net
