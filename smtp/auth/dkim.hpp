// DKIM (RFC 6376): all signatures of a message verified while it streams by, and signatures of our own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto_key.hpp"
#include "smtp/auth/signature.hpp"

namespace genkan::smtp {

constexpr std::size_t kMaxSignatures = 10;  // that are looked at, from the top

struct DkimResult {
  SignatureCheck check;
  Signature signature;  // as far as it could be read
};

// In this order: the header, the body's hashes fed and finished by whoever owns them, verify().
class DkimVerifier {
 public:
  // The header must stay where it is.
  DkimVerifier(const MailHeader& header, BodyHashes& hashes, std::int64_t now_s);
  net::Task<std::vector<DkimResult>> verify(AuthDns& dns);

 private:
  struct One {
    DkimResult result;
    std::uint32_t field = 0;
    std::size_t hash = 0;
  };
  const MailHeader& header_;
  BodyHashes& hashes_;
  std::vector<One> all_;
};

// A key of ours.
struct DkimKey {
  std::string domain, selector;
  std::shared_ptr<const base::SigningKey> key;
  std::vector<std::string> names;  // of the fields to sign, lower case
};

// The fields that are signed unless it is configured otherwise (RFC 6376 5.4.1), lower case.
const std::vector<std::string>& default_signed_names();
// h=: of `names` those that are there, each as often as it is; From, and what else must be there once only, once more.
std::vector<std::string> names_to_sign(const MailHeader& header, const std::vector<std::string>& names);

// A whole field, "DKIM-Signature: ...\r\n", over the relaxed forms. Slow with RSA (about a millisecond).
Result<std::string> sign_dkim(const DkimKey& key, const MailHeader& header, const base::Sha256& body_hash,
                              std::int64_t now_s);
// "v=DKIM1; k=rsa; p=...".
std::string key_record(const base::SigningKey& key);
// The value of a b= in lines that are short enough for everybody.
std::string folded_base64(std::string_view octets);

}  // namespace genkan::smtp
