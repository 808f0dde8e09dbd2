#include "smtp/inbound/server_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "smtp/offloaded.hpp"
#include "smtp/reply.hpp"
#include "smtp/trace.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kCommandRead = 4096;
constexpr Duration kLinger = std::chrono::seconds(2);
constexpr Duration kLoginPause = std::chrono::seconds(1);  // after a failed login: guessing takes time

}  // namespace

ServerSession::ServerSession(Front& front, std::shared_ptr<const Entrance> entrance,
                             std::unique_ptr<net::Transport> transport)
    : front_(front),
      transport_(std::move(transport)),
      plan_(front.plan),
      session_(plan_->session),
      entrance_(std::move(entrance)) {
  become(transport_->peer().ip);
  front_.sessions.insert(this);
  front_.metrics.connections.add(1);
  front_.metrics.sessions.add();
}

ServerSession::~ServerSession() {
  if (counted_) front_.counts.leave(counted_ip_);
  if (network_counted_) front_.limits->networks.leave(net::network_of(counted_ip_));
  front_.sessions.erase(this);
  front_.metrics.connections.add(-1);
  if (front_.limit) --front_.limit->open;
}

net::Task<void> ServerSession::serve(std::unique_ptr<ServerSession> session) { co_await session->run(); }

void ServerSession::drain() noexcept {
  if (!receiving_) transport_->cancel_read();
}

void ServerSession::consume(std::size_t count) {
  in_at_ += count;
  if (in_at_ < in_.size()) return;
  in_ = std::string();  // an idle session holds no buffer
  in_at_ = 0;
}

net::Task<void> ServerSession::run() {
  transport_->write_timeout(plan_->smtp().command_timeout);
  bool open = co_await enter();
  while (open) {
    const auto line = splitter_.next(buffered());
    if (line.kind == LineResult::Kind::need_more) {
      consume(line.used);
      open = co_await fill();
    } else {
      open = co_await one_line(line);
    }
  }
  co_await linger();
  transport_->close();
}

// Who the client is decides what he may do.
void ServerSession::become(const base::IpAddress& ip) {
  ip_ = ip;
  ip_text_ = ip.text();
  trusted_ = plan_->relay_from.contains(ip_);
  SessionRole role;
  role.submission = entrance_->submission;
  role.proxy = plan_->xclient_from.contains(ip_);
  session_.set_role(role);
}

// What comes before the greeting: the PROXY header, TLS.
net::Task<bool> ServerSession::enter() {
  bool early = false;
  if (entrance_->proxy_from.contains(ip_)) {
    auto header = co_await take_proxy_header(*transport_, plan_->smtp().command_timeout);
    if (!header) {
      front_.shared.telemetry.log.warning("a mail proxy sent no valid PROXY header", {{"proxy", ip_text_}});
      co_return false;
    }
    early = *header && !entrance_->implicit_tls;
    become(transport_->peer().ip);
  }
  if (entrance_->implicit_tls) {
    if (!plan_->tls_server) co_return false;
    transport_->read_deadline(front_.loop.now() + plan_->smtp().command_timeout);
    auto done = co_await transport_->handshake(plan_->tls_server->accept());
    if (!done) co_return false;
    session_.tls_from_the_start();
  }
  if (!early && !exempt()) {
    if (plan_->deny_from.contains(ip_)) {
      put_reply(out_, 554, "5.7.1", plan_->hostname() + " takes no mail from your address");
      note_refusal("connect", 0);
      const bool sent = co_await flush();
      (void)sent;
      co_return false;
    }
    early = co_await screen();
  }
  co_return co_await greet(early);
}

net::Task<bool> ServerSession::greet(bool early) {
  counted_ip_ = ip_;
  counted_ = front_.counts.enter(ip_, plan_->smtp().max_connections_per_address);
  const auto most = plan_->smtp().max_connections_per_network;
  network_counted_ = counted_ && front_.limits->networks.enter(net::network_of(ip_), most);
  char first = 0;
  if (front_.limit && front_.limit->open > plan_->smtp().max_connections) {
    put_reply(out_, 421, "4.3.2", plan_->hostname() + " too many connections");
  } else if (!counted_) {
    put_reply(out_, 421, "4.7.0", plan_->hostname() + " too many connections from your address");
  } else if (!network_counted_) {
    put_reply(out_, 421, "4.7.0", plan_->hostname() + " too many connections from your network");
  } else if (early || (!transport_->tls() && ::recv(transport_->fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0)) {
    // A client waits for the greeting (RFC 5321 3.1); one that does not is no mail server.
    put_reply(out_, 554, "5.5.1", plan_->hostname() + " you talked before the greeting");
  } else if (yields() == YieldLevel::refuse) {
    front_.metrics.yielded.add();
    put_reply(out_, 421, "4.3.2", plan_->hostname() + " busy now, try again later");
  } else {
    co_await hold_up();
    session_.greet(out_);
    co_return co_await flush();
  }
  const bool sent = co_await flush();
  (void)sent;
  co_return false;
}

net::Task<bool> ServerSession::flush() {
  if (out_.empty()) co_return true;
  auto sent = co_await transport_->write(out_);
  out_.clear();
  co_return sent.has_value();
}

// Sends what is to be said, then waits for more of the client's words. False: the session is over.
net::Task<bool> ServerSession::fill() {
  const bool sent = co_await flush();
  if (!sent) co_return false;
  if (front_.draining) {
    session_.shutting_down(out_);
    co_return false;
  }
  if (in_.empty()) transport_->read_deadline(front_.loop.now() + plan_->smtp().command_timeout);
  auto ready = co_await transport_->readable();
  if (!ready) co_return give_up(ready.error());
  if (in_at_ > 0) {
    in_.erase(0, in_at_);
    in_at_ = 0;
  }
  const auto had = in_.size();
  in_.resize(had + kCommandRead);
  auto got = co_await transport_->read_some(in_.data() + had, kCommandRead);
  in_.resize(had + (got ? *got : 0));
  if (!got) co_return give_up(got.error());
  co_return *got > 0;
}

// The last words for a client that we no longer listen to. Always false: the session is over.
bool ServerSession::give_up(const Error& error) {
  if (error == make_error_code(Errc::timed_out)) {
    session_.timed_out(out_);
  } else if (front_.draining && !receiving_) {
    session_.shutting_down(out_);
  }
  return false;
}

net::Task<bool> ServerSession::one_line(LineResult line) {
  Want want = Want::command;
  const auto said = out_.size();
  const bool secret = session_.logging_in() || base::istarts_with(line.line, "AUTH");
  if (line.kind == LineResult::Kind::bad) {
    want = session_.bad_line(line.fault, out_);
  } else {
    Moment moment;
    moment.more_buffered = buffered().size() > line.used;
    moment.room = front_.shared.spool.room();
    moment.busy = yields() == YieldLevel::refuse;
    const bool waits = base::istarts_with(line.line, "MAIL") || base::istarts_with(line.line, "DATA");
    want = session_.line(line.line, moment, out_);
    if (waits) co_await hold_up();
    if (!session_.in_transaction()) {
      sender_counted_ = false;
      co_await drop_passage();
    }
    if (want == Want::recipient) {
      want = co_await judge(session_.asked());
    } else if (want == Want::login) {
      want = co_await check_login();
    } else if (want == Want::claim) {
      believe_claim();
      if (session_.claim_is_client() && !exempt()) co_await look_up();
      want = Want::command;
    }
  }
  note_refusal(secret ? std::string_view("AUTH") : line.line, said);
  consume(line.used);
  if (want == Want::command) co_return true;
  co_return co_await follow(want);
}

net::Task<Want> ServerSession::check_login() {
  auto& shared = front_.shared;
  const auto& check = shared.hooks.check_login;
  const auto credentials = session_.credentials();
  auto verdict = LoginVerdict::bad;
  std::string account;
  if (check) {
    auto job = [&check, credentials] { return check(credentials.user, credentials.password); };
    auto answer = co_await offloaded<std::string>(shared.files, front_.loop, job);
    if (answer) {
      verdict = LoginVerdict::good;
      account = std::move(*answer);
    } else if (answer.error() != make_error_code(Errc::refused)) {
      verdict = LoginVerdict::try_later;
    }
  }
  if (verdict != LoginVerdict::good) {
    shared.telemetry.log.notice("a login to send mail failed", {{"user", credentials.user}, {"client", ip_text_}});
    co_await net::sleep_for(front_.loop, kLoginPause);
  }
  co_return session_.login_judged(verdict, std::move(account), out_);
}

void ServerSession::believe_claim() {
  const auto& claim = session_.claim();
  if (!session_.claim_is_client()) {
    forwarded_ = claim;
    return;
  }
  forwarded_ = ClientClaim();
  if (claim.addr) become(*claim.addr);
}

net::Task<Want> ServerSession::judge(AddressView address) {
  if (session_.envelope().recipients.empty()) {
    resolved_.clear();
    client_auth_.reset();
    message_counted_ = false;
  }
  const std::string name(address.text);
  auto want = Want::command;
  const bool held = co_await held_back(address, want);
  if (held) {
    front_.metrics.recipients_refused.add();
    co_return want;
  }
  auto resolution = co_await front_.resolve(name, trusted_ || !session_.user().empty());
  if (resolution.verdict == Verdict::accept && too_much_for(address)) {
    front_.metrics.recipients_refused.add();
    co_return session_.recipient_refused(450, "4.2.1", "too much mail for this recipient, try again later", out_);
  }
  if (resolution.verdict == Verdict::accept) co_return co_await take_recipient(name, std::move(resolution.targets));
  front_.metrics.recipients_refused.add();
  co_return session_.recipient_judged(resolution.verdict, out_);
}

net::Task<bool> ServerSession::follow(Want want) {
  switch (want) {
    case Want::content:
      co_return co_await receive_content();
    case Want::chunk:
      co_return co_await receive_chunk();
    case Want::start_tls:
      co_return co_await start_tls();
    default:
      break;
  }
  const bool sent = co_await flush();
  (void)sent;
  co_return false;
}

// After the last word the client may still be sending; closing at once would reset the connection and take our reply
// back before it is read.
net::Task<void> ServerSession::linger() {
  const bool sent = co_await flush();
  if (!sent || (transport_->read_would_block() && in_.empty())) co_return;
  transport_->shutdown_write();
  transport_->read_deadline(front_.loop.now() + kLinger);
  auto buffer = front_.take_buffer();
  for (;;) {
    auto got = co_await transport_->read_some(buffer.get(), Front::kBuffer);
    if (!got || *got == 0) break;
  }
  front_.give_buffer(std::move(buffer));
}

net::Task<bool> ServerSession::start_tls() {
  const bool sent = co_await flush();
  if (!sent) co_return false;
  // What came in the clear behind STARTTLS may be another's (RFC 3207 4.2): it is dropped.
  in_ = std::string();
  in_at_ = 0;
  splitter_.reset();
  transport_->read_deadline(front_.loop.now() + plan_->smtp().command_timeout);
  auto done = co_await transport_->handshake(plan_->tls_server->accept());
  if (!done) co_return false;
  session_.tls_started();
  co_return true;
}

}  // namespace genkan::smtp
