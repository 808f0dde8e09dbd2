#include "smtp/delivery/passage.hpp"

#include <algorithm>

#include "smtp/delivery/dispatcher.hpp"

namespace genkan::smtp {
namespace {

std::string lost(const Error& error) { return "451 4.4.2 the next hop was lost: " + error.message(); }

}  // namespace

std::string passed_on(const Reply& reply) {
  const bool proper = reply.positive() || reply.transient() || (reply.permanent() && reply.code < 600);
  if (!proper) return "451 4.5.0 the next hop gave a wrong answer";
  const auto code = reply.code == 421 ? 451 : reply.code;
  auto text = reply.text().substr(3);
  const auto status = reply.status();
  if (!text.starts_with(" " + status)) text.insert(0, " " + status);
  return std::to_string(code) + text;
}

Passage::Passage(RelayLane& lane, RelayLane::Link link)
    : lane_(lane), link_(std::move(link)), remote_(link_.member->address) {}

Passage::~Passage() { lane_.give_back(link_); }

net::Task<std::unique_ptr<Passage>> Passage::open(Lane& lane, std::string* why) {
  std::unique_ptr<Passage> passage;
  auto* relay = dynamic_cast<RelayLane*>(&lane);
  *why = "451 4.4.4 no next hop";
  if (!relay) co_return passage;
  RelayLane::Link link;
  const bool got = co_await relay->borrow(link, why);
  if (got) passage.reset(new Passage(*relay, std::move(link)));
  co_return passage;
}

bool Passage::lmtp() const noexcept { return link_.member->with_tls.lmtp; }

const std::string& Passage::remote() const noexcept { return remote_; }

// What can be known before anything is sent, as for mail from the queue.
std::string Passage::refusal(const Envelope& envelope, const Recipient& recipient, std::size_t size,
                             bool utf8_header) const {
  Delivery delivery;
  delivery.envelope = &envelope;
  delivery.recipients.push_back(&recipient);
  delivery.size = size;
  delivery.utf8_header = utf8_header;
  delivery.secure = link_.connection->secure();
  Transaction transaction(link_.connection->features(), delivery);
  std::string out;
  if (transaction.start(out) != Transaction::Step::finished) return {};
  return transaction.outcomes().front().reply;
}

net::Task<std::string> Passage::ask(std::string line) {
  if (lost_) co_return std::string("451 4.4.2 the next hop was lost");
  auto reply = co_await link_.connection->ask(std::move(line));
  if (!reply) {
    lost_ = true;
    co_return lost(reply.error());
  }
  lost_ = reply->code == 421;
  co_return passed_on(*reply);
}

net::Task<std::string> Passage::mail(const Envelope& envelope) {
  const Recipient nobody;
  auto refused = refusal(envelope, nobody, 0, false);
  if (!refused.empty()) co_return refused;
  Delivery delivery;
  delivery.envelope = &envelope;
  auto line = mail_line(link_.connection->features(), delivery, false);
  co_return co_await ask(std::move(line));
}

net::Task<std::string> Passage::rcpt(const Recipient& recipient) {
  const bool utf8 = std::any_of(recipient.address.begin(), recipient.address.end(),
                                [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (utf8 && !link_.connection->features().utf8)
    co_return std::string("553 5.6.7 the next hop does not take UTF-8 addresses");
  auto line = rcpt_line(link_.connection->features(), recipient);
  co_return co_await ask(std::move(line));
}

net::Task<std::string> Passage::content(const Envelope& envelope, std::string_view octets, bool dot_lines,
                                        bool eight_bit) {
  const Recipient nobody;
  const bool utf8_header = envelope.utf8 && eight_bit && utf8_in_header(octets);
  auto refused = refusal(envelope, nobody, octets.size(), utf8_header);
  if (!refused.empty()) co_return refused;
  const bool chunk = envelope.body == BodyType::binary;
  if (!chunk) {
    auto data = co_await link_.connection->ask("DATA");
    if (!data) {
      lost_ = true;
      co_return lost(data.error());
    }
    lost_ = data->code == 421;
    if (data->code != 354)
      co_return data->positive() ? std::string("451 4.5.0 a wrong answer to DATA") : passed_on(*data);
  }
  auto reply = co_await link_.connection->give(octets, dot_lines, chunk);
  if (!reply) {
    lost_ = true;
    co_return lost(reply.error());
  }
  lost_ = reply->code == 421;
  lane_.took(link_, reply->positive());
  co_return passed_on(*reply);
}

net::Task<void> Passage::end() {
  if (lost_ || !link_.connection) co_return;
  lost_ = true;
  co_await link_.connection->quit();
}

}  // namespace genkan::smtp
