// Members of a pool that come and go: servers that an SRV record names (RFC 2782), the addresses of a name, nodes that
// announce to serve it.
// Pure: what is heard in, what the configuration could have said out.
#pragma once

#include <optional>
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
  std::optional<base::Endpoint> at;  // where it is, when the address is a name that is known already
  bool operator==(const Member& o) const {
    return at == o.at && conf.name == o.conf.name && conf.address == o.conf.address && conf.node == o.conf.node &&
           conf.weight == o.conf.weight && conf.max_connections == o.conf.max_connections && level == o.level;
  }
};
using Members = std::vector<Member>;  // by name

constexpr std::size_t kMaxMembers = 256;  // of one pool, beside those that are configured

bool is_srv(const conf::Backend& backend) noexcept;
// "app.example:80", each of whose addresses is to be a backend.
bool is_name_of_many(const conf::Backend& backend);
inline bool comes_and_goes(const conf::Backend& backend) { return is_srv(backend) || is_name_of_many(backend); }
// The name in "srv:_http._tcp.example".
std::string srv_name(const conf::Backend& backend);

// `row` is the backend of the configuration that named the record: its weight (as a factor), max_connections and node
// hold for each. Priorities become levels 0, 1, 2 ...; weights are brought to 1..100, and weight 0 (RFC 2782: little
// chance) to 1.
Members srv_members(const conf::Backend& row, const std::vector<net::SrvRecord>& records);

// One for each address of the name, called NAME/ADDRESS: their order in the answer means nothing, and a hash finds the
// same one whichever others come and go. IPv6 addresses only where there are no others, so that a server with both is
// one. Weight, max_connections and node of the row hold for each.
Members address_members(const conf::Backend& row, const std::vector<base::IpAddress>& addresses);

// The nodes that announce to serve `what`, each where it said, else at the address that it was heard from. Those not
// heard within `max_age` have left.
Members agent_members(const std::vector<NodeView>& nodes, std::string_view what, Duration max_age, Time now);

}  // namespace genkan::cluster
