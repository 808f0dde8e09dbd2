// One signature over a message: what a DKIM-Signature or an ARC-Message-Signature field says, and whether it holds
// (RFC 6376 3.5, 6.1; RFC 8301; RFC 8463). Pure but for the question about the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto_key.hpp"
#include "net/task.hpp"
#include "smtp/auth/body_hash.hpp"
#include "smtp/auth/dns.hpp"
#include "smtp/auth/header.hpp"
#include "smtp/auth/tags.hpp"

namespace genkan::smtp {

// Words of RFC 8601 2.7.1.
enum class SignatureResult { none, pass, fail, policy, neutral, temperror, permerror };
std::string_view word_of(SignatureResult result) noexcept;

constexpr unsigned kMinRsaBits = 1024, kMaxRsaBits = 8192;  // RFC 8301; more is only a way to keep us busy
constexpr std::size_t kMaxSignedNames = 1000;

struct Signature {
  base::KeyKind kind = base::KeyKind::rsa;
  Canon header_canon = Canon::simple, body_canon = Canon::simple;
  std::string domain, selector, identity;  // d, s, i (of DKIM)
  std::vector<std::string> names;          // h, lower case
  std::string signature, body_hash;        // b and bh, decoded
  std::string signature_text;              // b as it stands, without white space
  std::optional<std::uint64_t> limit;      // l
  std::optional<std::uint64_t> time, expires;
};

struct SignatureCheck {
  SignatureResult result = SignatureResult::none;
  std::string why;       // a few words, empty with pass
  bool testing = false;  // t=y of the key
  unsigned bits = 0;
};

// What can be read of it goes to `out` also when it is bad, to be named in the results. `arc`: an
// ARC-Message-Signature, which has no v, and i is its number. `now_s`: for x=.
SignatureCheck read_signature(const MailField& field, bool arc, std::int64_t now_s, Signature& out);

// The value of b= in a field taken out, as the hash wants it.
std::string without_signature(const MailField& field);
// The digest that is signed: the fields that `names` chooses, from the bottom, then `own` without its b.
base::Sha256 header_digest(const MailHeader& header, const std::vector<std::string>& names, Canon canon,
                           const MailField& own);

struct SignatureKey {
  std::optional<base::PublicKey> key;
  bool testing = false, strict = false;  // t=y, t=s
};
// The key record at SELECTOR._domainkey.DOMAIN. Without a key `check` says why.
net::Task<SignatureKey> fetch_key(AuthDns& dns, std::string domain, std::string selector, base::KeyKind kind,
                                  SignatureCheck* check);
std::optional<SignatureKey> parse_key(std::string_view record, base::KeyKind kind, SignatureCheck& check);

// All of it, for a signature that read_signature() found good. `body`: in the form it asks for.
net::Task<SignatureCheck> verify_signature(AuthDns& dns, const Signature& signature, const MailField& field,
                                           const MailHeader& header, const BodyHash& body, bool arc);

// "example.org" is or lies below "example.org".
bool is_in_domain(std::string_view name, std::string_view domain) noexcept;
// Something to ask DNS about: labels of letters, digits, '-' and '_'.
bool is_domain_text(std::string_view text) noexcept;

}  // namespace genkan::smtp
