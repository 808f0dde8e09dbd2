#include "cluster/service.hpp"

#include <algorithm>
#include <tuple>

namespace genkan::cluster {

namespace {
constexpr Duration kTick = 100ms;
constexpr Duration kResolveEvery = 1s;  // the resolver's cache answers until the record's TTL is over

bool same(const conf::Cluster& a, const conf::Cluster& b) {
  const auto all = [](const conf::Cluster& c) {
    return std::tie(c.enabled, c.key, c.multicast, c.interface, c.listen, c.peers, c.ttl, c.interval, c.serves);
  };
  return all(a) == all(b);
}
}  // namespace

Service::Service(net::Loop& control, Cluster& cluster, base::Telemetry& telemetry, net::Resolver* resolver)
    : loop_(control),
      cluster_(cluster),
      telemetry_(telemetry),
      resolver_(resolver),
      checker_(control, cluster),
      alive_(std::make_shared<Service*>(this)) {}

Service::~Service() { *alive_ = nullptr; }

Result<void> Service::open(const conf::Conf& conf, ChannelOptions options, std::string& why) {
  if (same(opened_with_, conf.cluster)) return {};
  std::unique_ptr<Channel> next;
  if (conf.cluster.enabled) {
    if (!options.resolver) options.resolver = resolver_;
    auto channel = Channel::open(loop_, &cluster_, telemetry_, conf, std::move(options), why);
    if (!channel) return channel.error();
    next = std::move(*channel);
  }
  opened_with_ = conf.cluster;
  next_channel_ = std::move(next);
  channel_changes_ = true;
  return {};
}

void Service::change_channel() {
  if (!channel_changes_) return;
  channel_changes_ = false;
  if (channel_) channel_->stop();
  channel_ = std::move(next_channel_);
  if (channel_) channel_->start();
}

void Service::start() {
  refresh();
  on_timer();
}

void Service::refresh() {
  change_channel();
  checker_.refresh();
  resolve_backends();
}

void Service::rest_channel() {
  if (channel_) channel_->stop();
  opened_with_ = {};
}

void Service::stop() {
  loop_.wheel().cancel(*this);
  checker_.stop();
  if (channel_) channel_->stop();
  *alive_ = nullptr;
}

void Service::on_timer() noexcept {
  const auto now = Clock::now();
  cluster_.tick(now);
  if (cluster_.follow_agents(now)) members_changed();
  if (now >= next_resolve_) resolve_backends();
  loop_.wheel().arm(*this, loop_.now() + kTick);
}

void Service::resolve_backends() {
  next_resolve_ = Clock::now() + kResolveEvery;
  if (!resolver_) return;
  for (auto& row : cluster_.dns_rows()) {
    net::spawn(loop_, is_srv(row.row) ? resolve_srv(alive_, std::move(row)) : resolve_name(alive_, std::move(row)));
  }
  for (const auto& backend : cluster_.backends()) {
    if (backend->needs_resolving() && !backend->stands_for_many()) net::spawn(loop_, resolve(alive_, backend));
  }
}

// New members are checked and resolved at once.
void Service::members_changed() {
  checker_.refresh();
  if (!resolver_) return;
  for (const auto& backend : cluster_.backends()) {
    const bool asked = backend->needs_resolving() && !backend->stands_for_many();
    if (asked && !backend->endpoint()) net::spawn(loop_, resolve(alive_, backend));
  }
}

// Each address of a name is a backend.
net::Task<void> Service::resolve_name(std::shared_ptr<Service*> self, Cluster::DnsRow row) {
  const std::string name = row.row.address.substr(0, row.row.address.rfind(':'));
  auto asked = (*self)->resolver_->addresses(name);
  const auto found = co_await asked;
  if (!*self) co_return;
  Service& service = **self;
  const Time now = Clock::now();
  Members members;
  if (found) members = address_members(row.row, found->records);
  // As below: name servers that say nothing change nothing. Nor does half an answer, IPv6 alone because nobody said
  // whether there is IPv4, take the others' place.
  const bool v4 = found && !found->records.empty() && found->records.front().is_v4();
  const bool known = found ? found->whole || v4 : found.error() == Errc::not_found;
  const std::string& source = row.row.address;
  if (known || !service.cluster_.has_members(row.pool, source)) {
    if (service.cluster_.set_members(row.pool, source, std::move(members), now)) service.members_changed();
  }
  if (!found)
    service.cluster_.nobody_at(row.pool, source, "its name does not resolve: " + found.error().message(), now);
}

net::Task<void> Service::resolve_srv(std::shared_ptr<Service*> self, Cluster::DnsRow row) {
  auto asked = (*self)->resolver_->srv(srv_name(row.row));
  const auto found = co_await asked;
  if (!*self) co_return;
  if (!found && found.error() != Errc::not_found) co_return;  // as below: those of before stay
  Members members;
  if (found) members = srv_members(row.row, found->records);
  Service& service = **self;
  if (service.cluster_.set_members(row.pool, row.row.address, std::move(members), Clock::now())) {
    service.members_changed();
  }
}

net::Task<void> Service::resolve(std::shared_ptr<Service*> self, std::shared_ptr<Backend> backend) {
  auto found = co_await net::resolve_endpoint(*(*self)->resolver_, backend->address());
  if (!*self) co_return;
  if (found && !found->empty()) {
    // The present address stays while it is still among those of the name: kept connections go on being used.
    const auto present = backend->endpoint();
    const bool stays = present && std::find(found->begin(), found->end(), *present) != found->end();
    if (!stays) backend->set_endpoint(found->front(), "", Clock::now());
    co_return;
  }
  // A name that is gone is an order; name servers that don't answer are not: the last address stays.
  const bool gone = found || found.error() == Errc::not_found;
  if (!gone && backend->endpoint()) co_return;
  const std::string why = "its name does not resolve: " + (found ? std::string("no address") : found.error().message());
  backend->set_endpoint(std::nullopt, why, Clock::now());
}

}  // namespace genkan::cluster
