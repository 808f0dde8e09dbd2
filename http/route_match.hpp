// One row's conditions, compiled, and the first of them that a request misses. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/pattern.hpp"
#include "conf/placeholders.hpp"
#include "conf/route.hpp"
#include "http/message.hpp"
#include "net/address_set.hpp"

namespace genkan::http {

enum class Condition : std::uint8_t {
  none,  // all hold
  host,
  path,
  method,
  user_agent,
  agent,
  header,
  cookie,
  arg,
  from,
  scheme,
  tls_version,
  server_name,
  client_certificate,
  time
};
// For people: "`hosts` is [shop.example] and the request's host is www.example". `missed` is what first_miss()
// returned.
std::string explain_miss(Condition missed, const conf::Route& route, const Request& request);

// All patterns of a table about one thing, in one automaton.
struct PatternSets {
  base::PatternSet paths, agents, hosts;
};

// What several rows ask of one request, found out at most once. One for each thread, used again: it keeps its room.
class Facts {
 public:
  void begin() noexcept { known_ = 0; }
  const std::vector<int>& paths(const PatternSets& sets, const Request& r);
  const std::vector<int>& hosts(const PatternSets& sets, const Request& r);
  const std::vector<int>& agents(const PatternSets& sets, const Request& r);
  unsigned agent_class(const Request& r);
  int minute_of_week(const Request& r);  // local time; 0 is Sunday 00:00

 private:
  bool first_time(unsigned bit) noexcept { return !(std::exchange(known_, known_ | bit) & bit); }
  unsigned known_ = 0;
  std::vector<int> paths_, hosts_, agents_;
  unsigned class_ = 0;
  int minute_ = 0;
};

class RowMatcher {
 public:
  // Adds its patterns to `sets`.
  static Result<RowMatcher> make(const conf::Route& route, PatternSets& sets, std::string& why);

  Condition first_miss(const Request& request, const PatternSets& sets, Facts& facts) const;

  // For the index.
  bool any_host = true;
  std::vector<std::string> hosts, suffixes;  // exact and lower case; ".example.org" of "*.example.org"
  std::vector<int> host_patterns;            // in PatternSets::hosts, ascending
  std::string path, prefix;
  int path_pattern = -1;

 private:
  struct Named {
    std::string name;
    base::Pattern pattern;
  };
  bool host_holds(const Request& r, const PatternSets& sets, Facts& facts) const;
  Condition rare_miss(const Request& r, Facts& facts) const;
  Condition tls_miss(const Request& r) const;
  bool time_holds(int minute) const noexcept;
  Result<void> read_named(const std::vector<std::string>& rules, std::vector<Named>& out, std::string& why);
  Result<void> read_hosts(const conf::Route& route, PatternSets& sets, std::string& why);

  int agent_pattern_ = -1;
  std::vector<std::string> methods_;
  bool rare_ = false;  // any of what follows
  unsigned agents_ = 0;
  std::vector<Named> headers_, cookies_, args_;
  std::optional<net::AddressSet> from_;
  std::string scheme_;
  std::vector<std::string> tls_versions_, server_names_;  // "TLSv1.3"; lower case, wildcards with their *
  std::optional<base::Pattern> certificate_;
  std::vector<conf::WeekRange> times_;
};

}  // namespace genkan::http
