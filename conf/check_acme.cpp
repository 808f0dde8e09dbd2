// Checks of [acme] and of the certificates that come from there.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/text.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

constexpr std::size_t kMaxNames = 100;  // in one certificate, as public CAs have it

// RFC 1123 2.1: what a CA gives a certificate for.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253 || name.find('.') == std::string_view::npos) return false;
  const auto labels = base::split(name, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    const auto good = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), good);
  });
}

void check_name(Checker& check, const std::string& name, const std::string& place) {
  if (name.starts_with("*.")) {
    check.error(place, "`" + name + "`: for a wildcard a CA looks into DNS, which Genkan can't write",
                "list the names one by one");
  } else if (base::IpAddress::parse(name)) {
    check.error(place, "`" + name + "` is an address: `acme` is for host names");
  } else if (!is_host_name(name)) {
    check.error(place, "`" + name + "` is no host name that a CA can look up", "such as \"www.example.org\"");
  }
}

void check_certificate(Checker& check, std::size_t i, Names& first_names) {
  const Certificate& cert = check.conf.certificates[i];
  const std::string place = at("certificate", i);
  if (!cert.cert.empty() || !cert.key.empty() || cert.self_signed) {
    check.error(place + ".acme", "`acme` keeps its own files; leave `cert`, `key` and `self_signed` out");
  }
  if (cert.names.empty()) {
    check.error(place, "a certificate with `acme = true` needs `names`", "names = [\"example.org\"]");
    return;
  }
  if (cert.names.size() > kMaxNames) {
    check.error(place + ".names", "a certificate has at most " + std::to_string(kMaxNames) + " names");
  }
  for (const auto& name : cert.names) check_name(check, name, place + ".names");
  first_names.add(base::to_lower(cert.names.front()), place + ".names");
}

void check_account(Checker& check) {
  const Acme& acme = check.conf.acme;
  if (!acme.accept_terms) {
    check.error("acme.accept_terms", "[acme] needs `accept_terms = true`: read the terms of service of the CA first");
  }
  const std::string_view directory = acme.directory;
  if (!directory.starts_with("https://") || directory.size() < 10 || directory.size() > 1024 ||
      directory.find_first_of(" #@\\") != std::string_view::npos) {
    check.error("acme.directory", "`directory` must be a URL that begins with https://",
                "such as \"https://acme-v02.api.letsencrypt.org/directory\"");
  }
  for (const auto& contact : acme.contact) {
    const bool mail = contact.find('@') != std::string::npos && contact.find_first_of(" ,?") == std::string::npos;
    if (!mail && contact.find(':') == std::string::npos) {
      check.error("acme.contact", "`" + contact + "` is neither a mail address nor a URL");
    }
  }
  if (acme.eab_key_id.empty() != acme.eab_key.empty()) {
    check.error("acme.eab_key_id", "`eab_key_id` and `eab_key` belong together");
  } else if (!acme.eab_key.empty() && base::base64_decode(acme.eab_key).value_or("").size() < 16) {
    check.error("acme.eab_key", "`eab_key` must be at least 16 bytes in base64url, as the CA gave it");
  }
}

}  // namespace

void check_acme(Checker& check) {
  const Conf& conf = check.conf;
  const bool wanted = std::any_of(conf.certificates.begin(), conf.certificates.end(),
                                  [](const Certificate& certificate) { return certificate.acme; });
  if (!wanted) {
    if (conf.acme.accept_terms) {
      check.warning("acme", "no [[certificate]] has `acme = true`: nothing will be ordered");
    }
    return;
  }
  check_account(check);
  Names first_names(check, "first name of an ACME certificate");
  for (std::size_t i = 0; i < conf.certificates.size(); ++i) {
    if (conf.certificates[i].acme) check_certificate(check, i, first_names);
  }
  const bool tls = conf.acme.challenge == "tls-alpn-01";
  const bool served =
      std::any_of(conf.listens.begin(), conf.listens.end(), [&](const Listen& listen) { return listen.tls == tls; });
  if (!served) {
    check.error(
        "acme.challenge",
        tls ? "\"tls-alpn-01\" needs a [[listen]] with `tls = true`" : "\"http-01\" needs a [[listen]] without TLS",
        tls ? "the CA asks on port 443" : "the CA asks on port 80");
  }
}

}  // namespace genkan::conf
