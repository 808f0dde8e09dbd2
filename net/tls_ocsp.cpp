#include "net/tls_ocsp.hpp"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/text.hpp"
#include "net/tls_openssl.hpp"
#include "net/tls_pem.hpp"

namespace genkan::net {
namespace {

using namespace std::chrono_literals;

using RequestPtr = std::unique_ptr<::OCSP_REQUEST, Freer<::OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<::OCSP_RESPONSE, Freer<::OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<::OCSP_BASICRESP, Freer<::OCSP_BASICRESP_free>>;
using IdPtr = std::unique_ptr<::OCSP_CERTID, Freer<::OCSP_CERTID_free>>;
using TextPtr = std::unique_ptr<char, decltype([](char* p) { OPENSSL_free(p); })>;

constexpr long kClockSlack = 300;  // seconds that a responder's clock may be ahead

WallTime time_of(const ::ASN1_GENERALIZEDTIME* time) {
  std::tm fields{};
  if (!time || ::ASN1_TIME_to_tm(time, &fields) != 1) return {};
  return WallClock::from_time_t(::timegm(&fields));
}

Result<void> split_url(const std::string& url, OcspQuery& out, std::string& why) {
  char *host = nullptr, *port = nullptr, *path = nullptr;
  int tls = 0;
  const int done = ::OSSL_HTTP_parse_url(url.c_str(), &tls, nullptr, &host, &port, nullptr, &path, nullptr, nullptr);
  const TextPtr owned_host(host), owned_port(port), owned_path(path);
  ::ERR_clear_error();
  const auto number = done == 1 ? base::parse_uint(port) : std::nullopt;
  if (done != 1 || tls != 0 || !number || *number == 0 || *number > 65'535) {
    why = "the responder's address is not one of plain HTTP: " + url;
    return Errc::malformed;
  }
  const auto harmless = [](char c) { return c > 0x20 && c < 0x7f; };
  out.host = host;
  out.path = path;
  out.port = static_cast<std::uint16_t>(*number);
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host.empty() || !std::all_of(out.host.begin(), out.host.end(), harmless) ||
      !std::all_of(out.path.begin(), out.path.end(), harmless)) {
    why = "the responder's address can't be used";
    return Errc::malformed;
  }
  return {};
}

}  // namespace

Result<OcspQuery> make_ocsp_query(const std::string& cert_pem, const std::string& issuer_pem, std::string& why) {
  const CertPtr certificate = first_certificate(cert_pem), issuer = first_certificate(issuer_pem);
  if (!certificate || !issuer) {
    why = "the issuer's certificate does not stand behind the certificate in its file";
    return Errc::not_found;
  }
  OcspQuery out;
  std::string url;
  auto* urls = ::X509_get1_ocsp(certificate.get());
  for (int i = 0; i < sk_OPENSSL_STRING_num(urls); ++i) {
    url = sk_OPENSSL_STRING_value(urls, i);
    if (base::istarts_with(url, "http://")) break;
  }
  ::X509_email_free(urls);
  if (url.empty()) {
    why = "the certificate names no responder";
    return Errc::not_found;
  }
  if (auto done = split_url(url, out, why); !done) return done.error();
  const RequestPtr request(::OCSP_REQUEST_new());
  ::OCSP_CERTID* id = ::OCSP_cert_to_id(nullptr, certificate.get(), issuer.get());  // SHA-1, as RFC 5019 wants it
  if (!request || !id || !::OCSP_request_add0_id(request.get(), id)) {
    ::OCSP_CERTID_free(id);
    why = "OpenSSL could not make the question: " + openssl_error();
    return Errc::tls_failed;
  }
  unsigned char* der = nullptr;
  const int size = ::i2d_OCSP_REQUEST(request.get(), &der);
  if (size > 0) out.request.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<OcspAnswer> check_ocsp_answer(std::string_view der, const std::string& cert_pem, const std::string& issuer_pem,
                                     WallTime now, std::string& why) {
  const CertPtr certificate = first_certificate(cert_pem), issuer = first_certificate(issuer_pem);
  if (!certificate || !issuer) {
    why = "the issuer's certificate does not stand behind the certificate in its file";
    return Errc::not_found;
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const ResponsePtr response(::d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response) {
    why = "it is no OCSP response: " + openssl_error();
    return Errc::malformed;
  }
  if (const int status = ::OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    why = std::string("the responder says ") + ::OCSP_response_status_str(status);
    return Errc::tls_failed;
  }
  const BasicPtr basic(::OCSP_response_get1_basic(response.get()));
  const StorePtr store(::X509_STORE_new());
  if (!basic || ::X509_STORE_add_cert(store.get(), issuer.get()) != 1) {
    why = "it is no basic OCSP response: " + openssl_error();
    return Errc::malformed;
  }
  ::X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);  // the issuer need not be a root
  ::X509_VERIFY_PARAM_set_time(::X509_STORE_get0_param(store.get()), WallClock::to_time_t(now));
  STACK_OF(X509)* known = sk_X509_new_null();
  sk_X509_push(known, issuer.get());
  const int verified = ::OCSP_basic_verify(basic.get(), known, store.get(), 0);
  sk_X509_free(known);
  if (verified != 1) {
    why = "its signature is not the issuer's: " + openssl_error();
    return Errc::tls_failed;
  }
  const IdPtr id(::OCSP_cert_to_id(nullptr, certificate.get(), issuer.get()));
  int status = -1, reason = -1;
  ::ASN1_GENERALIZEDTIME *revoked = nullptr, *this_update = nullptr, *next_update = nullptr;
  if (!id ||
      ::OCSP_resp_find_status(basic.get(), id.get(), &status, &reason, &revoked, &this_update, &next_update) != 1) {
    ::ERR_clear_error();
    why = "it is about another certificate";
    return Errc::tls_failed;
  }
  OcspAnswer out;
  out.this_update = time_of(this_update);
  out.next_update = next_update ? time_of(next_update) : out.this_update + 1h;
  if (now + std::chrono::seconds(kClockSlack) < out.this_update || now >= out.next_update) {
    why = "it is not of now";
    return Errc::tls_failed;
  }
  if (status != V_OCSP_CERTSTATUS_GOOD) {
    why = status == V_OCSP_CERTSTATUS_REVOKED ? "the certificate is REVOKED"
                                              : "the responder does not know the certificate";
    return Errc::refused;
  }
  ::ERR_clear_error();
  return out;
}

Result<std::string_view> ocsp_content(std::string_view answer, std::string& why) {
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string_view::npos || !answer.starts_with("HTTP/1.")) {
    why = "the responder's answer is not HTTP";
    return Errc::malformed;
  }
  std::string_view head = answer.substr(0, end), content = answer.substr(end + 4);
  const auto line = head.substr(0, head.find("\r\n"));
  if (line.size() < 12 || line.substr(8, 4) != " 200") {
    why = "the responder answers " + std::string(line.substr(0, 64));
    return Errc::malformed;
  }
  while (!head.empty()) {
    const std::size_t stop = head.find("\r\n");
    const auto field = head.substr(0, stop);
    head = stop == std::string_view::npos ? std::string_view() : head.substr(stop + 2);
    if (base::istarts_with(field, "transfer-encoding:")) {
      why = "the responder answers HTTP/1.0 in chunks";
      return Errc::malformed;
    }
    if (!base::istarts_with(field, "content-length:")) continue;
    const auto length = base::parse_uint(base::trim(field.substr(15)));
    if (!length || *length > content.size()) {
      why = "the responder's answer is cut short";
      return Errc::malformed;
    }
    content = content.substr(0, *length);
  }
  return content;
}

Duration ocsp_renewal(WallTime this_update, WallTime next_update, WallTime now, std::uint32_t draw) noexcept {
  constexpr Duration kSoonest = 1min, kLatest = 24h;
  const WallTime middle = this_update + (next_update - this_update) / 2;
  const auto wait = std::chrono::duration_cast<Duration>(middle > now ? middle - now : WallClock::duration::zero());
  return std::clamp<Duration>(wait, kSoonest, kLatest) * static_cast<std::int64_t>(900 + draw % 100) / 1000;
}

Duration ocsp_back_off(int failures) noexcept {
  constexpr Duration kFirst = 10s, kLast = 1h;
  return std::min<Duration>(kFirst * (1ll << std::clamp(failures - 1, 0, 10)), kLast);
}

}  // namespace genkan::net
