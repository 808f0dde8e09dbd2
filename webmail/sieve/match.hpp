// Match types and comparators (RFC 5228 2.7, 5231, 4790): one value against one key, in time linear to both, and never
// more of it than a budget for the whole script allows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/sieve/program.hpp"

namespace genkan::webmail::sieve {

// Octets that may be looked at.
class Budget {
 public:
  explicit Budget(std::size_t octets) noexcept : left_(octets) {}
  bool spend(std::size_t octets) noexcept {
    over_ = over_ || octets > left_;
    left_ -= over_ ? 0 : octets;
    return !over_;
  }
  bool over() const noexcept { return over_; }

 private:
  std::size_t left_;
  bool over_ = false;
};

constexpr std::size_t kMaxWildcardKey = 512;  // octets of a key of :matches
constexpr std::size_t kCaptures = 9;          // ${1} ... ${9}

// Not for `count`. `captures` (may be null): with :matches and success the whole value and what each * and ? stood for,
// the shortest that fits, from the left. False as well when the budget is over.
bool value_matches(const Matching& matching, std::string_view value, std::string_view key, Budget& budget,
                   std::vector<std::string>* captures);
// The number of values against a key.
bool count_matches(const Matching& matching, std::size_t count, std::string_view key);

}  // namespace genkan::webmail::sieve
