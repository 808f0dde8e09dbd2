// The part of a session that hands a message through to the next hop before it answers (before_queue).
//
// One transaction, one next hop: the first recipient that is taken decides whether the message goes through, and where
// to. A recipient that goes elsewhere, or into the queue, is told 452 4.5.3 and comes in a transaction of its own, as
// RFC 5321 4.5.3.1.10 lets clients do anyway. So every recipient has the true answer of who gets the mail, and no
// message is half delivered and half refused. An address that stands for several others is queued.
#include "smtp/delivery/mapped_file.hpp"
#include "smtp/inbound/server_session.hpp"
#include "smtp/offloaded.hpp"

namespace genkan::smtp {

net::Task<void> ServerSession::drop_passage() {
  if (!passage_) co_return;
  co_await passage_->end();
  passage_.reset();
}

net::Task<Want> ServerSession::take_recipient(std::string name, std::vector<Target> targets) {
  const bool first = session_.envelope().recipients.empty();
  const bool through = targets.size() == 1 && targets.front().before_queue;
  const bool together = through ? passage_ && passage_to_ == targets.front().destination : !passage_;
  if (first && !together) co_await drop_passage();
  if (!first && (!together || (through && passage_->lmtp()))) {
    co_return session_.recipient_refused(452, "4.5.3", "not together with the others, send to this one separately",
                                         out_);
  }
  if (!through) {
    resolved_[name] = std::move(targets);
    co_return session_.recipient_judged(Verdict::accept, out_);
  }
  const auto answer = co_await pass_recipient(name, targets);
  if (answer.front() == '2') {
    resolved_[name] = std::move(targets);
  } else {
    front_.metrics.recipients_refused.add();
  }
  co_return session_.recipient_answered(answer, out_);
}

// The next hop's word about one recipient.
net::Task<std::string> ServerSession::pass_recipient(const std::string& name, const std::vector<Target>& targets) {
  if (!passage_) {
    std::string why;
    auto& dispatcher = *front_.shared.dispatchers[front_.worker];
    auto opened = co_await Passage::open(dispatcher.lane(targets.front().destination), &why);
    if (!opened) co_return why;
    passage_ = std::move(opened);
    passage_to_ = targets.front().destination;
    auto envelope = session_.envelope();
    if (!envelope.sender.empty()) envelope.sender = plan_->aliases.rewritten(envelope.sender, AliasTable::Side::sender);
    auto answer = co_await passage_->mail(envelope);
    if (answer.front() != '2') {
      co_await drop_passage();
      co_return answer;
    }
  }
  Recipient recipient = session_.asked_recipient();
  recipient.address = name;
  std::vector<ItemMeta> items;
  add_targets(recipient, targets, items);
  co_return co_await passage_->rcpt(items.front().recipients.front());
}

net::Task<bool> ServerSession::pass_message(std::shared_ptr<StoredMessage> message, std::uint64_t size) {
  const auto& meta = message->meta;
  MappedFile large;
  std::string answer = "451 4.3.0 the message could not be kept while it came in, try again later";
  auto kept = co_await intake_->complete(*message);
  if (kept && meta.large_size != 0) {
    auto job = [path = front_.shared.spool.large_path(meta.id), octets = meta.large_size, crc = meta.large_crc] {
      return MappedFile::open(path, octets, crc);
    };
    auto mapped = co_await offloaded<MappedFile>(front_.shared.files, front_.loop, std::move(job));
    if (mapped) large = std::move(*mapped);
    if (!mapped) kept = mapped.error();
  }
  const auto content = meta.large_size != 0 ? large.text() : std::string_view(message->body);
  if (kept) answer = co_await passage_->content(meta.envelope, content, meta.dot_lines, meta.eight_bit);
  intake_->abandon();
  const auto id = id_text(meta.id);
  const bool taken = answer.front() == '2';
  std::size_t recipients = 0;
  for (const auto& item : meta.items) recipients += item.recipients.size();
  front_.shared.mail_log->write("passed", {{"id", id},
                                           {"from", meta.envelope.sender},
                                           {"to", meta.items.front().recipients.front().address},
                                           {"recipients", recipients},
                                           {"size", size},
                                           {"client", meta.origin.ip},
                                           {"helo", meta.origin.helo},
                                           {"remote", passage_->remote()},
                                           {"reply", answer}});
  if (taken) {
    front_.metrics.accepted.add();
    front_.metrics.passed.add();
    front_.metrics.octets.add(static_cast<std::int64_t>(size));
  } else {
    front_.metrics.refused.add();
  }
  const auto want = session_.filtered(answer, out_);
  co_await drop_passage();
  end_content();
  co_return want == Want::command;
}

}  // namespace genkan::smtp
