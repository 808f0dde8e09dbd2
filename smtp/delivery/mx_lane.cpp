#include "smtp/delivery/mx_lane.hpp"

#include <algorithm>

#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kFreshMin = std::chrono::seconds(60);
constexpr Duration kFreshMax = std::chrono::hours(1);
constexpr Duration kAskAgain = std::chrono::seconds(30);  // DNS gave no answer
constexpr std::size_t kMaxAddresses = 32;

}  // namespace

MxLane::MxLane(Dispatcher& dispatcher, std::string name)
    : RelayLane(dispatcher, std::move(name)), domain_(this->name().substr(kMxPrefix.size())) {
  configure(dispatcher.plan());
}

void MxLane::configure(const PlanPtr& plan) {
  set_connections(plan->smtp().mx_connections);
  fresh_until_ = Time();
  pause(Time());
}

net::Task<MxPlan> MxLane::ask_mx() {
  if (domain_.front() == '[') {  // an address literal is its own host
    MxPlan plan;
    auto inner = domain_.substr(1, domain_.size() - 2);
    if (inner.starts_with("ipv6:")) inner.erase(0, 5);
    plan.hosts.push_back({inner, 0});
    co_return plan;
  }
  auto records = co_await dispatcher_.resolver().mx(domain_);
  co_return plan_mx(domain_, records, dispatcher_.plan()->hostname());
}

// Members as DNS has them now; false: not now, the lane pauses. `never`: why mail for this domain can not be delivered.
net::Task<bool> MxLane::find_members(std::string* never) {
  if (!members_.empty() && loop_.now() < fresh_until_) co_return true;
  const auto plan = co_await ask_mx();
  if (plan.kind == MxPlan::Kind::never) {
    *never = plan.reply;
    co_return true;
  }
  bool unsure = plan.kind == MxPlan::Kind::later, any = false;
  std::vector<std::vector<base::IpAddress>> addresses(plan.hosts.size());
  auto ttl = kFreshMax;
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    auto found = co_await dispatcher_.resolver().addresses(plan.hosts[i].host);
    if (found) {
      ttl = std::min<Duration>(ttl, found->ttl);
      any = any || !found->records.empty();
      addresses[i] = std::move(found->records);
    } else if (found.error() != make_error_code(Errc::not_found)) {
      unsure = true;
    }
  }
  if (any) {
    take(plan.hosts, addresses);
    fresh_until_ = loop_.now() + std::clamp(ttl, kFreshMin, kFreshMax);
    co_return true;
  }
  if (unsure) {
    note_error("DNS gives no answer for " + domain_);
    dispatcher_.shared().telemetry.log.warning("mail hosts of a domain cannot be found out", {{"domain", domain_}});
    pause(loop_.now() + kAskAgain);
    co_return false;
  }
  *never = "550 5.4.4 " + domain_ + " has no mail host with an address";
  co_return true;
}

void MxLane::take(const std::vector<MxHost>& hosts, const std::vector<std::vector<base::IpAddress>>& addresses) {
  const auto& plan = dispatcher_.plan();
  std::vector<std::shared_ptr<Member>> members;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    for (const auto& ip : addresses[i]) {
      if (members.size() >= kMaxAddresses) break;
      base::Endpoint endpoint;
      endpoint.ip = ip;
      endpoint.port = plan->smtp().mx_port;
      auto member = std::make_shared<Member>();
      member->address = endpoint.text();
      member->host = hosts[i].host;
      member->state.preference = hosts[i].preference;
      member->without_tls.hostname = plan->hostname();
      member->with_tls = member->without_tls;
      member->with_tls.tls = plan->tls_client;
      members.push_back(std::move(member));
    }
  }
  // Senders spread over hosts of one preference (RFC 5321 5.1): each begins somewhere else.
  for (std::size_t i = members.size(); i > 1; --i)
    std::swap(members[i - 1], members[static_cast<std::size_t>(dispatcher_.random() * static_cast<double>(i))]);
  replace_members(std::move(members));
}

}  // namespace genkan::smtp
