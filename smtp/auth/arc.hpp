// ARC (RFC 8617): the chain of those who passed a message on and what each of them had seen; verified, and continued by
// a set of our own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smtp/auth/dkim.hpp"
#include "smtp/auth/signature.hpp"

namespace genkan::smtp {

constexpr std::size_t kMaxArcSets = 50;

struct ArcAnswer {
  enum class Result { none, pass, fail } result = Result::none;
  std::size_t sets = 0;  // the highest number that is there
  std::string sealer;    // d= of the newest seal
  std::string why;
  bool was_failed = false;  // the newest seal itself says that the chain is broken: nobody adds to it any more
};
std::string_view word_of(ArcAnswer::Result result) noexcept;

class ArcVerifier {
 public:
  ArcVerifier(const MailHeader& header, BodyHashes& hashes, std::int64_t now_s);
  net::Task<ArcAnswer> verify(AuthDns& dns);

 private:
  struct Set {
    int results = -1, message = -1, seal = -1;  // indexes of fields
  };
  bool collect();
  bool read_seals();
  net::Task<bool> verify_seal(AuthDns& dns, std::size_t number, std::string& covered);

  const MailHeader& header_;
  BodyHashes& hashes_;
  ArcAnswer answer_;
  std::vector<Set> sets_;
  std::vector<Signature> seals_;
  Signature message_;  // the newest ARC-Message-Signature
  std::size_t hash_ = 0;
};

// What a set of our own is made of. `results`: the text of Authentication-Results behind the name of the field.
// Three fields, newest on top; empty: the chain must not be continued.
Result<std::string> seal_arc(const DkimKey& key, const MailHeader& header, const ArcAnswer& chain,
                             const base::Sha256& body_hash, std::string_view results, std::int64_t now_s);

}  // namespace genkan::smtp
