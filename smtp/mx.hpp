// What DNS said about a domain becomes the list of hosts to try. Pure. RFC 5321 5.1, 7505 (null MX).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/resolver.hpp"

namespace genkan::smtp {

struct MxHost {
  std::string host;
  std::uint32_t preference = 0;
};

struct MxPlan {
  enum class Kind {
    hosts,  // try these, lowest preference first; their addresses are still to be looked up
    never,  // `reply` says why this can never work
    later,  // DNS gave no answer
  } kind = Kind::hosts;
  std::vector<MxHost> hosts;
  std::string reply;
};

constexpr std::size_t kMaxMxHosts = 16;

// `records`: the answer to the MX question, or why there was none. `self`: our own name; a host of that name, and what
// is not better than it, would send the mail back to us.
MxPlan plan_mx(std::string_view domain, const Result<net::DnsAnswer<net::MxRecord>>& records, std::string_view self);

}  // namespace genkan::smtp
