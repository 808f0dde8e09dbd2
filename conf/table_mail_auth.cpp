// Rows of [smtp.auth] and [[smtp.dkim]].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section smtp_auth_section() {
  SectionOf<SmtpAuth> s(
      "Who really sent it: what SPF, DKIM, DMARC, ARC and DNS say of a message, written into its "
      "Authentication-Results field. "
      "Asked about clients from outside only: not for `relay_from`, users who have logged in, `allow_from` of "
      "[smtp.policy] and "
      "this host itself.");
  s.row("authserv_id", &SmtpAuth::authserv_id, unset(text(), "`hostname` of [smtp]"),
        "Our name in Authentication-Results. Fields that come from outside under this name are taken out of the "
        "message.");
  s.row("spf", &SmtpAuth::spf, words({"off", "mark", "reject"}),
        "SPF: not asked; only written down; mail from a host that the sender's domain forbids (fail) is refused with "
        "550 at "
        "RCPT.");
  s.row("dkim", &SmtpAuth::dkim, words({"off", "mark"}),
        "DKIM signatures: not looked at, or verified and written down.");
  s.row("dmarc", &SmtpAuth::dmarc, words({"off", "report", "enforce"}),
        "DMARC, which needs `spf` and `dkim`: not asked; only written down; what the domain in From wishes is done: "
        "`p=reject` "
        "refuses with 550, `p=quarantine` adds the field X-Quarantine.");
  s.row("arc", &SmtpAuth::arc, words({"off", "mark"}), "ARC chains: not looked at, or verified and written down.");
  s.row("arc_trusted", &SmtpAuth::arc_trusted, unset(list_of(text()), "nobody"),
        "Domains of forwarders that are believed: when the newest seal of a valid ARC chain is theirs, a failed DMARC "
        "has no "
        "consequence.");
  s.row("arc_seal", &SmtpAuth::arc_seal, unset(text(), "no seal"),
        "Seal mail from outside that goes on to another mail server (ARC), with the key of the [[smtp.dkim]] for this "
        "domain.");
  s.row("reverse_dns", &SmtpAuth::reverse_dns, words({"off", "mark", "reject"}),
        "The name of the client's address, which must lead back to the address: not asked; written down; a client "
        "without one is "
        "refused with 550 at RCPT.");
  s.row("helo", &SmtpAuth::helo, words({"off", "mark", "reject"}),
        "The name in EHLO: not looked at; written down; refused with 550 at RCPT when it is no full host name or "
        "address in "
        "brackets, is our own, or does not exist in DNS.");
  s.row("dns_failure", &SmtpAuth::dns_failure, words({"accept", "tempfail"}),
        "What happens when a check that could refuse mail gets no answer from DNS: the mail passes, or is put off with "
        "451.");
  s.row("timeout", &SmtpAuth::timeout, duration(1s, 1min), "Time for all questions to DNS about one message.");
  return s.take();
}

Section smtp_dkim_section() {
  SectionOf<SmtpDkim> s(
      "A key to sign with (DKIM): mail of users, of `relay_from` and of the webmail whose From is in the domain. "
      "Several for one "
      "domain give several signatures. `genkan dkim keygen` makes a key, `genkan dkim record` prints what belongs into "
      "DNS.");
  s.row("domain", &SmtpDkim::domain, required(text(), "\"example.org\""),
        "The domain in From, and d= of the signature.");
  s.row("selector", &SmtpDkim::selector, required(text(), "\"mail2026\""),
        "Name of the key: its record stands at SELECTOR._domainkey.DOMAIN.");
  s.row("key", &SmtpDkim::key, required(path(), "\"/etc/genkan/dkim.pem\""),
        "PEM file with the private key, RSA (2048 bits or more are advised) or Ed25519.");
  s.row("headers", &SmtpDkim::headers,
        unset(list_of(text()), "From, Subject, Date, To and what else RFC 6376 5.4.1 names"),
        "Fields to sign. From is always signed, and once more than it is there, so that none can be added.");
  return s.take();
}

}  // namespace genkan::conf
