// Who really gets the mail for an address: rewriting, aliases, routes, local users, catch-alls, and the next hop's own
// word.
#include <algorithm>
#include <deque>
#include <set>

#include "base/text.hpp"
#include "smtp/inbound/front.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxTargets = 1000;  // that one address may stand for
constexpr unsigned kMaxDepth = 10;         // of aliases in aliases
constexpr std::size_t kMaxAsked = 10'000;
constexpr Duration kYes = std::chrono::hours(1);
constexpr Duration kNo = std::chrono::minutes(10);

struct Waiting {
  std::string address;
  unsigned depth = 0;
};

void add_all(const std::vector<std::string>& addresses, unsigned depth, std::set<std::string>& seen,
             std::deque<Waiting>& waiting) {
  for (const auto& address : addresses) {
    if (seen.size() >= kMaxTargets || !seen.insert(base::to_lower(address)).second) continue;
    Waiting next;
    next.address = address;
    next.depth = depth;
    waiting.push_back(std::move(next));
  }
}

}  // namespace

// The next hop's own word, remembered.
net::Task<Verdict> Front::ask_next_hop(std::string address, std::string destination) {
  const auto key = base::to_lower(address);
  const auto found = asked_.find(key);
  if (found != asked_.end() && found->second.until > loop.now()) co_return found->second.verdict;
  auto& dispatcher = *shared.dispatchers[worker];
  const auto verdict = co_await dispatcher.lane(destination).probe(address);
  if (verdict == Verdict::try_later) co_return verdict;
  if (asked_.size() >= kMaxAsked) asked_.clear();
  auto& row = asked_[key];
  row.verdict = verdict;
  row.until = loop.now() + (verdict == Verdict::accept ? kYes : kNo);
  co_return verdict;
}

net::Task<Verdict> Front::judge_route(std::string address, Route route) {
  const bool postmaster = local_of(address) == "postmaster";  // always taken (RFC 5321 4.5.1)
  if (route.kind == Route::Kind::refuse) co_return Verdict::relay_denied;
  if (postmaster) co_return Verdict::accept;
  if (route.kind == Route::Kind::local) {
    auto user = local_user(address, plan->router);
    co_return co_await judge_local(std::move(user));
  }
  if (route.check == Route::Check::table) co_return route.known ? Verdict::accept : Verdict::unknown_user;
  // Where mail goes through the next hop is asked anyway.
  if (route.check == Route::Check::callback && !route.before_queue)
    co_return co_await ask_next_hop(std::move(address), route.destination);
  co_return Verdict::accept;
}

net::Task<Resolution> Front::resolve(std::string address, bool trusted) {
  Resolution resolution;
  const auto plan_now = plan;
  const auto& aliases = plan_now->aliases;
  std::set<std::string> seen;
  std::deque<Waiting> waiting;
  const std::vector<std::string> first{aliases.rewritten(address, AliasTable::Side::recipient)};
  add_all(first, 0, seen, waiting);
  auto refusal = Verdict::accept;
  while (!waiting.empty()) {
    auto one = std::move(waiting.front());
    waiting.pop_front();
    const auto* alias = one.depth < kMaxDepth ? aliases.find(one.address) : nullptr;
    if (alias) {
      add_all(*alias, one.depth + 1, seen, waiting);
      continue;
    }
    auto route = plan_now->router.route(one.address, trusted || one.depth > 0);
    const auto verdict = co_await judge_route(one.address, route);
    if (verdict == Verdict::try_later || verdict == Verdict::full_later) {
      resolution.verdict = verdict;
      resolution.targets.clear();
      co_return resolution;
    }
    if (verdict == Verdict::accept) {
      Target target;
      target.address = std::move(one.address);
      target.destination = std::move(route.destination);
      target.before_queue = route.before_queue;
      resolution.targets.push_back(std::move(target));
      continue;
    }
    const auto* rest = one.depth < kMaxDepth ? aliases.catch_all(domain_of(one.address)) : nullptr;
    if (verdict == Verdict::unknown_user && rest) {
      add_all(*rest, one.depth + 1, seen, waiting);
    } else if (refusal == Verdict::accept) {
      refusal = verdict;
    }
  }
  if (resolution.targets.empty()) resolution.verdict = refusal == Verdict::accept ? Verdict::unknown_user : refusal;
  co_return resolution;
}

void add_targets(const Recipient& recipient, const std::vector<Target>& targets, std::vector<ItemMeta>& items) {
  for (const auto& target : targets) {
    const auto same = [&](const ItemMeta& item) { return item.destination == target.destination; };
    auto item = std::find_if(items.begin(), items.end(), same);
    if (item == items.end()) {
      item = items.emplace(items.end());
      item->destination = target.destination;
    }
    const auto known = [&](const Recipient& r) { return r.address == target.address; };
    if (std::any_of(item->recipients.begin(), item->recipients.end(), known)) continue;
    auto to = recipient;
    to.address = target.address;
    // Reports name the address that the sender had written (RFC 3461 4.2).
    if (to.orcpt.empty() && to.address != recipient.address) to.orcpt = "rfc822;" + encode_xtext(recipient.address);
    item->recipients.push_back(std::move(to));
  }
}

}  // namespace genkan::smtp
