#include "smtp/delivery/mx_lane.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kFreshMin = std::chrono::seconds(60);
constexpr Duration kFreshMax = std::chrono::hours(1);
constexpr Duration kAskAgain = std::chrono::seconds(30);  // DNS gave no answer
constexpr std::size_t kMaxAddresses = 32;

// Whether a record is one that mail goes by (RFC 7672 3.1).
bool usable(const std::vector<net::TlsaRecord>& records) {
  return std::any_of(records.begin(), records.end(), [](const net::TlsaRecord& r) {
    const bool whole = r.matching == 0, sha256 = r.matching == 1 && r.data.size() == 32;
    const bool sha512 = r.matching == 2 && r.data.size() == 64;
    return (r.usage == 2 || r.usage == 3) && r.selector <= 1 && (whole || sha256 || sha512);
  });
}

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
  std::vector<Found> hosts(plan.hosts.size());
  auto ttl = kFreshMax;
  for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
    hosts[i].host = plan.hosts[i];
    auto found = co_await dispatcher_.resolver().addresses(plan.hosts[i].host);
    if (found) {
      ttl = std::min<Duration>(ttl, found->ttl);
      any = any || !found->records.empty();
      hosts[i].addresses = std::move(found->records);
    } else if (found.error() != make_error_code(Errc::not_found)) {
      unsure = true;
    }
  }
  if (any) {
    if (domain_.front() != '[') co_await ask_dane(hosts, &ttl);
    const auto sts = co_await ask_sts();
    apply_sts(sts, hosts);
    take(hosts, sts);
    fresh_until_ = loop_.now() + std::clamp(ttl, kFreshMin, kFreshMax);
    if (!members_.empty()) co_return true;
    fresh_until_ = Time();
    note_error("no mail host of " + domain_ + " can be used safely: DANE or MTA-STS forbids it");
    dispatcher_.shared().telemetry.log.warning("mail waits: no mail host can be used safely (DANE, MTA-STS)",
                                               {{"domain", domain_}});
    pause(loop_.now() + kAskAgain);
    co_return false;
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

// RFC 7672 2.2: a name server that vouches for MX, addresses and TLSA of a host makes its TLSA records a must. One that
// gives no answer about them when it vouches for the rest may hide them: the host is not used until it answers.
net::Task<void> MxLane::ask_dane(std::vector<Found>& hosts, Duration* ttl) {
  const auto plan = dispatcher_.plan();
  if (!plan->dane_client) co_return;
  auto& resolver = dispatcher_.resolver();
  const auto mx = co_await resolver.secure(domain_, net::SecureType::mx);
  if (!mx || !mx->authentic) co_return;
  for (auto& one : hosts) {
    if (one.addresses.empty()) continue;
    const auto address = co_await resolver.secure(one.host.host, net::SecureType::a);
    if (!address || !address->authentic) continue;
    const auto name = "_" + std::to_string(plan->smtp().mx_port) + "._tcp." + one.host.host;
    auto tlsa = co_await resolver.secure(name, net::SecureType::tlsa);
    one.unsafe = !tlsa;
    if (!tlsa || !tlsa->authentic || !tlsa->any) continue;
    *ttl = std::min<Duration>(*ttl, tlsa->ttl);
    one.tlsa = std::make_shared<const std::vector<net::TlsaRecord>>(std::move(tlsa->tlsa));
  }
}

net::Task<StsFound> MxLane::ask_sts() {
  auto& shared = dispatcher_.shared();
  const auto plan = dispatcher_.plan();
  StsFound none;
  if (!plan->sts_client || !shared.sts || domain_.front() == '[') co_return none;
  StsNeeds needs{loop_,
                 dispatcher_.resolver(),
                 shared.files,
                 *shared.sts,
                 shared.telemetry,
                 plan->sts_client,
                 plan->smtp().mta_sts_port};
  co_return co_await find_sts(std::move(needs), domain_);
}

// Hosts that a policy to be enforced does not name are not used; DANE goes first where a host has it.
void MxLane::apply_sts(const StsFound& sts, std::vector<Found>& hosts) {
  auto& reports = *dispatcher_.shared().tls_reports;
  TlsPolicyFacts facts;
  facts.kind = TlsPolicyKind::sts;
  facts.domain = domain_;
  if (!sts.failure.empty()) reports.note(facts, sts.failure, "", "");
  if (!sts.policy || sts.policy->mode == StsPolicy::Mode::none) return;
  for (auto& one : hosts) {
    if (one.tlsa || sts_names(*sts.policy, one.host.host)) continue;
    reports.note(*facts_of(one, sts), "validation-failure", one.host.host, "");
    if (sts.policy->mode == StsPolicy::Mode::enforce) one.unsafe = true;
  }
}

std::shared_ptr<const TlsPolicyFacts> MxLane::facts_of(const Found& one, const StsFound& sts) const {
  auto facts = std::make_shared<TlsPolicyFacts>();
  facts->domain = domain_;
  if (one.tlsa) {
    facts->kind = TlsPolicyKind::tlsa;
    for (const auto& r : *one.tlsa) {
      facts->lines.push_back(std::to_string(r.usage) + " " + std::to_string(r.selector) + " " +
                             std::to_string(r.matching) + " " + base::hex(r.data));
    }
  } else if (sts.policy && sts.policy->mode != StsPolicy::Mode::none) {
    facts->kind = TlsPolicyKind::sts;
    facts->mx = sts.policy->mx;
    for (auto line : base::split(sts.text, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty() && facts->lines.size() < 100) facts->lines.emplace_back(line);
    }
  }
  return facts;
}

void MxLane::take(const std::vector<Found>& hosts, const StsFound& sts) {
  const auto& plan = dispatcher_.plan();
  std::vector<std::shared_ptr<Member>> members;
  for (const auto& one : hosts) {
    if (one.unsafe) continue;
    const auto facts = facts_of(one, sts);
    for (const auto& ip : one.addresses) {
      if (members.size() >= kMaxAddresses) break;
      base::Endpoint endpoint;
      endpoint.ip = ip;
      endpoint.port = plan->smtp().mx_port;
      auto member = std::make_shared<Member>();
      member->address = endpoint.text();
      member->host = one.host.host;
      member->facts = facts;
      member->state.preference = one.host.preference;
      member->without_tls.hostname = plan->hostname();
      member->with_tls = member->without_tls;
      member->with_tls.tls = plan->tls_client;
      if (facts->kind == TlsPolicyKind::tlsa && !usable(*one.tlsa)) {
        // There are records, and none that says whom to believe: encryption is a must all the same (RFC 7672 2.2).
        member->with_tls.tls_required = true;
        member->may_do_without = false;
      } else if (facts->kind == TlsPolicyKind::tlsa) {
        member->with_tls.tls = plan->dane_client;
        member->with_tls.tlsa = one.tlsa;
        member->with_tls.tls_names = {domain_};
        member->with_tls.tls_required = member->with_tls.tls_verified = true;
        member->may_do_without = false;
      } else if (facts->kind == TlsPolicyKind::sts) {
        member->without_tls.tls = plan->tls_client;  // in testing: as if there were no policy
        member->with_tls.tls = plan->sts_client;
        member->with_tls.tls_required = member->with_tls.tls_verified = true;
        member->testing = sts.policy->mode == StsPolicy::Mode::testing;
        member->may_do_without = member->testing;
      }
      members.push_back(std::move(member));
    }
  }
  // Senders spread over hosts of one preference (RFC 5321 5.1): each begins somewhere else.
  for (std::size_t i = members.size(); i > 1; --i)
    std::swap(members[i - 1], members[static_cast<std::size_t>(dispatcher_.random() * static_cast<double>(i))]);
  replace_members(std::move(members));
}

}  // namespace genkan::smtp
