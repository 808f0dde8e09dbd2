// The part of a session that decides whether a stranger may come in at all: before the greeting, and at each recipient.
#include <atomic>

#include "smtp/inbound/server_session.hpp"
#include "smtp/offloaded.hpp"
#include "smtp/reply.hpp"

namespace genkan::smtp {
namespace {

constexpr Duration kHoldUpStep = std::chrono::milliseconds(100);

}  // namespace

bool ServerSession::exempt() const { return trusted_ || entrance_->submission || plan_->allow_from.contains(ip_); }

// Users who send mail are people who wait, as those are for whom mail yields.
YieldLevel ServerSession::yields() const noexcept {
  return entrance_->submission ? YieldLevel::none : front_.shared.yield_now.get();
}

// Makes the client wait while mail yields. In steps, so that a stop, or better times, end it.
net::Task<void> ServerSession::hold_up() {
  if (yields() == YieldLevel::none) co_return;
  front_.metrics.held_up.add();
  const auto began = front_.loop.now();
  while (!front_.draining && front_.loop.now() - began < yield_delay(yields(), plan_->smtp().yield_delay)) {
    co_await net::sleep_for(front_.loop, kHoldUpStep);
  }
}

// What lists in DNS say of the client, whoever that is now.
net::Task<void> ServerSession::look_up() {
  listed_ = DnsblVerdict();
  const auto& lists = plan_->smtp().policy.dnsbls;
  if (lists.empty()) co_return;
  auto& resolver = front_.shared.dispatchers[front_.worker]->resolver();
  listed_ = co_await ask_dnsbls(front_.loop, resolver, ip_, lists);
}

// Before the greeting: lists are asked while we wait whether the client talks too early. True: it did.
net::Task<bool> ServerSession::screen() {
  const auto& policy = plan_->smtp().policy;
  const auto until = front_.loop.now() + policy.pregreet_wait;
  co_await look_up();
  if (policy.pregreet_wait == std::chrono::milliseconds(0) || transport_->tls()) co_return false;
  transport_->read_deadline(until);
  char first = 0;
  const auto talked = co_await transport_->read_some(&first, 1);
  transport_->read_deadline(Time::max());
  co_return talked.has_value();  // or gone: nothing is lost with the octet
}

// One message of a sender or a user, counted once.
bool ServerSession::too_much_from_sender() {
  const auto limit = plan_->smtp().policy.sender_messages_per_minute;
  if (limit == 0 || sender_counted_ || trusted_ || plan_->allow_from.contains(ip_)) return false;
  const auto key = sender_key(session_.user(), session_.envelope().sender);
  if (!key.empty() && !front_.limits->senders.take(key, limit, front_.loop.now())) return true;
  sender_counted_ = true;
  return false;
}

bool ServerSession::too_much_for(AddressView recipient) {
  const auto limit = plan_->smtp().policy.recipient_messages_per_minute;
  if (limit == 0 || exempt() || !session_.user().empty() || is_postmaster(recipient)) return false;
  return !front_.limits->recipients.take(recipient_key(recipient.text), limit, front_.loop.now());
}

// At RCPT; true: `want` and the reply are there already. Postmaster is always reached (RFC 5321 4.5.1).
net::Task<bool> ServerSession::held_back(AddressView address, Want& want) {
  if (is_postmaster(address)) co_return false;
  if (too_much_from_sender()) {
    want = session_.recipient_refused(450, "4.7.1", "too much mail from this sender, try again later", out_);
    co_return true;
  }
  if (exempt() || !session_.user().empty()) co_return false;
  const auto& policy = plan_->smtp().policy;
  const auto now = front_.loop.now();
  if (plan_->deny_from.contains(ip_)) {  // by XCLIENT: the greeting was for the proxy
    want = session_.recipient_refused(554, "5.7.1", "no mail is taken from your address", out_);
    co_return true;
  }
  if (listed_.score >= static_cast<int>(policy.dnsbl_threshold)) {
    want = session_.recipient_refused(554, "5.7.1", "your address " + ip_text_ + " is listed by " + listed_.by, out_);
    co_return true;
  }
  const bool too_many = policy.recipients_per_minute != 0 && !front_.recipients.take(ip_, now);
  if (too_many || (policy.messages_per_minute != 0 && !message_counted_ && !front_.messages.take(ip_, now))) {
    want = session_.recipient_refused(450, "4.7.1", "too much mail from your network, try again later", out_);
    co_return true;
  }
  message_counted_ = true;
  const bool refused = co_await client_refused(want);
  if (refused) co_return true;
  if (!policy.greylist || !front_.greylist) co_return false;
  GreylistRules rules;
  rules.delay_s = std::chrono::duration_cast<std::chrono::seconds>(policy.greylist_delay).count();
  rules.lifetime_s = std::chrono::duration_cast<std::chrono::seconds>(policy.greylist_lifetime).count();
  const auto* memory = policy.greylist_memcached.empty() ? nullptr : &front_.shared.hooks.shared_memory;
  auto away = std::make_shared<std::atomic<bool>>(false);
  auto job = [list = front_.greylist, key = greylist_key(ip_, session_.envelope().sender, address.text), rules, memory,
              away] {
    bool gone = false;
    auto answer = list->ask(key, wall_ms() / 1000, rules, memory, &gone);
    *away = gone;
    return answer;
  };
  auto verdict = co_await offloaded<GreylistVerdict>(front_.shared.files, front_.loop, std::move(job));
  if (!verdict) {  // mail passes: the list is a convenience
    front_.shared.telemetry.log.error("the greylist cannot be used", {{"why", verdict.error().message()}});
    co_return false;
  }
  if (*away) front_.shared.telemetry.log.warning("the greylist's memcached does not answer: each node goes by its own");
  if (verdict->pass) co_return false;
  const auto text = "greylisted, try again in " + std::to_string(verdict->wait_s) + " seconds";
  want = session_.recipient_refused(451, "4.7.1", text, out_);
  co_return true;
}

}  // namespace genkan::smtp
