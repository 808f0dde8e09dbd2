#include "smtp/submit.hpp"

#include "smtp/content.hpp"
#include "smtp/inbound/filter.hpp"
#include "smtp/inbound/intake.hpp"
#include "smtp/inbound/signing.hpp"
#include "smtp/trace.hpp"

namespace genkan::smtp {
namespace {

Result<std::string> failure(Errc code) {
  return Result<std::string>(boost::system::in_place_error, make_error_code(code));
}

// Syntax of every address, and whether any needs SMTPUTF8.
bool check_addresses(Envelope& envelope, std::string* why) {
  AddressView view;
  if (!envelope.sender.empty()) {
    if (parse_mailbox(envelope.sender, view) != AddressFault::none) {
      *why = "bad sender address: " + envelope.sender;
      return false;
    }
    envelope.utf8 = envelope.utf8 || view.non_ascii;
  }
  if (envelope.recipients.empty()) {
    *why = "no recipients";
    return false;
  }
  for (const auto& recipient : envelope.recipients) {
    if (parse_mailbox(recipient.address, view) != AddressFault::none) {
      *why = "bad recipient address: " + recipient.address;
      return false;
    }
    envelope.utf8 = envelope.utf8 || view.non_ascii;
  }
  return true;
}

net::Task<Result<std::string>> route_all(Front& front, const Envelope& envelope, std::vector<ItemMeta>& items,
                                         std::string* why) {
  for (const auto& recipient : envelope.recipients) {
    const auto resolution = co_await front.resolve(recipient.address, true);
    if (resolution.verdict == Verdict::accept) {
      add_targets(recipient, resolution.targets, items);
      continue;
    }
    const bool later = resolution.verdict == Verdict::try_later;
    *why = resolution.verdict == Verdict::relay_denied ? "no route to "
           : later                                     ? "cannot check now: "
                                                       : "no such user: ";
    *why += recipient.address;
    co_return failure(later ? Errc::unavailable : Errc::refused);
  }
  co_return Result<std::string>(std::string());
}

MilterSubject subject_of(const Submission& submission, const Plan& plan, const std::string& id) {
  MilterSubject subject;
  subject.hostname = plan.hostname();
  subject.id = id;
  subject.client_name = "localhost";
  const auto ip = base::IpAddress::parse(submission.client);
  subject.client = ip ? *ip : base::IpAddress::v4(0x7f000001);
  subject.helo = "webmail";
  subject.user = submission.user;
  subject.sender = submission.envelope.sender;
  for (const auto& recipient : submission.envelope.recipients) subject.recipients.push_back(recipient.address);
  return subject;
}

// Who handed it in, for Received and the mail log.
struct Hand {
  std::string_view helo, protocol;
};

Hand hand_of(Submission::Kind kind) {
  return kind == Submission::Kind::user ? Hand{"webmail", "HTTP"} : Hand{"localhost", "local"};
}

AuthTask task_of(Submission::Kind kind) {
  AuthTask task;
  // What is sent on keeps our own words about it.
  task.sign = task.strip = kind == Submission::Kind::user || kind == Submission::Kind::answer;
  return task;
}

}  // namespace

net::Task<Result<std::string>> submit_message(Front& front, Submission submission, std::string* why) {
  auto& envelope = submission.envelope;
  const auto plan = front.plan;
  if (!check_addresses(envelope, why)) co_return failure(Errc::malformed);
  if (submission.content.size() > plan->session.max_message ||
      envelope.recipients.size() > plan->session.max_recipients) {
    *why = "the message is too large or has too many recipients";
    co_return failure(Errc::too_large);
  }
  if (front.shared.spool.room() <= submission.content.size()) {
    *why = "no space in the mail queue";
    co_return failure(Errc::exhausted);
  }
  auto message = std::make_shared<StoredMessage>();
  auto& meta = message->meta;
  auto routed = co_await route_all(front, envelope, meta.items, why);
  if (!routed) co_return routed;
  const bool filtered = submission.kind == Submission::Kind::user && !plan->smtp().milters.empty();
  const auto hand = hand_of(submission.kind);
  meta.id = front.new_id(meta.items.size() + (filtered ? kFilterItems : 0));
  for (std::size_t i = 0; i < meta.items.size(); ++i) meta.items[i].id = meta.id + i;
  const auto name = id_text(meta.id);
  Intake intake(front.shared.spool, front.shared.files, front.loop, meta.id);
  TraceInput trace;
  trace.helo = hand.helo;
  trace.ip = submission.kind == Submission::Kind::user ? std::string_view(submission.client) : "127.0.0.1";
  trace.hostname = plan->hostname();
  trace.protocol = hand.protocol;
  trace.id = name;
  trace.now = WallClock::now();
  put_received(trace, intake.body());
  intake.mark_header();
  const bool binary = envelope.body == BodyType::binary;
  ContentReader reader(binary ? ContentReader::Framing::binary : ContentReader::Framing::chunks, BareNewline::mend,
                       plan->session.max_message);
  MessageAuth auth(plan->auth, task_of(submission.kind), wall_ms() / 1000);
  const std::string_view content = submission.content;
  constexpr std::size_t kPiece = 64 * 1024;
  for (std::size_t at = 0; at < content.size(); at += kPiece) {
    const auto had = intake.body().size();
    reader.feed(content.substr(at, kPiece), intake.body());
    auth.feed(std::string_view(intake.body()).substr(had));
    if (intake.full()) co_await intake.spill();
  }
  const auto had = intake.body().size();
  reader.finish_chunks(intake.body());
  auth.feed(std::string_view(intake.body()).substr(had));
  auth.finish();
  if (auth.header_too_large()) {
    *why = "the header of the message is too large";
    co_return failure(Errc::too_large);
  }
  auto header = auth.stripped();
  std::string none;
  if (header) co_await intake.put_fields(std::move(none), std::move(header), auth.header_size());
  bool changed = false;
  if (filtered) {
    auto subject = subject_of(submission, *plan, name);
    const auto result = co_await filter_message(front, std::move(subject), intake, envelope.sender, meta.items);
    if (result.kind != FilterResult::Kind::take) {
      *why = result.kind == FilterResult::Kind::refuse ? result.reply : "a filter threw the message away";
      co_return failure(result.reply.starts_with('4') ? Errc::unavailable : Errc::refused);
    }
    changed = result.changed;
    for (std::size_t i = 0; i < meta.items.size(); ++i) meta.items[i].id = meta.id + i;
  }
  if (auth.signs()) co_await sign_intake(front, intake, auth, changed);
  meta.arrival_ms = wall_ms();
  meta.dot_lines = reader.facts().dot_lines || changed;
  meta.eight_bit = reader.facts().eight_bit || changed;
  meta.origin.ip = submission.client;
  meta.origin.protocol = hand.protocol;
  meta.envelope = std::move(envelope);
  meta.envelope.recipients.clear();
  auto result = co_await intake.complete(*message);
  if (result) result = co_await front.shared.spool.append(front.loop, message, intake.arrival());
  if (!result) {
    intake.abandon();
    *why = "the message could not be stored: " + result.error().message();
    co_return Result<std::string>(boost::system::in_place_error, result.error());
  }
  front.shared.telemetry.log.info("mail submitted",
                                  {{"id", name}, {"from", meta.envelope.sender}, {"user", submission.user}});
  std::size_t recipients = 0;
  for (const auto& item : meta.items) recipients += item.recipients.size();
  front.shared.mail_log->write("accepted", {{"id", name},
                                            {"from", meta.envelope.sender},
                                            {"recipients", recipients},
                                            {"size", content.size()},
                                            {"client", submission.client},
                                            {"helo", hand.helo},
                                            {"protocol", hand.protocol},
                                            {"user", submission.user}});
  Dispatcher::submit(front.shared, message);
  co_return name;
}

}  // namespace genkan::smtp
