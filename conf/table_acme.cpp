// Rows of [acme].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section acme_section() {
  SectionOf<Acme> s(
      "Certificates from a CA that speaks ACME (RFC 8555), for every [[certificate]] with `acme = true`.");
  s.row("directory", &Acme::directory, text(),
        "URL of the CA's directory. The default is Let's Encrypt; for a try take its staging CA, "
        "\"https://acme-staging-v02.api.letsencrypt.org/directory\", whose limits are wider.");
  s.row("accept_terms", &Acme::accept_terms, flag(),
        "You have read the CA's terms of service and agree. Must be true, for nobody else can say it for you.");
  s.row("contact", &Acme::contact, list_of(text()),
        "Where the CA can reach you: mail addresses, such as [\"hostmaster@example.org\"].");
  s.row("challenge", &Acme::challenge, words({"http-01", "tls-alpn-01"}),
        "How the CA sees that a name is yours: \"http-01\" asks on port 80, which a [[listen]] without TLS must serve; "
        "\"tls-alpn-01\" on port 443, which one with TLS must serve.");
  s.row("account_key", &Acme::account_key, unset(path(), "made in the folder `acme` in `state_dir`"),
        "PEM file with the key (EC P-256) of the account. Name one where several nodes share an account: each of them "
        "then answers the CA's question about any other's order. Made when it is not there.");
  s.row("renew_before", &Acme::renew_before,
        unset(duration(0ms, 24h * 365), "when two thirds of its lifetime are over"),
        "How long before its end a certificate is renewed.");
  s.row("retry", &Acme::retry, duration(1s, 24h),
        "How long to wait after an order that failed; twice as long after each further one, at most a day. CAs count "
        "failures: a short time ends in being locked out for longer.");
  s.row("ca_file", &Acme::ca_file, unset(path(), "the system's CA certificates"),
        "PEM file with the CA certificates that the directory's own HTTPS is checked against, for a CA of your own.");
  s.row("eab_key_id", &Acme::eab_key_id, text(),
        "External account binding, where the CA demands one: the key identifier that it gave you.");
  s.row("eab_key", &Acme::eab_key, secret(), "The key that belongs to `eab_key_id`, as the CA gave it: base64url.");
  return s.take();
}

}  // namespace genkan::conf
