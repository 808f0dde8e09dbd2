#include "smtp/inbound/front.hpp"

#include <algorithm>

#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxKnown = 10'000;
constexpr std::size_t kMaxNetworks = 20'000;
constexpr std::size_t kKeptBuffers = 16;
constexpr Duration kKnown = std::chrono::seconds(30);
constexpr Duration kUnknown = std::chrono::seconds(3);  // a user who was just added should get mail soon

}  // namespace

bool ClientCounts::enter(const base::IpAddress& ip, std::uint32_t max) {
  std::lock_guard lock(mutex_);
  auto& count = counts_[ip];
  if (max != 0 && count >= max) return false;
  ++count;
  return true;
}

void ClientCounts::leave(const base::IpAddress& ip) {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(ip);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

InboundMetrics::InboundMetrics(base::Metrics& metrics)
    : connections(metrics.gauge("genkan_smtp_connections", "SMTP clients connected")),
      sessions(metrics.counter("genkan_smtp_sessions_total", "SMTP connections accepted")),
      accepted(metrics.counter("genkan_smtp_accepted_total", "Messages answered 250")),
      octets(metrics.counter("genkan_smtp_received_bytes_total", "Octets of content of accepted messages")),
      refused(metrics.counter("genkan_smtp_refused_total", "Messages refused after their content")),
      recipients_refused(metrics.counter("genkan_smtp_recipients_refused_total", "Recipients refused")),
      filter_failures(
          metrics.counter("genkan_smtp_filter_failures_total", "Messages that a filter could not be asked about")),
      passed(metrics.counter("genkan_smtp_passed_total", "Messages that the next hop took before we answered")),
      yielded(metrics.counter("genkan_smtp_yielded_total", "What mail did to yield to HTTP", {{"how", "refused"}})),
      held_up(metrics.counter("genkan_smtp_yielded_total", "What mail did to yield to HTTP", {{"how", "held_up"}})),
      dmarc_failures(metrics.counter("genkan_smtp_dmarc_failures_total", "Messages whose author DMARC disproves")),
      auth_dns_failures(metrics.counter("genkan_smtp_auth_dns_failures_total",
                                        "Messages about which DNS gave no answer to SPF, DKIM or DMARC")) {}

Front::Front(net::Loop& l, std::size_t i, Shared& s, ClientCounts& c, InboundMetrics& m, PlanPtr p)
    : loop(l),
      worker(i),
      shared(s),
      counts(c),
      metrics(m),
      plan(std::move(p)),
      messages(net::Rate(), kMaxNetworks),
      recipients(net::Rate(), kMaxNetworks) {
  set_rates();
}

void Front::set_rates() {
  const auto rate = [this](std::uint32_t per_minute) {
    const auto share =
        static_cast<double>(per_minute) / static_cast<double>(std::max<std::size_t>(1, shared.dispatchers.size()));
    net::Rate result;
    result.per_second = share / 60;
    result.burst = std::max(1.0, share);
    return result;
  };
  messages.set_rate(rate(plan->smtp().policy.messages_per_minute));
  recipients.set_rate(rate(plan->smtp().policy.recipients_per_minute));
}

std::uint64_t Front::new_id(std::size_t items) {
  const auto workers = shared.dispatchers.size();
  auto id = shared.spool.reserve_ids(static_cast<std::uint32_t>(workers + items - 1));
  while (id % workers != worker) ++id;
  return id;
}

std::unique_ptr<char[]> Front::take_buffer() {
  if (buffers_.empty()) return std::make_unique_for_overwrite<char[]>(kBuffer);
  auto buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Front::give_buffer(std::unique_ptr<char[]> buffer) {
  if (buffers_.size() < kKeptBuffers) buffers_.push_back(std::move(buffer));
}

net::Task<Verdict> Front::judge_local(std::string user) {
  if (!shared.hooks.user_exists) co_return Verdict::accept;
  const auto full = plan->smtp().over_quota == "reject" ? Verdict::full : Verdict::full_later;
  const auto found = known_.find(user);
  if (found != known_.end() && found->second.until > loop.now()) {
    if (!found->second.exists) co_return Verdict::unknown_user;
    co_return found->second.full ? full : Verdict::accept;
  }
  const auto* hooks = &shared.hooks;
  const bool limited = plan->smtp().mailbox_quota != 0 && hooks->mailbox_full;
  auto job = [hooks, user, limited]() -> Result<Known> {
    Known known;
    const auto exists = hooks->user_exists(user);
    if (!exists) return exists.error();
    known.exists = *exists;
    const auto is_full = known.exists && limited ? hooks->mailbox_full(user) : Result<bool>(false);
    if (!is_full) return is_full.error();
    known.full = *is_full;
    return known;
  };
  auto answer = co_await offloaded<Known>(shared.files, loop, std::move(job));
  if (!answer) {
    shared.telemetry.log.error("cannot look up a local user", {{"user", user}, {"why", answer.error().message()}});
    co_return Verdict::try_later;
  }
  if (known_.size() >= kMaxKnown) known_.clear();
  const bool lasting = answer->exists && !limited;  // a mailbox that fills up, or is emptied, is noticed soon
  answer->until = loop.now() + (lasting ? kKnown : kUnknown);
  known_[user] = *answer;
  if (!answer->exists) co_return Verdict::unknown_user;
  co_return answer->full ? full : Verdict::accept;
}

}  // namespace genkan::smtp
