// Addresses that stand for others, and addresses that are written anew: both of the envelope only, the message is not
// touched. Pure and immutable, made from the configuration.
//
//   rewrite   the first [[smtp.rewrite]] whose pattern matches the whole address; once, not again on its result
//   alias     "info@example.org" -> any number of addresses, which may be aliases themselves
//   tag       "info+x@example.org" finds the alias of "info@example.org" when it has none of its own
//   catch-all "@example.org": for what is neither an alias nor a mailbox
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/pattern.hpp"
#include "conf/conf.hpp"

namespace genkan::smtp {

class AliasTable {
 public:
  AliasTable() = default;
  explicit AliasTable(const conf::Smtp& conf);

  enum class Side { sender, recipient };
  std::string rewritten(std::string_view address, Side side) const;
  // Null: no alias. By the address, then without its tag; the domain in any case, the local part too.
  const std::vector<std::string>* find(std::string_view address) const;
  const std::vector<std::string>* catch_all(std::string_view domain) const;

 private:
  struct Rewrite {
    base::Pattern pattern;
    std::string to;
    bool sender = false, recipient = false;
  };
  std::unordered_map<std::string, std::vector<std::string>> aliases_;
  std::vector<Rewrite> rewrites_;
};

}  // namespace genkan::smtp
