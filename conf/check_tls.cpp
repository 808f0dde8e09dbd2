// Checks of [tls] and of what [[listen]] and [[certificate]] say about clients' certificates and stapling.
#include <algorithm>
#include <string>

#include "base/text.hpp"
#include "conf/check.hpp"
#include "conf/client_fact.hpp"

namespace genkan::conf {
namespace {

// `auth` may be empty (unset): then the other two mean nothing.
void check_client_auth(Checker& check, const std::string& auth, const std::string& ca, const std::string& crl,
                       const std::string& place) {
  const bool asks = auth == "optional" || auth == "required";
  if (asks && ca.empty()) {
    check.error(place + ".client_auth", "`client_auth = \"" + auth + "\"` needs `client_ca`",
                "a PEM file with the CA certificates that issue clients' certificates");
  }
  if (!asks && !ca.empty()) {
    check.warning(place + ".client_ca", "`client_ca` has no effect without `client_auth`",
                  "client_auth = \"required\"");
  }
  if (!asks && !crl.empty()) check.warning(place + ".client_crl", "`client_crl` has no effect without `client_auth`");
}

void check_client_fields(Checker& check) {
  const auto& rules = check.conf.tls.client_fields;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto field = parse_client_field(rules[i]);
    if (!field) {
      check.error("tls.client_fields", "\"" + rules[i] + "\" must be a field name, a colon and a fact",
                  "\"X-Client-Cert-Subject: subject\"");
      continue;
    }
    constexpr std::string_view kTaken[] = {
        "Host",    "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive",      "Upgrade", "TE",
        "Trailer", "Via",        "Forwarded",      "Early-Data",        "Proxy-Connection"};
    const auto same = [&](std::string_view name) { return base::iequals(name, field->name); };
    if (std::any_of(std::begin(kTaken), std::end(kTaken), same)) {
      check.error("tls.client_fields", "the field " + std::string(field->name) + " has a meaning of its own");
    }
    for (std::size_t k = 0; k < i; ++k) {
      const auto other = parse_client_field(rules[k]);
      if (other && same(other->name)) {
        check.error("tls.client_fields", "the field " + std::string(field->name) + " is there twice");
      }
    }
  }
}

}  // namespace

void check_tls(Checker& check) {
  const Conf& conf = check.conf;
  bool asks = false;
  for (std::size_t i = 0; i < conf.listens.size(); ++i) {
    const Listen& listen = conf.listens[i];
    const std::string place = at("listen", i);
    check_client_auth(check, listen.client_auth, listen.client_ca, listen.client_crl, place);
    if (!listen.tls && !listen.client_auth.empty()) {
      check.error(place + ".client_auth", "`client_auth` needs `tls = true`");
    }
    if (!listen.tls && listen.early_data) check.error(place + ".early_data", "`early_data` needs `tls = true`");
    if (listen.early_data && conf.tls.session_tickets == "off") {
      check.error(place + ".early_data", "`early_data` needs session tickets, and [tls] session_tickets is \"off\"");
    }
    asks = asks || listen.client_auth == "optional" || listen.client_auth == "required";
  }
  for (std::size_t i = 0; i < conf.certificates.size(); ++i) {
    const Certificate& certificate = conf.certificates[i];
    const std::string place = at("certificate", i);
    check_client_auth(check, certificate.client_auth, certificate.client_ca, certificate.client_crl, place);
    if (certificate.ocsp_stapling && !certificate.ocsp_file.empty()) {
      check.error(place + ".ocsp_file", "`ocsp_file` and `ocsp_stapling` exclude each other");
    }
    if (certificate.ocsp_stapling && certificate.self_signed) {
      check.error(place + ".ocsp_stapling", "nobody answers for a self-signed certificate");
    }
    asks = asks || certificate.client_auth != "off";
  }
  if (conf.tls.preset == "modern" && conf.tls.min_version == "1.2") {
    check.warning("tls.min_version", "the preset \"modern\" means TLS 1.3 only, and `min_version` lets TLS 1.2 in");
  }
  if (!conf.tls.ciphers.empty() &&
      (conf.tls.min_version == "1.3" || (conf.tls.min_version.empty() && conf.tls.preset == "modern"))) {
    check.warning("tls.ciphers", "`ciphers` is for TLS 1.2, which is off");
  }
  check_client_fields(check);
  for (std::size_t i = 0; i < conf.routes.size() && !asks; ++i) {
    const Route& route = conf.routes[i];
    if (route.client_certificate.empty() && route.allow_certificates.empty()) continue;
    check.warning(at("route", i, route.client_certificate.empty() ? "allow_certificates" : "client_certificate"),
                  "no client is asked for a certificate: this never holds",
                  "client_auth = \"optional\" in [[certificate]] or [[listen]]");
  }
}

}  // namespace genkan::conf
