#include "cluster/members.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cluster/cluster.hpp"

namespace genkan::cluster {
namespace {

constexpr std::string_view kSrv = "srv:";

void sort_and_limit(Members& members) {
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.conf.name < b.conf.name; });
  const auto same = [](const Member& a, const Member& b) { return a.conf.name == b.conf.name; };
  members.erase(std::unique(members.begin(), members.end(), same), members.end());
  if (members.size() > kMaxMembers) members.resize(kMaxMembers);
}

// Where the node serves `what`, of "web:8080,api:192.0.2.7:80"; empty: it does not.
std::string place_of(const NodeView& node, std::string_view what) {
  for (const auto part : base::split(node.record.serves, ',')) {
    const auto colon = part.find(':');
    if (colon == std::string_view::npos || part.substr(0, colon) != what) continue;
    const std::string_view place = part.substr(colon + 1);
    if (const auto whole = base::Endpoint::parse(place); whole && !whole->is_unix() && whole->port != 0) {
      return whole->text();
    }
    const auto port = base::parse_uint(place);
    if (!port || *port == 0 || *port > 65535) continue;
    base::Endpoint at;
    at.ip = node.self ? base::IpAddress::v4(0x7F000001) : node.from.ip;
    if (const auto contact = base::IpAddress::parse(node.record.contact)) at.ip = *contact;
    at.port = static_cast<std::uint16_t>(*port);
    return at.text();
  }
  return {};
}

}  // namespace

bool is_name_of_many(const conf::Backend& backend) {
  return backend.addresses == "all" && !is_srv(backend) && !base::Endpoint::parse(backend.address);
}

bool is_srv(const conf::Backend& backend) noexcept { return backend.address.starts_with(kSrv); }
std::string srv_name(const conf::Backend& backend) { return backend.address.substr(kSrv.size()); }

Members srv_members(const conf::Backend& row, const std::vector<net::SrvRecord>& records) {
  std::vector<std::uint16_t> priorities;
  std::uint32_t heaviest = 1;
  for (const auto& r : records) {
    priorities.push_back(r.priority);
    heaviest = std::max<std::uint32_t>(heaviest, r.weight);
  }
  std::sort(priorities.begin(), priorities.end());
  priorities.erase(std::unique(priorities.begin(), priorities.end()), priorities.end());
  Members out;
  for (const auto& r : records) {
    Member m;
    m.conf = row;
    m.conf.addresses = "first";
    m.conf.name = m.conf.address = r.host + ":" + std::to_string(r.port);
    if (const auto ip = base::IpAddress::parse(r.host); r.port == 0 || ip) continue;  // RFC 2782: a name
    m.conf.weight = row.weight == 0 ? 0 : std::max(1u, std::uint32_t{r.weight} * 100 / heaviest) * row.weight;
    m.level = static_cast<std::uint32_t>(std::lower_bound(priorities.begin(), priorities.end(), r.priority) -
                                         priorities.begin());
    out.push_back(std::move(m));
  }
  sort_and_limit(out);
  return out;
}

Members address_members(const conf::Backend& row, const std::vector<base::IpAddress>& addresses) {
  Members out;
  const auto port = base::parse_uint(std::string_view(row.address).substr(row.address.rfind(':') + 1));
  if (!port || *port == 0 || *port > 65535) return out;
  const bool v4 = std::any_of(addresses.begin(), addresses.end(), [](const auto& ip) { return ip.is_v4(); });
  for (const auto& ip : addresses) {
    if (ip.is_v4() != v4) continue;
    Member m;
    m.conf = row;
    m.conf.name = (row.name.empty() ? row.address : row.name) + "/" + ip.text();
    m.at.emplace();
    m.at->ip = ip;
    m.at->port = static_cast<std::uint16_t>(*port);
    out.push_back(std::move(m));
  }
  sort_and_limit(out);
  return out;
}

Members agent_members(const std::vector<NodeView>& nodes, std::string_view what, Duration max_age, Time now) {
  Members out;
  for (const auto& node : nodes) {
    if (node.record.serves.empty() || now - node.heard > max_age) continue;
    Member m;
    m.conf.address = place_of(node, what);
    m.conf.name = m.conf.node = node.record.node;
    if (!m.conf.address.empty()) out.push_back(std::move(m));
  }
  sort_and_limit(out);
  return out;
}

// --- of Cluster: pools whose members come and go ---

std::shared_ptr<Seat> Cluster::seat(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = moving_.find(name);
  return found == moving_.end() ? nullptr : found->second.seat;
}

std::vector<Cluster::DnsRow> Cluster::dns_rows() const {
  std::vector<DnsRow> out;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, moving] : moving_) {
    for (const auto& row : moving.conf.backends) {
      if (comes_and_goes(row)) out.push_back({name, row});
    }
  }
  return out;
}

bool Cluster::set_members(const std::string& name, const std::string& source, Members members, Time now) {
  const std::scoped_lock building(build_mutex_);
  Moving moving;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = moving_.find(name);
    if (found == moving_.end() || found->second.members[source] == members) return false;
    found->second.members[source] = std::move(members);
    moving = found->second;
  }
  const auto before = pool(name);
  std::vector<std::shared_ptr<Backend>> present(before->backends().begin(), before->backends().end());
  auto list = list_of(moving.conf, moving.members, present);
  auto next = std::make_shared<Pool>(moving.conf, moving.chain, list, self_, before->tls());
  moving.seat->set(next);
  telemetry_.log.notice("the members of a pool changed", {{"pool", name}, {"members", list.size()}});
  const std::scoped_lock lock(mutex_);
  pools_[name] = std::move(next);
  for (const auto& old : present) {
    if (std::find(list.begin(), list.end(), old) == list.end()) retired_.push_back({old, now});
  }
  return true;
}

bool Cluster::has_members(const std::string& name, const std::string& source) const {
  const std::scoped_lock lock(mutex_);
  const auto found = moving_.find(name);
  if (found == moving_.end()) return false;
  const auto members = found->second.members.find(source);
  return members != found->second.members.end() && !members->second.empty();
}

void Cluster::nobody_at(const std::string& name, const std::string& source, std::string_view why, Time now) {
  const auto present = pool(name);
  if (!present) return;
  for (const auto& b : present->backends()) {
    if (b->stands_for_many() && b->address() == source) b->set_endpoint(std::nullopt, why, now);
  }
}

bool Cluster::follow_agents(Time now) {
  std::vector<std::pair<std::string, std::string>> wanted;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, moving] : moving_) {
      if (!moving.conf.from_agents.empty()) wanted.emplace_back(name, moving.conf.from_agents);
    }
  }
  if (wanted.empty()) return false;
  const auto nodes = nodes_.all();
  const Duration max_age(max_age_.load(std::memory_order_relaxed));
  bool changed = false;
  for (const auto& [name, what] : wanted) {
    changed = set_members(name, "agents", agent_members(nodes, what, max_age, now), now) || changed;
  }
  return changed;
}

}  // namespace genkan::cluster
