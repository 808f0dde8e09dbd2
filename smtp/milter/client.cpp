#include "smtp/milter/client.hpp"

#include "base/text.hpp"
#include "net/connect.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxChanges = 10'000;
constexpr std::size_t kMaxChangedOctets = 128u << 20;
constexpr std::size_t kSendAt = 64 * 1024;  // header packets are gathered up to here

std::string c_string(std::string_view text) { return std::string(text) + '\0'; }
std::string path(std::string_view address) { return "<" + std::string(address) + ">" + '\0'; }

}  // namespace

net::Task<Result<MilterOutcome>> MilterClient::check(base::Endpoint to, const MilterSubject& subject,
                                                     std::string* why) {
  auto connected = co_await net::connect(loop_, std::move(to), loop_.now() + timeout_);
  if (!connected) {
    *why = connected.error().message();
    co_return Result<MilterOutcome>(boost::system::in_place_error, connected.error());
  }
  transport_ = std::move(*connected);
  transport_->write_timeout(timeout_);
  auto done = co_await converse(subject);
  if (!done) {
    *why = done.error().message();
    transport_->close();
    co_return Result<MilterOutcome>(boost::system::in_place_error, done.error());
  }
  const auto goodbye = milter_packet('Q');
  auto sent = co_await transport_->write(goodbye);
  (void)sent;
  transport_->close();
  co_return std::move(outcome_);
}

net::Task<Result<void>> MilterClient::converse(const MilterSubject& subject) {
  const auto offer = milter_negotiation();
  auto sent = co_await transport_->write(offer);
  if (!sent) co_return sent.error();
  auto packet = co_await read_packet();
  if (!packet) co_return packet.error();
  const auto steps = read_negotiation(*packet);
  if (!steps) co_return steps.error();
  steps_ = *steps;
  outcome_.leading_space = !wants(kLeadingSpace);
  auto done = co_await introduce(subject);
  if (done && !decided()) done = co_await envelope(subject);
  if (done && !decided()) done = co_await content(subject);
  co_return done;
}

net::Task<Result<void>> MilterClient::introduce(const MilterSubject& subject) {
  Result<void> done;
  if (wants(kNoConnect)) {
    auto packets = milter_macros('C', {{"j", subject.hostname}, {"{daemon_name}", "genkan"}, {"v", "Genkan"}});
    packets += milter_connect(subject.client_name, subject.client, 0);
    done = co_await step(std::move(packets), !wants(kSilentConnect));
  }
  if (done && !decided() && wants(kNoHelo)) {
    auto packets = milter_macros('H', {{"{tls_version}", subject.tls_version}});
    packets += milter_packet('H', c_string(subject.helo));
    done = co_await step(std::move(packets), !wants(kSilentHelo));
  }
  co_return done;
}

net::Task<Result<void>> MilterClient::envelope(const MilterSubject& subject) {
  Result<void> done;
  if (wants(kNoMail)) {
    auto packets =
        milter_macros('M', {{"i", subject.id}, {"{auth_authen}", subject.user}, {"{mail_addr}", subject.sender}});
    packets += milter_packet('M', path(subject.sender));
    done = co_await step(std::move(packets), !wants(kSilentMail));
  }
  for (const auto& recipient : subject.recipients) {
    if (!done || decided() || !wants(kNoRcpt)) break;
    auto packets = milter_macros('R', {{"{rcpt_addr}", recipient}});
    packets += milter_packet('R', path(recipient));
    done = co_await step(std::move(packets), !wants(kSilentRcpt));
  }
  if (done && !decided() && wants(kNoData)) done = co_await step(milter_packet('T'), !wants(kSilentData));
  co_return done;
}

net::Task<Result<void>> MilterClient::content(const MilterSubject& subject) {
  std::size_t body_at = 0;
  const auto fields = header_fields(subject.content, body_at);
  Result<void> done;
  std::string packets;
  for (const auto& field : fields) {
    if (!wants(kNoHeaders) || !done || decided()) break;
    const std::string_view value = field.value;
    const bool trim = wants(kLeadingSpace) && value.starts_with(' ');
    packets += milter_packet('L', c_string(field.name) + c_string(trim ? value.substr(1) : value));
    if (!wants(kSilentHeader) && packets.size() < kSendAt) continue;
    done = co_await step(std::move(packets), !wants(kSilentHeader));
    packets.clear();
  }
  if (!done || decided()) co_return done;
  if (wants(kNoEoh)) {
    packets += milter_packet('N');
    done = co_await step(std::move(packets), !wants(kSilentEoh));
  } else if (!packets.empty()) {
    done = co_await step(std::move(packets), true);
  }
  if (done && !decided() && wants(kNoBody)) done = co_await send_body(subject.content.substr(body_at));
  if (!done || decided()) co_return done;
  packets = milter_macros('E', {{"i", subject.id}});
  packets += milter_packet('E');
  co_return co_await finish(std::move(packets));
}

net::Task<Result<void>> MilterClient::send_body(std::string_view body) {
  Result<void> done;
  skip_ = false;
  for (std::size_t at = 0; at < body.size() && done && !decided() && !skip_; at += kMilterChunk)
    done = co_await step(milter_packet('B', body.substr(at, kMilterChunk)), !wants(kSilentBody));
  co_return done;
}

net::Task<Result<void>> MilterClient::step(std::string packets, bool silent) {
  auto sent = co_await transport_->write(packets);
  if (!sent) co_return sent.error();
  if (silent) co_return Result<void>();
  for (;;) {
    auto packet = co_await read_packet();
    if (!packet) co_return packet.error();
    auto reading = read_answer(*packet);
    if (!reading) co_return reading.error();
    if (reading->answer == MilterAnswer::wait) continue;
    if (reading->answer == MilterAnswer::change) co_return Errc::malformed;  // only at the end of the message
    skip_ = reading->answer == MilterAnswer::skip;
    if (!skip_) {
      outcome_.answer = reading->answer;
      outcome_.reply = std::move(reading->reply);
    }
    co_return Result<void>();
  }
}

// The end of the message: changes, then the verdict.
net::Task<Result<void>> MilterClient::finish(std::string packets) {
  auto sent = co_await transport_->write(packets);
  if (!sent) co_return sent.error();
  for (;;) {
    auto packet = co_await read_packet();
    if (!packet) co_return packet.error();
    auto reading = read_answer(*packet);
    if (!reading) co_return reading.error();
    if (reading->answer == MilterAnswer::wait) continue;
    if (reading->answer == MilterAnswer::skip) co_return Errc::malformed;
    if (reading->answer != MilterAnswer::change) {
      outcome_.answer = reading->answer;
      outcome_.reply = std::move(reading->reply);
      co_return Result<void>();
    }
    outcome_.quarantine = outcome_.quarantine || reading->quarantine;
    if (!reading->change) continue;
    changed_octets_ += reading->change->value.size();
    if (outcome_.changes.size() >= kMaxChanges || changed_octets_ > kMaxChangedOctets) co_return Errc::too_large;
    outcome_.changes.push_back(std::move(*reading->change));
  }
}

net::Task<Result<MilterPacket>> MilterClient::read_packet() {
  char buffer[16 * 1024];
  transport_->read_deadline(loop_.now() + timeout_);
  for (;;) {
    auto packet = take_milter_packet(in_);
    if (!packet) co_return Result<MilterPacket>(boost::system::in_place_error, packet.error());
    if (*packet) co_return std::move(**packet);
    auto got = co_await transport_->read_some(buffer, sizeof buffer);
    if (!got) co_return Result<MilterPacket>(boost::system::in_place_error, got.error());
    if (*got == 0) co_return Result<MilterPacket>(boost::system::in_place_error, make_error_code(Errc::end_of_stream));
    in_.append(buffer, *got);
  }
}

}  // namespace genkan::smtp
