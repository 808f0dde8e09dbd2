#include "smtp/delivery/relay_lane.hpp"

#include <algorithm>

#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kIdle = std::chrono::seconds(5);  // an idle connection is kept so long
constexpr unsigned kMessages = 1000;                 // then the member is chosen anew
constexpr Duration kChooseAgain = std::chrono::seconds(30);
constexpr Duration kNoTls = std::chrono::minutes(10);
constexpr Duration kCrowded = std::chrono::milliseconds(200);

bool all_deferred(const std::vector<Outcome>& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(),
                     [](const Outcome& o) { return o.kind == Outcome::Kind::deferred; });
}

void set_tls(const conf::SmtpRelay& relay, const Plan& plan, ClientOptions& options) {
  if (relay.tls == "off") return;
  options.tls = plan.tls_client;
  options.tls_required = relay.tls != "opportunistic";
  options.implicit_tls = relay.implicit_tls;
  options.tls_name = relay.tls_name;
  const auto verifying = plan.verifying.find(relay.name);
  if (verifying == plan.verifying.end()) return;
  options.tls = verifying->second;
  options.tls_verified = true;
}

std::string host_of(std::string_view address) {
  auto host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return std::string(host);
}

Outcome failure(const std::string& reply) {
  Outcome outcome;
  outcome.kind = Outcome::Kind::failed;
  outcome.reply = reply;
  return outcome;
}

}  // namespace

RelayLane::RelayLane(Dispatcher& dispatcher, std::string name) : Lane(dispatcher, std::move(name)) {
  turn_.random = cluster::Random(static_cast<std::uint64_t>(dispatcher.random() * 1e18));
  RelayLane::configure(dispatcher.plan());
}

void RelayLane::set_connections(std::uint32_t connections) {
  const auto workers = std::max<std::size_t>(1, dispatcher_.shared().dispatchers.size());
  per_member_ = std::max<std::size_t>(1, (connections + workers - 1) / workers);
}

void RelayLane::configure(const PlanPtr& plan) {
  const auto* relay =
      name().starts_with(kRelayPrefix) ? plan->relay(std::string_view(name()).substr(kRelayPrefix.size())) : nullptr;
  std::vector<std::shared_ptr<Member>> members;
  if (relay) {
    set_connections(relay->connections);
    rules_ = ChoiceRules::of(*relay, plan->conf->cluster.max_age);
    for (const auto& row : relay->members) {
      auto member = std::make_shared<Member>();
      member->address = row.address;
      member->node = row.node;
      member->state.preference = row.preference;
      auto& options = member->without_tls;
      options.hostname = plan->hostname();
      options.connect_timeout = relay->connect_timeout;
      options.command_timeout = relay->command_timeout;
      options.content_timeout = 2 * relay->command_timeout;
      options.lmtp = relay->protocol == "lmtp";
      member->with_tls = options;
      set_tls(*relay, *plan, member->with_tls);
      member->may_do_without = relay->tls == "opportunistic" && !relay->implicit_tls;
      members.push_back(std::move(member));
    }
  }
  replace_members(std::move(members));
  pause(Time());
}

void RelayLane::replace_members(std::vector<std::shared_ptr<Member>> members) {
  for (auto& member : members) {
    for (const auto& old : members_) {
      if (old->address != member->address) continue;
      member->state.failures = old->state.failures;
      member->state.down_until = old->state.down_until;
      member->state.window = old->state.window;
      member->state.threshold = old->state.threshold;
      member->no_tls_until = old->no_tls_until;
    }
  }
  members_ = std::move(members);
}

net::Task<bool> RelayLane::find_members(std::string*) { co_return true; }

// A connection of its own: answers are remembered, so that this is rare.
net::Task<Verdict> RelayLane::probe(std::string address) {
  ++probes_;
  const auto verdict = co_await probe_members(std::move(address));
  --probes_;
  co_return verdict;
}

net::Task<Verdict> RelayLane::probe_members(std::string address) {
  std::string never, why;
  const bool known = co_await find_members(&never);
  if (!never.empty()) co_return Verdict::unknown_user;
  if (!known) co_return Verdict::try_later;
  std::vector<bool> failed(members_.size());
  for (;;) {
    const auto states_now = states();
    const auto choice = choose(states_now, failed);
    if (!choice) co_return Verdict::try_later;
    Link link;
    auto member = members_[*choice];
    ++member->state.in_flight;
    const bool opened = co_await open_to(link, member, &why);
    if (opened) {
      const auto verdict = co_await link.connection->ask_about(address);
      co_await drop(link);
      co_return verdict;
    }
    --member->state.in_flight;
    member_failed(member->state, loop_.now(), dispatcher_.random());
    note_error(why);
    failed.resize(members_.size());
    if (*choice < failed.size()) failed[*choice] = true;
  }
}

// A connection for a message that goes through before it is answered; the lane stays until it is given back.
net::Task<bool> RelayLane::borrow(Link& link, std::string* why) {
  ++probes_;
  const bool got = co_await borrow_one(link, why);
  if (!got) --probes_;
  co_return got;
}

net::Task<bool> RelayLane::borrow_one(Link& link, std::string* why) {
  std::string never, said;
  const bool known = co_await find_members(&never);
  *why = never.empty() ? "451 4.4.3 the next hop is not known now, try again later" : never;
  if (!known || !never.empty()) co_return false;
  *why = "451 4.4.1 no next hop can be reached now, try again later";
  std::vector<bool> failed(members_.size());
  for (;;) {
    auto skip = failed;
    skip.resize(members_.size());
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (skip[i] || members_[i]->state.in_flight < per_member_) continue;
      *why = "451 4.3.2 the next hop is busy, try again later";
      skip[i] = true;
    }
    const auto states_now = states();
    const auto choice = choose(states_now, skip);
    if (!choice || stopping()) co_return false;
    auto member = members_[*choice];
    ++member->state.in_flight;
    const bool opened = co_await open_to(link, member, &said);
    if (opened) {
      member_worked(member->state);
      co_return true;
    }
    --member->state.in_flight;
    member_failed(member->state, loop_.now(), dispatcher_.random());
    note_error(said);
    dispatcher_.shared().metrics.connection_failures.add();
    dispatcher_.shared().telemetry.log.warning("mail relay cannot be reached",
                                               {{"group", name()}, {"member", member->address}, {"why", said}});
    failed.resize(members_.size());
    if (const auto index = index_of(*member); index < failed.size()) failed[index] = true;
  }
}

void RelayLane::give_back(Link& link) noexcept {
  lose(link);
  --probes_;
}

void RelayLane::took(Link& link, bool good) {
  if (good) window_grows(link.member->state, per_member_);
}

void RelayLane::cancel() {
  for (auto* connection : open_) connection->cancel();
}

// While every member fails one carrier tries; else as many as the members of the best living preference may have.
std::size_t RelayLane::carrier_limit() const {
  std::uint32_t best = UINT32_MAX;
  std::size_t limit = 0;
  for (const auto& member : members_) {
    if (member->state.failures != 0 || member->state.preference > best) continue;
    if (member->state.preference < best) limit = 0;
    best = member->state.preference;
    limit += window_of(member->state, per_member_);
  }
  return std::max<std::size_t>(1, limit);
}

std::vector<MemberState> RelayLane::states() const {
  std::vector<MemberState> states;
  const auto& figures = dispatcher_.shared().hooks.node_figures;
  for (const auto& member : members_) {
    states.push_back(member->state);
    if (!figures || member->node.empty()) continue;
    auto& state = states.back();
    state.figures = figures(member->node);
    if (state.figures.heard != member->heard) {
      member->heard = state.figures.heard;
      member->state.sent = state.sent = 0;
    }
  }
  return states;
}

std::optional<std::size_t> RelayLane::choose(const std::vector<MemberState>& states, const std::vector<bool>& skip) {
  return choose_member(states, rules_, turn_, loop_.now(), skip);
}

std::size_t RelayLane::index_of(const Member& member) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].get() == &member) return i;
  }
  return members_.size();
}

bool RelayLane::worn(const Link& link) const {
  if (link.connection->peer_closed() || index_of(*link.member) == members_.size()) return true;
  const auto limit = link.connection->features().max_messages;
  if (limit != 0 && link.used >= limit) return true;
  return link.used >= kMessages || loop_.now() - link.since > kChooseAgain;
}

void RelayLane::lose(Link& link) noexcept {
  if (!link.connection) return;
  open_.erase(link.connection.get());
  --link.member->state.in_flight;
  link.connection.reset();
  link.used = 0;
}

net::Task<void> RelayLane::drop(Link& link) {
  if (!link.connection) co_return;
  if (!link.connection->peer_closed()) co_await link.connection->quit();
  lose(link);
}

void RelayLane::note_tls(const Member& member, const base::Endpoint& at, bool encrypted, const TlsMiss& miss) {
  std::string_view failure;
  if (!encrypted)
    failure = miss.not_offered ? "starttls-not-supported" : tls_failure_of(miss.doubt, member.facts->kind);
  dispatcher_.shared().tls_reports->note(*member.facts, failure, member.host, at.ip.text());
}

net::Task<bool> RelayLane::open_to(Link& link, std::shared_ptr<Member> member, std::string* why) {
  auto endpoint = base::Endpoint::parse(member->address);
  if (!endpoint) {
    auto resolved = co_await net::resolve_endpoint(dispatcher_.resolver(), member->address);
    if (!resolved || resolved->empty()) {
      *why = member->address + ": " + (resolved ? std::string("no address") : resolved.error().message());
      co_return false;
    }
    endpoint = resolved->front();
  }
  const bool plain = !member->with_tls.tls || (member->may_do_without && member->no_tls_until > loop_.now());
  const auto& options = plain ? member->without_tls : member->with_tls;
  const auto host = member->host.empty() ? host_of(member->address) : member->host;
  dispatcher_.shared().metrics.connections.add();
  TlsMiss miss;
  auto opened = co_await Connection::open(loop_, *endpoint, host, options, why, &miss);
  const bool tls_failed = !opened && opened.error() == make_error_code(Errc::tls_failed);
  if (member->facts && !plain && (opened || tls_failed)) {
    const bool encrypted = opened && (*opened)->encrypted();
    if (opened && !encrypted) miss.not_offered = true;
    note_tls(*member, *endpoint, encrypted, miss);
  }
  if (tls_failed && member->may_do_without) {
    // Opportunistic: a broken STARTTLS is worse than none only for privacy; mail goes on without (RFC 3207 4.1).
    if (!member->testing) member->no_tls_until = loop_.now() + kNoTls;
    auto again = co_await Connection::open(loop_, *endpoint, host, member->without_tls, why);
    opened = std::move(again);
  }
  if (!opened) co_return false;
  link.connection = std::move(*opened);
  ++member->state.sent;
  link.member = std::move(member);
  link.used = 0;
  link.since = loop_.now();
  open_.insert(link.connection.get());
  co_return true;
}

// A connection to the best member that answers; false when there is none, which pauses the lane.
net::Task<bool> RelayLane::open(Link& link, std::vector<bool>& failed) {
  for (;;) {
    auto skip = failed;
    skip.resize(members_.size());
    bool crowded = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (members_[i]->state.in_flight < window_of(members_[i]->state, per_member_)) continue;
      crowded = crowded || !skip[i];
      skip[i] = true;
    }
    const auto now = loop_.now();
    const auto states_now = states();
    const auto choice = choose(states_now, skip);
    if (!choice) {
      const auto alive = next_alive(states_now, now);
      if (crowded) {
        pause(now + kCrowded);
      } else if (members_.empty() || alive <= now) {
        pause(now + std::chrono::seconds(1));
      } else {
        pause(alive);
      }
      co_return false;
    }
    auto member = members_[*choice];
    std::string why;
    ++member->state.in_flight;
    const bool opened = co_await open_to(link, member, &why);
    if (opened) {
      if (member->state.failures != 0) {
        dispatcher_.shared().telemetry.log.notice("mail relay works again",
                                                  {{"group", name()}, {"member", member->address}});
      }
      member_worked(member->state);
      note_error("");
      co_return true;
    }
    --member->state.in_flight;
    member_failed(member->state, loop_.now(), dispatcher_.random());
    window_halves(member->state, loop_.now());
    note_error(why);
    dispatcher_.shared().metrics.connection_failures.add();
    dispatcher_.shared().telemetry.log.warning("mail relay cannot be reached",
                                               {{"group", name()}, {"member", member->address}, {"why", why}});
    const auto index = index_of(*member);
    if (index < failed.size()) failed[index] = true;
  }
}

net::Task<void> RelayLane::carry() {
  Link link;
  Work work;
  for (;;) {
    const auto idle = link.connection ? kIdle : Duration(0);
    const bool got = co_await next(work, idle);
    if (!got) break;
    co_await carry_one(work, link);
    work = Work();
    if (carriers() > allowed()) break;  // the next hop takes less than before
  }
  co_await drop(link);
  carrier_ended();
}

// The recipients of an item go in as many transactions as the next hop's limit asks for.
net::Task<void> RelayLane::carry_one(Work& work, Link& link) {
  const auto& message = *work.item.message;
  Delivery delivery;
  delivery.envelope = &message.meta.envelope;
  delivery.size = work.content.size();
  delivery.eight_bit = message.meta.eight_bit;
  delivery.utf8_header = message.meta.envelope.utf8 && message.meta.eight_bit && utf8_in_header(work.content);
  Attempt attempt;
  attempt.failed.resize(members_.size());
  while (attempt.outcomes.size() < work.indices.size()) {
    const bool tried = co_await carry_part(work, link, delivery, attempt);
    if (!tried) break;
  }
  if (attempt.outcomes.empty()) {
    put_back(work);
    co_return;
  }
  // Those for whom no member was left after the first part: as if they had been put off.
  Outcome rest;
  rest.reply = "451 4.4.1 no next hop could be reached for these recipients";
  attempt.outcomes.resize(work.indices.size(), rest);
  pause(Time());
  co_await settle_attempt(work, attempt.outcomes, attempt.carried);
}

// One transaction, with one member after the other until one takes it or says no. False: no member could be reached.
net::Task<bool> RelayLane::carry_part(Work& work, Link& link, Delivery& delivery, Attempt& attempt) {
  const auto first = attempt.outcomes.size();
  std::vector<Outcome> outcomes;
  for (;;) {
    if (link.connection && worn(link)) co_await drop(link);
    const bool kept = link.connection != nullptr;
    if (!kept) {
      std::string never;
      const bool known = co_await find_members(&never);
      if (!never.empty()) {
        outcomes.assign(work.indices.size() - first, failure(never));
        break;
      }
      if (!known) break;
      attempt.failed.resize(members_.size());
      const bool opened = co_await open(link, attempt.failed);
      if (!opened) break;
    }
    const auto& features = link.connection->features();
    auto count = work.indices.size() - first;
    if (features.max_recipients != 0) count = std::min<std::size_t>(count, features.max_recipients);
    delivery.secure = link.connection->secure();
    delivery.recipients.clear();
    for (std::size_t i = first; i < first + count; ++i)
      delivery.recipients.push_back(&work.item.meta().recipients[work.indices[i]]);
    Transaction transaction(features, delivery);
    const auto member = link.member;
    const bool usable = co_await link.connection->deliver(transaction, work.content, work.item.message->meta.dot_lines);
    ++link.used;
    const bool reports = features.dsn;
    if (!usable) {
      window_halves(member->state, loop_.now());
      lose(link);
    } else if (transaction.any_accepted()) {
      window_grows(member->state, per_member_);
    }
    if (kept && !usable && !transaction.touched()) continue;  // the peer had closed a connection that we kept
    outcomes = transaction.outcomes();
    attempt.carried.remote = member->address;
    attempt.carried.reports_on = reports;
    attempt.carried.local = member->with_tls.lmtp;
    if (transaction.in_doubt() || !all_deferred(outcomes)) break;
    // Nothing was taken and nothing is in doubt: another member may take it.
    if (!usable) member_failed(member->state, loop_.now(), dispatcher_.random());
    const auto index = index_of(*member);
    if (index >= attempt.failed.size() || attempt.failed[index]) break;
    attempt.failed[index] = true;
    if (usable) co_await drop(link);
  }
  for (auto& outcome : outcomes) attempt.outcomes.push_back(std::move(outcome));
  co_return !outcomes.empty();
}

}  // namespace genkan::smtp
