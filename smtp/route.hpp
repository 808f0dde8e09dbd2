// Where a recipient's mail goes: to the local mailboxes, to a group of relays, or nowhere. A pure table made from the
// configuration; first match wins, in the order of the file.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "conf/conf.hpp"

namespace genkan::smtp {

struct Route {
  enum class Kind { local, relay, refuse } kind = Kind::refuse;
  // "local" or "relay:NAME": names the queue. Lives as long as the Router.
  std::string_view destination;
};

class Router {
 public:
  explicit Router(const conf::Smtp& conf);

  // `domain` as in the address, any case; empty (<Postmaster>): the first local domain, else
  // the first domain of all. `trusted`: the client may send
  // anywhere (relay_from), or the message is already in our care.
  Route route(std::string_view domain, bool trusted) const;
  const std::string& first_local_domain() const noexcept { return first_local_; }

 private:
  struct Row {
    std::string domain;  // lower case; ".example.org" for "*.example.org"; "*"
    bool local = false;
    std::string destination;
  };
  Route of(const Row& row) const;
  std::unordered_map<std::string, std::size_t> exact_;  // the first row for a name
  std::vector<Row> rows_;
  std::vector<std::size_t> wild_;
  std::string others_, first_local_, first_;
};

constexpr std::string_view kLocal = "local";
constexpr std::string_view kRelayPrefix = "relay:";

}  // namespace genkan::smtp
