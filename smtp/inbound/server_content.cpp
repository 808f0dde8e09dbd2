// The part of a session that takes content: from DATA or BDAT into the spool.
#include <algorithm>
#include <cerrno>

#include "smtp/inbound/server_session.hpp"
#include "smtp/reply.hpp"
#include "smtp/trace.hpp"

namespace genkan::smtp {
namespace {

constexpr std::uint64_t kMinRate = 1024;  // octets of content a second

// A quarantine is a place in the queue, and this message goes past it.
FilterResult no_place_to_hold() {
  FilterResult result;
  result.kind = FilterResult::Kind::refuse;
  result.reply = "550 5.7.1 the message is refused by a filter";
  return result;
}

}  // namespace

void ServerSession::group_recipients() {
  items_.clear();
  for (const auto& recipient : session_.envelope().recipients) {
    add_targets(recipient, resolved_[recipient.address], items_);
  }
}

void ServerSession::begin_content(ContentReader::Framing framing) {
  group_recipients();
  const auto id = front_.new_id(items_.size() + (plan_->smtp().milters.empty() ? 0 : kFilterItems));
  for (std::size_t i = 0; i < items_.size(); ++i) items_[i].id = id + i;
  intake_ = std::make_unique<Intake>(front_.shared.spool, front_.shared.files, front_.loop, id);
  reader_.emplace(framing, plan_->session.bare_newline, plan_->session.max_message);
  const auto name = id_text(id);
  const auto& recipients = session_.envelope().recipients;
  const auto origin_ip = forwarded_.addr ? forwarded_.addr->text() : ip_text_;
  TraceInput trace;
  trace.helo = forwarded_.helo ? *forwarded_.helo : session_.helo();
  trace.ip = origin_ip;
  trace.hostname = plan_->hostname();
  trace.protocol = session_.protocol();
  trace.id = name;
  if (recipients.size() == 1) trace.only_recipient = recipients.front().address;
  trace.now = WallClock::now();
  put_received(trace, intake_->body());
  intake_->mark_header();
  begin_auth();
}

void ServerSession::end_content() noexcept {
  intake_.reset();
  reader_.reset();
  auth_.reset();
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
      const auto used = feed_content(buffered().substr(0, limit - taken));
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
      const auto used = feed_content(std::string_view(buffer.get(), *got));
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
  const auto said = out_.size();
  const auto want = session_.content_ended(reader_->facts(), intake_->received(), out_);
  note_refusal("content", said);
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
  if (session_.first_chunk()) {
    const bool binary = session_.envelope().body == BodyType::binary;
    begin_content(binary ? ContentReader::Framing::binary : ContentReader::Framing::chunks);
  }
  const bool complete = co_await read_content(session_.chunk_size());
  if (!complete) co_return false;
  if (session_.last_chunk()) {
    const auto had = intake_->body().size();
    reader_->finish_chunks(intake_->body());
    if (auth_) auth_->feed(std::string_view(intake_->body()).substr(had));
  }
  const auto received = session_.last_chunk() ? intake_->received() : 0;
  const auto said = out_.size();
  const auto want = session_.chunk_ended(reader_->facts(), received, out_);
  note_refusal("content", said);
  if (want == Want::store) co_return co_await store();
  if (session_.last_chunk()) {
    front_.metrics.refused.add();
    end_content();
  }
  co_return want == Want::command;
}

void ServerSession::note_accepted(const StoredMessage& message, std::uint64_t size) {
  const auto& meta = message.meta;
  const auto id = id_text(meta.id);
  std::size_t recipients = 0;
  for (const auto& item : meta.items) recipients += item.recipients.size();
  front_.shared.mail_log->write("accepted", {{"id", id},
                                             {"from", meta.envelope.sender},
                                             {"recipients", recipients},
                                             {"size", size},
                                             {"client", meta.origin.ip},
                                             {"helo", meta.origin.helo},
                                             {"protocol", meta.origin.protocol},
                                             {"user", session_.user()}});
}

// A refusal stands at `from` in what is to be sent.
void ServerSession::note_refusal(std::string_view command, std::size_t from) {
  if (from >= out_.size() || (out_[from] != '4' && out_[from] != '5')) return;
  const auto reply = std::string_view(out_).substr(from, out_.find('\r', from) - from);
  front_.shared.mail_log->write("refused", {{"client", ip_text_},
                                            {"helo", session_.helo()},
                                            {"from", session_.envelope().sender},
                                            {"command", command.substr(0, 300)},
                                            {"reply", reply}});
}

MilterSubject ServerSession::filter_subject(const std::string& id) {
  MilterSubject subject;
  subject.hostname = plan_->hostname();
  subject.id = id;
  subject.client = ip_;
  subject.client_name = "[" + ip_text_ + "]";
  subject.helo = session_.helo();
  subject.user = session_.user();
  if (const auto* tls = transport_->tls()) subject.tls_version = tls->version();
  subject.sender = session_.envelope().sender;
  for (const auto& recipient : session_.envelope().recipients) subject.recipients.push_back(recipient.address);
  return subject;
}

// What a filter refused, or wants to be thrown away as if it had been taken.
bool ServerSession::not_taken(const FilterResult& result, const std::string& id) {
  const bool discard = result.kind == FilterResult::Kind::discard;
  const auto said = out_.size();
  const auto want = session_.filtered(discard ? "250 2.0.0 queued as " + id : result.reply, out_);
  if (discard) {
    front_.shared.mail_log->write("discarded", {{"id", id}, {"client", ip_text_}});
  } else {
    front_.metrics.refused.add();
    note_refusal("content", said);
  }
  end_content();
  return want == Want::command;
}

// A filter's quarantine: stored, and delivered when an operator releases it.
void ServerSession::hold_all(const StoredMessage& message) {
  for (const auto& item : message.meta.items) {
    ItemState state;
    state.id = item.id;
    state.held = true;
    state.recipients.resize(item.recipients.size());
    front_.shared.spool.update(std::move(state));
  }
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
  if (!meta.envelope.sender.empty())
    meta.envelope.sender = plan_->aliases.rewritten(meta.envelope.sender, AliasTable::Side::sender);
  meta.origin.ip = forwarded_.addr ? forwarded_.addr->text() : ip_text_;
  meta.origin.helo = forwarded_.helo ? *forwarded_.helo : session_.helo();
  meta.origin.protocol = session_.protocol();
  meta.dot_lines = facts.dot_lines;
  meta.eight_bit = facts.eight_bit;
  const auto name = id_text(meta.id);
  bool hold = false, changed = false;
  if (auth_) {
    const auto judged = co_await authenticate();
    note_findings(name);
    if (judged.kind != FilterResult::Kind::take) co_return not_taken(judged, name);
  }
  if (!plan_->smtp().milters.empty() && meta.envelope.body != BodyType::binary) {
    auto subject = filter_subject(name);
    const auto filtered = co_await filter_message(front_, std::move(subject), *intake_, meta.envelope.sender, items_);
    if (filtered.kind != FilterResult::Kind::take) co_return not_taken(filtered, name);
    if (passage_ && filtered.hold) co_return not_taken(no_place_to_hold(), name);
    meta.dot_lines = meta.dot_lines || filtered.changed;
    meta.eight_bit = meta.eight_bit || filtered.changed;
    hold = filtered.hold;
    changed = filtered.changed;
    for (std::size_t i = 0; i < items_.size(); ++i) items_[i].id = meta.id + i;
  }
  if (auth_ && auth_->signs()) co_await sign_content(changed);
  meta.items = std::move(items_);
  if (passage_) co_return co_await pass_message(message, facts.size);
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
    note_accepted(*message, facts.size);
    if (hold) {
      hold_all(*message);
    } else {
      Dispatcher::submit(front_.shared, message);
    }
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
