// The part of a session that asks who the client and the author really are (smtp/auth), and signs for our own.
#include "base/crypto.hpp"
#include "smtp/inbound/server_session.hpp"
#include "smtp/inbound/signing.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {
namespace {

net::Task<void> warm_text(net::Resolver& resolver, std::string name) {
  const auto answer = co_await resolver.txt(std::move(name));
  static_cast<void>(answer);  // it lies in the resolver's cache
}

net::Task<void> warm_names(net::Resolver& resolver, base::IpAddress ip) {
  const auto answer = co_await resolver.names(ip);
  static_cast<void>(answer);
}

// What will surely be asked at the end is asked while the content comes in.
void warm(net::Loop& loop, net::Resolver& resolver, const ClientQuestion& question, const conf::SmtpAuth& rules) {
  if (rules.reverse_dns != "off") net::spawn(loop, warm_names(resolver, question.ip));
  if (rules.spf == "off") return;
  if (is_spf_domain(question.helo)) net::spawn(loop, warm_text(resolver, question.helo));
  const auto domain = question.sender.substr(question.sender.rfind('@') + 1);
  if (!is_spf_domain(domain)) return;
  net::spawn(loop, warm_text(resolver, domain));
  if (rules.dmarc != "off") net::spawn(loop, warm_text(resolver, "_dmarc." + domain));
}

}  // namespace

// This host itself is no stranger: SPF and the name of 127.0.0.1 say nothing.
bool ServerSession::outside() const { return !exempt() && session_.user().empty() && !ip_.is_loopback(); }

ClientQuestion ServerSession::client_question() const {
  ClientQuestion question;
  question.ip = ip_;
  question.helo = session_.helo();
  question.sender = session_.envelope().sender;
  question.hostname = plan_->hostname();
  question.now = WallClock::now();
  return question;
}

// Once in a transaction: at the first recipient when that may be refused, else at the end of the content.
net::Task<void> ServerSession::ask_client(AuthDns& dns) {
  if (client_auth_) co_return;
  auto question = client_question();
  client_auth_ = co_await check_client(dns, std::move(question), plan_->auth->conf);
}

net::Task<bool> ServerSession::client_refused(Want& want) {
  const auto& rules = plan_->auth->conf;
  if (!outside() || !judges_at_rcpt(rules)) co_return false;
  auto& resolver = front_.shared.dispatchers[front_.worker]->resolver();
  ResolverDns dns(front_.loop, resolver, front_.loop.now() + rules.timeout);
  co_await ask_client(dns);
  const auto refusal = refusal_of(*client_auth_, client_question(), rules);
  if (!refusal) co_return false;
  want = session_.recipient_refused(refusal->code, refusal->status, refusal->text, out_);
  co_return true;
}

void ServerSession::begin_auth() {
  AuthTask task;
  task.verify = outside();
  task.strip = !trusted_ && !plan_->allow_from.contains(ip_);
  task.sign = !plan_->auth->keys.empty() && (trusted_ || !session_.user().empty());
  task.seal = task.verify && plan_->auth->seal && goes_on(items_);
  if (task.verify && !client_auth_) {
    auto& resolver = front_.shared.dispatchers[front_.worker]->resolver();
    warm(front_.loop, resolver, client_question(), plan_->auth->conf);
  }
  if (task.any()) auth_ = std::make_unique<MessageAuth>(plan_->auth, task, wall_ms() / 1000);
}

// What the reader stores of these octets, the checks see too.
std::size_t ServerSession::feed_content(std::string_view octets) {
  auto& body = intake_->body();
  const auto had = body.size();
  const auto used = reader_->feed(octets, body);
  if (auth_) auth_->feed(std::string_view(body).substr(had));
  return used;
}

net::Task<FilterResult> ServerSession::authenticate() {
  FilterResult result;
  auth_->finish();
  if (auth_->header_too_large()) {
    result.kind = FilterResult::Kind::refuse;
    result.reply = "552 5.3.4 the header of the message is too large";
    co_return result;
  }
  AuthVerdict verdict;
  if (outside()) {
    auto& resolver = front_.shared.dispatchers[front_.worker]->resolver();
    ResolverDns dns(front_.loop, resolver, front_.loop.now() + plan_->auth->conf.timeout);
    co_await ask_client(dns);
    const auto dice = static_cast<unsigned>(base::random_u64() % 100);
    auto question = client_question();
    verdict = co_await auth_->judge(dns, *client_auth_, std::move(question), dice);
  }
  if (verdict.kind == AuthVerdict::Kind::refuse) {
    result.kind = FilterResult::Kind::refuse;
    result.reply = std::move(verdict.reply);
    co_return result;
  }
  auto header = auth_->stripped();
  if (!verdict.fields.empty() || header)
    co_await intake_->put_fields(std::move(verdict.fields), std::move(header), auth_->header_size());
  co_return result;
}

net::Task<void> ServerSession::sign_content(bool changed) { co_await sign_intake(front_, *intake_, *auth_, changed); }

void ServerSession::note_findings(const std::string& id) {
  if (!outside() || auth_->header_too_large()) return;
  const auto& f = auth_->findings();
  if (f.dmarc.result == DmarcAnswer::Result::fail) front_.metrics.dmarc_failures.add();
  bool unanswered = f.client.spf.result == SpfResult::temperror || f.dmarc.result == DmarcAnswer::Result::temperror;
  std::string dkim;
  for (const auto& one : f.dkim) {
    unanswered = unanswered || one.check.result == SignatureResult::temperror;
    dkim += dkim.empty() ? "" : " ";
    dkim += word_of(one.check.result);
    dkim += ":" + one.signature.domain;
  }
  if (unanswered) front_.metrics.auth_dns_failures.add();
  front_.shared.mail_log->write("authenticated", {{"id", id},
                                                  {"client", ip_text_},
                                                  {"name", f.client.reverse == NameCheck::pass ? f.client.name : ""},
                                                  {"spf", f.client.spf_asked ? word_of(f.client.spf.result) : ""},
                                                  {"dkim", dkim},
                                                  {"dmarc", f.dmarc_asked ? word_of(f.dmarc.result) : ""},
                                                  {"domain", f.dmarc.domain},
                                                  {"arc", f.arc_asked ? word_of(f.arc.result) : ""}});
}

}  // namespace genkan::smtp
