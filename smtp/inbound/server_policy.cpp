// The part of a session that decides whether a stranger may come in at all: before the greeting, and at each recipient.
#include "smtp/inbound/server_session.hpp"
#include "smtp/offloaded.hpp"
#include "smtp/reply.hpp"

namespace genkan::smtp {

bool ServerSession::exempt() const { return trusted_ || entrance_->submission || plan_->allow_from.contains(ip_); }

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

// At RCPT; true: `want` and the reply are there already. Postmaster is always reached (RFC 5321 4.5.1).
net::Task<bool> ServerSession::held_back(AddressView address, Want& want) {
  if (exempt() || !session_.user().empty() || is_postmaster(address)) co_return false;
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
  auto job = [list = front_.greylist, key = greylist_key(ip_, session_.envelope().sender, address.text), rules] {
    return list->ask(key, wall_ms() / 1000, rules);
  };
  auto verdict = co_await offloaded<GreylistVerdict>(front_.shared.files, front_.loop, std::move(job));
  if (!verdict) {  // mail passes: the list is a convenience
    front_.shared.telemetry.log.error("the greylist cannot be used", {{"why", verdict.error().message()}});
    co_return false;
  }
  if (verdict->pass) co_return false;
  const auto text = "greylisted, try again in " + std::to_string(verdict->wait_s) + " seconds";
  want = session_.recipient_refused(451, "4.7.1", text, out_);
  co_return true;
}

}  // namespace genkan::smtp
