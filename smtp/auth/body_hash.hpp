// Digests of a body in its canonical forms (RFC 6376 3.4.3, 3.4.4, 3.7), all made while it streams by: no more than a
// few octets of it are held.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto_key.hpp"
#include "smtp/auth/header.hpp"

namespace genkan::smtp {

// One canonical form, cut after `limit` octets (l=).
class BodyHash {
 public:
  BodyHash(Canon canon, std::optional<std::uint64_t> limit) : canon_(canon), limit_(limit) {}

  void feed(std::string_view octets);
  void finish();

  Canon canon() const noexcept { return canon_; }
  const std::optional<std::uint64_t>& limit() const noexcept { return limit_; }
  const base::Sha256& digest() const noexcept { return digest_; }  // after finish()
  std::uint64_t size() const noexcept { return size_; }            // octets of the canonical body, before the cut

 private:
  void line_end();
  void text(std::string_view octets);
  void emit(std::string_view octets);
  void flush();

  Canon canon_;
  std::optional<std::uint64_t> limit_;
  base::Sha256Stream hash_;
  base::Sha256 digest_{};
  std::string buffer_;  // canonical, not yet hashed
  std::uint64_t size_ = 0;
  std::uint64_t line_ends_ = 0;  // seen, and not known yet whether they are the last ones
  bool cr_ = false;              // the last octet was a CR
  bool space_ = false;           // relaxed: white space before what comes
};

// The forms that a message's signatures ask for, each made once.
class BodyHashes {
 public:
  std::size_t want(Canon canon, std::optional<std::uint64_t> limit);
  void feed(std::string_view octets) {
    for (auto& hash : hashes_) hash.feed(octets);
  }
  void finish() {
    for (auto& hash : hashes_) hash.finish();
  }
  const BodyHash& at(std::size_t index) const { return hashes_[index]; }
  bool empty() const noexcept { return hashes_.empty(); }

 private:
  std::vector<BodyHash> hashes_;
};

}  // namespace genkan::smtp
