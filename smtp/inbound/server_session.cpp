#include "smtp/inbound/server_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "smtp/reply.hpp"
#include "smtp/trace.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kCommandRead = 4096;
constexpr std::uint64_t kMinRate = 1024;  // octets of content a second
constexpr Duration kLinger = std::chrono::seconds(2);

bool is_trusted(const conf::Smtp& conf, const base::IpAddress& ip) {
  return std::any_of(conf.relay_from.begin(), conf.relay_from.end(), [&](const auto& net) { return net.contains(ip); });
}

}  // namespace

ServerSession::ServerSession(Front& front, std::unique_ptr<net::Transport> transport)
    : front_(front),
      transport_(std::move(transport)),
      plan_(front.plan),
      session_(plan_->session),
      ip_(transport_->peer().ip),
      ip_text_(ip_.text()),
      trusted_(is_trusted(plan_->smtp(), ip_)) {
  front_.sessions.insert(this);
  front_.metrics.connections.add(1);
  front_.metrics.sessions.add();
}

ServerSession::~ServerSession() {
  if (counted_) front_.counts.leave(ip_);
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
  bool open = co_await greet();
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

net::Task<bool> ServerSession::greet() {
  counted_ = front_.counts.enter(ip_, plan_->smtp().max_connections_per_address);
  char first = 0;
  if (front_.limit && front_.limit->open > plan_->smtp().max_connections) {
    put_reply(out_, 421, "4.3.2", plan_->hostname() + " too many connections");
  } else if (!counted_) {
    put_reply(out_, 421, "4.7.0", plan_->hostname() + " too many connections from your address");
  } else if (::recv(transport_->fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
    // A client waits for the greeting (RFC 5321 3.1); one that does not is no mail server.
    put_reply(out_, 554, "5.5.1", plan_->hostname() + " you talked before the greeting");
  } else {
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
  if (line.kind == LineResult::Kind::bad) {
    want = session_.bad_line(line.fault, out_);
  } else {
    Moment moment;
    moment.more_buffered = buffered().size() > line.used;
    moment.room = front_.shared.spool.room();
    want = session_.line(line.line, moment, out_);
    if (want == Want::recipient) {
      const auto verdict = co_await judge(session_.asked());
      if (verdict != Verdict::accept) front_.metrics.recipients_refused.add();
      want = session_.recipient_judged(verdict, out_);
    }
  }
  consume(line.used);
  if (want == Want::command) co_return true;
  co_return co_await follow(want);
}

net::Task<Verdict> ServerSession::judge(AddressView address) {
  const auto route = plan_->router.route(address.domain, trusted_);
  if (route.kind == Route::Kind::refuse) co_return Verdict::relay_denied;
  if (route.kind == Route::Kind::relay || is_postmaster(address)) co_return Verdict::accept;
  auto user = local_user(address.text, plan_->router);
  co_return co_await front_.judge_local(std::move(user));
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

void ServerSession::group_recipients() {
  items_.clear();
  for (const auto& recipient : session_.envelope().recipients) {
    const auto route = plan_->router.route(domain_of(recipient.address), true);
    const auto same = [&](const ItemMeta& item) { return item.destination == route.destination; };
    auto item = std::find_if(items_.begin(), items_.end(), same);
    if (item == items_.end()) {
      item = items_.emplace(items_.end());
      item->destination = route.destination;
    }
    item->recipients.push_back(recipient);
  }
}

void ServerSession::begin_content(ContentReader::Framing framing) {
  group_recipients();
  const auto id = front_.new_id(items_.size());
  for (std::size_t i = 0; i < items_.size(); ++i) items_[i].id = id + i;
  intake_ = std::make_unique<Intake>(front_.shared.spool, front_.shared.files, front_.loop, id);
  reader_.emplace(framing, plan_->session.bare_newline, plan_->session.max_message);
  const auto name = id_text(id);
  const auto& recipients = session_.envelope().recipients;
  TraceInput trace;
  trace.helo = session_.helo();
  trace.ip = ip_text_;
  trace.hostname = plan_->hostname();
  trace.protocol = session_.protocol();
  trace.id = name;
  if (recipients.size() == 1) trace.only_recipient = recipients.front().address;
  trace.now = WallClock::now();
  put_received(trace, intake_->body());
  intake_->mark_header();
}

void ServerSession::end_content() noexcept {
  intake_.reset();
  reader_.reset();
  items_.clear();
  receiving_ = false;
}

// Reads content until the end of data, or `limit` octets. False: the connection is lost or the client is too slow.
net::Task<bool> ServerSession::read_content(std::uint64_t limit) {
  const auto start = front_.loop.now();
  const auto grace = start + plan_->smtp().data_timeout;
  std::uint64_t taken = 0;
  receiving_ = true;
  while (taken < limit && !reader_->done()) {
    if (!buffered().empty()) {
      const auto used = reader_->feed(buffered().substr(0, limit - taken), intake_->body());
      consume(used);
      taken += used;
    } else {
      transport_->read_deadline(grace + std::chrono::seconds(taken / kMinRate));
      auto ready = co_await transport_->readable();
      if (!ready) co_return give_up(ready.error());
      auto buffer = front_.take_buffer();
      const auto want = std::min<std::uint64_t>(Front::kBuffer, limit - taken);
      auto got = co_await transport_->read_some(buffer.get(), want);
      if (!got || *got == 0) {
        front_.give_buffer(std::move(buffer));
        co_return got ? false : give_up(got.error());
      }
      const auto used = reader_->feed(std::string_view(buffer.get(), *got), intake_->body());
      if (used < *got) in_.assign(buffer.get() + used, *got - used);
      taken += used;
      front_.give_buffer(std::move(buffer));
    }
    if (reader_->hopeless()) {
      put_reply(out_, 552, "5.3.4", "message far too large, closing");
      co_return false;
    }
    if (intake_->full()) co_await intake_->spill();
  }
  receiving_ = false;
  co_return true;
}

net::Task<bool> ServerSession::receive_content() {
  begin_content(ContentReader::Framing::dots);
  const bool sent = co_await flush();
  if (!sent) co_return false;
  const bool complete = co_await read_content(UINT64_MAX);
  if (!complete) co_return false;
  const auto want = session_.content_ended(reader_->facts(), intake_->received(), out_);
  if (want == Want::store) co_return co_await store();
  front_.metrics.refused.add();
  end_content();
  co_return want == Want::command;
}

net::Task<bool> ServerSession::swallow(std::uint64_t count) {
  const auto at_hand = std::min<std::uint64_t>(count, buffered().size());
  consume(at_hand);
  count -= at_hand;
  const auto grace = front_.loop.now() + plan_->smtp().data_timeout;
  auto buffer = front_.take_buffer();
  bool alive = true;
  while (alive && count > 0) {
    transport_->read_deadline(grace);
    auto got = co_await transport_->read_some(buffer.get(), std::min<std::uint64_t>(Front::kBuffer, count));
    alive = got.has_value() && *got > 0;
    if (alive) count -= *got;
  }
  front_.give_buffer(std::move(buffer));
  co_return alive;
}

net::Task<bool> ServerSession::receive_chunk() {
  if (!session_.chunk_wanted()) {
    end_content();
    co_return co_await swallow(session_.chunk_size());
  }
  if (session_.first_chunk()) begin_content(ContentReader::Framing::chunks);
  const bool complete = co_await read_content(session_.chunk_size());
  if (!complete) co_return false;
  if (session_.last_chunk()) reader_->finish_chunks(intake_->body());
  const auto received = session_.last_chunk() ? intake_->received() : 0;
  const auto want = session_.chunk_ended(reader_->facts(), received, out_);
  if (want == Want::store) co_return co_await store();
  if (session_.last_chunk()) {
    front_.metrics.refused.add();
    end_content();
  }
  co_return want == Want::command;
}

net::Task<bool> ServerSession::store() {
  auto& log = front_.shared.telemetry.log;
  auto message = std::make_shared<StoredMessage>();
  auto& meta = message->meta;
  const auto facts = reader_->facts();
  meta.id = intake_->id();
  meta.arrival_ms = wall_ms();
  meta.envelope = session_.envelope();
  meta.envelope.recipients.clear();
  meta.origin.ip = ip_text_;
  meta.origin.helo = session_.helo();
  meta.origin.protocol = session_.protocol();
  meta.dot_lines = facts.dot_lines;
  meta.eight_bit = facts.eight_bit;
  meta.items = std::move(items_);
  const auto name = id_text(meta.id);
  auto result = co_await intake_->complete(*message);
  if (result) result = co_await front_.shared.spool.append(front_.loop, message, intake_->arrival());
  if (result) {
    front_.metrics.accepted.add();
    front_.metrics.octets.add(static_cast<std::int64_t>(facts.size));
    log.info("mail accepted", {{"id", name},
                               {"from", meta.envelope.sender},
                               {"to", meta.items.front().recipients.front().address},
                               {"size", facts.size},
                               {"client", ip_text_},
                               {"helo", session_.helo()}});
    Dispatcher::submit(front_.shared, message);
  } else {
    intake_->abandon();
    log.error("a message could not be stored", {{"id", name}, {"why", result.error().message()}});
  }
  const auto code = result.has_value() ? Error() : result.error();
  const bool full = code == boost::system::errc::no_space_on_device || code == make_error_code(Errc::exhausted) ||
                    code == Error(EDQUOT, boost::system::system_category());
  const auto want = session_.stored(result.has_value(), full, name, out_);
  end_content();
  co_return want == Want::command;
}

}  // namespace genkan::smtp
