// Members of a pool that come and go: servers that an SRV record names (RFC 2782), nodes that announce to serve it.
// Pure: what is heard in, what the configuration could have said out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cluster/table.hpp"
#include "conf/conf.hpp"
#include "net/resolver.hpp"

namespace genkan::cluster {

struct Member {
  conf::Backend conf;
  std::uint32_t level = 0;
  bool operator==(const Member& o) const {
    return conf.name == o.conf.name && conf.address == o.conf.address && conf.node == o.conf.node &&
           conf.weight == o.conf.weight && conf.max_connections == o.conf.max_connections && level == o.level;
  }
};
using Members = std::vector<Member>;  // by name

constexpr std::size_t kMaxMembers = 256;  // of one pool, beside those that are configured

bool is_srv(const conf::Backend& backend) noexcept;
// The name in "srv:_http._tcp.example".
std::string srv_name(const conf::Backend& backend);

// `row` is the backend of the configuration that named the record: its weight (as a factor), max_connections and node
// hold for each. Priorities become levels 0, 1, 2 ...; weights are brought to 1..100, and weight 0 (RFC 2782: little
// chance) to 1.
Members srv_members(const conf::Backend& row, const std::vector<net::SrvRecord>& records);

// The nodes that announce to serve `what`, each where it said, else at the address that it was heard from. Those not
// heard within `max_age` have left.
Members agent_members(const std::vector<NodeView>& nodes, std::string_view what, Duration max_age, Time now);

}  // namespace genkan::cluster
