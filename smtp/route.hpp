// Where a recipient's mail goes: to the local mailboxes, to a group of relays, to its domain's own mail hosts, or
// nowhere. A pure table made from the configuration; first match wins, in the order of the file.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/pattern.hpp"
#include "conf/conf.hpp"

namespace genkan::smtp {

struct Route {
  enum class Kind { local, relay, mx, refuse } kind = Kind::refuse;
  std::string destination;  // "local", "relay:NAME", "mx:DOMAIN": names the queue
  // Who exists there: everybody; whom `recipients` names; whom the next hop takes when it is asked.
  enum class Check { none, table, callback } check = Check::none;
  bool before_queue = false;
  bool known = true;  // with Check::table: it is in the table
};

class Router {
 public:
  explicit Router(const conf::Smtp& conf);

  // `address` in any case; without a domain (<Postmaster>): at the first local domain, else the first domain of all.
  // `trusted`: the client may send anywhere (relay_from, a user), or the message is already in our care.
  Route route(std::string_view address, bool trusted) const;
  const std::string& first_local_domain() const noexcept { return first_local_; }

 private:
  struct Row {
    std::string domain;  // lower case; ".example.org" for "*.example.org"; "*"
    base::Pattern pattern;
    bool by_pattern = false;
    Route::Kind kind = Route::Kind::relay;
    Route::Check check = Route::Check::none;
    bool before_queue = false;
    std::string destination;  // not of mx
    std::size_t table = 0;    // index into tables_
  };
  Route of(const Row& row, const std::string& address, const std::string& domain) const;
  void add_names(const conf::SmtpRoute& route, const Row& like);

  std::unordered_map<std::string, std::size_t> exact_;  // the first row for a domain, or for an address
  std::vector<Row> rows_;
  std::vector<std::size_t> searched_;  // patterns and wildcards
  std::vector<std::unordered_set<std::string>> tables_;
  std::string others_, first_local_, first_;
};

constexpr std::string_view kLocal = "local";
constexpr std::string_view kRelayPrefix = "relay:";
constexpr std::string_view kMxPrefix = "mx:";

}  // namespace genkan::smtp
