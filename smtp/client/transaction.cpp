#include "smtp/client/transaction.hpp"

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool has_high(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return true;
  }
  return false;
}

void put_notify(std::uint8_t notify, std::string& out) {
  if (notify == kNotifyUnset) return;
  out += " NOTIFY=";
  if (notify & kNotifyNever) {
    out += "NEVER";
    return;
  }
  const char* comma = "";
  const auto add = [&](std::uint8_t bit, const char* word) {
    if (!(notify & bit)) return;
    out += comma;
    out += word;
    comma = ",";
  };
  add(kNotifySuccess, "SUCCESS");
  add(kNotifyFailure, "FAILURE");
  add(kNotifyDelay, "DELAY");
}

void read_limits(std::string_view text, Features& features) {
  for (const auto word : base::split(text, ' ')) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const auto value = base::parse_uint(word.substr(equals + 1));
    if (!value || *value == 0 || *value > 999'999) continue;  // RFC 9422 4: 1 to 6 digits, not 0
    if (base::iequals(word.substr(0, equals), "RCPTMAX")) features.max_recipients = static_cast<std::uint32_t>(*value);
    if (base::iequals(word.substr(0, equals), "MAILMAX")) features.max_messages = static_cast<std::uint32_t>(*value);
  }
}

}  // namespace

Features parse_features(const Reply& ehlo) {
  Features features;
  features.extended = true;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
    const std::string_view line = ehlo.lines[i];
    const auto word = line.substr(0, line.find(' '));
    if (base::iequals(word, "PIPELINING")) features.pipelining = true;
    if (base::iequals(word, "8BITMIME")) features.eight_bit = true;
    if (base::iequals(word, "SMTPUTF8")) features.utf8 = true;
    if (base::iequals(word, "DSN")) features.dsn = true;
    if (base::iequals(word, "STARTTLS")) features.start_tls = true;
    if (base::iequals(word, "CHUNKING")) features.chunking = true;
    if (base::iequals(word, "BINARYMIME")) features.binary = true;
    if (base::iequals(word, "REQUIRETLS")) features.require_tls = true;
    if (base::iequals(word, "LIMITS")) read_limits(line.substr(word.size()), features);
    if (base::iequals(word, "SIZE")) {
      features.size_known = true;
      if (word.size() < line.size()) features.size = base::parse_uint(base::trim(line.substr(word.size()))).value_or(0);
    }
  }
  return features;
}

std::string mail_line(const Features& features, const Delivery& delivery, bool sized) {
  const auto& envelope = *delivery.envelope;
  std::string out = "MAIL FROM:<" + envelope.sender + ">";
  if (features.size_known && sized) out += " SIZE=" + std::to_string(delivery.size);
  if (envelope.body == BodyType::binary) {
    out += " BODY=BINARYMIME";
  } else if (features.eight_bit && (delivery.eight_bit || envelope.body == BodyType::eight_bit)) {
    out += " BODY=8BITMIME";
  }
  if (features.utf8 && envelope.utf8) out += " SMTPUTF8";
  if (envelope.require_tls) out += " REQUIRETLS";
  if (features.dsn) {
    if (envelope.ret == Ret::full) out += " RET=FULL";
    if (envelope.ret == Ret::headers) out += " RET=HDRS";
    if (!envelope.envid.empty()) out += " ENVID=" + envelope.envid;
  }
  return out;
}

std::string rcpt_line(const Features& features, const Recipient& recipient) {
  auto out = "RCPT TO:<" + recipient.address + ">";
  if (features.dsn) {
    put_notify(recipient.notify, out);
    if (!recipient.orcpt.empty()) out += " ORCPT=" + recipient.orcpt;
  }
  return out;
}

bool utf8_in_header(std::string_view content) {
  const auto header = content.substr(0, content.find("\r\n\r\n"));
  return std::any_of(header.begin(), header.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

Transaction::Transaction(const Features& features, const Delivery& delivery)
    : features_(features),
      delivery_(delivery),
      outcomes_(delivery.recipients.size()),
      settled_(delivery.recipients.size()) {}

// What can be known before anything is sent.
bool Transaction::refuse_early() {
  Reply reply;
  reply.code = 554;
  bool utf8_needed = has_high(delivery_.envelope->sender);
  for (const auto* recipient : delivery_.recipients) utf8_needed = utf8_needed || has_high(recipient->address);
  if (features_.size_known && features_.size != 0 && delivery_.size > features_.size) {
    reply.lines.emplace_back("5.3.4 message is larger than the next hop takes");
  } else if (utf8_needed && !features_.utf8) {
    reply.lines.emplace_back("5.6.7 the next hop does not take UTF-8 addresses");
  } else if (delivery_.envelope->utf8 && delivery_.utf8_header && !features_.utf8) {
    reply.lines.emplace_back("5.6.9 the next hop does not take UTF-8 header fields");
  } else if (binary() && !(features_.chunking && features_.binary)) {
    reply.lines.emplace_back("5.6.3 the next hop does not take binary content");
  } else if (delivery_.envelope->require_tls && !delivery_.secure) {
    reply.lines.emplace_back("5.7.10 TLS to a next hop that proves who it is was required");
  } else if (delivery_.envelope->require_tls && !features_.require_tls) {
    reply.lines.emplace_back("5.7.30 the next hop does not support REQUIRETLS");
  } else {
    return false;
  }
  settle_rest(reply);
  return true;
}

Transaction::Step Transaction::start(std::string& out) {
  if (refuse_early()) {
    phase_ = Phase::finished;
    return Step::finished;
  }
  out += mail_line(features_, delivery_, true) + "\r\n";
  if (features_.pipelining) return send_group(out);
  return Step::replies;
}

// The next RCPTs, and DATA behind the last of them.
Transaction::Step Transaction::send_group(std::string& out) {
  const auto group = features_.pipelining ? kGroup : 1;
  for (std::size_t i = 0; i < group && sent_ < delivery_.recipients.size(); ++i)
    out += rcpt_line(features_, *delivery_.recipients[sent_++]) + "\r\n";
  if (features_.pipelining && sent_ == delivery_.recipients.size() && !data_sent_ && !binary()) {
    data_sent_ = true;
    out += "DATA\r\n";
  }
  return Step::replies;
}

void Transaction::settle(std::size_t index, const Reply& reply) {
  if (settled_[index]) return;
  settled_[index] = true;
  auto& outcome = outcomes_[index];
  outcome.kind = reply.positive()    ? Outcome::Kind::delivered
                 : reply.permanent() ? Outcome::Kind::failed
                                     : Outcome::Kind::deferred;
  outcome.reply = reply.text();
  outcome.status = reply.status();
}

void Transaction::settle_rest(const Reply& reply) {
  for (std::size_t i = 0; i < outcomes_.size(); ++i) settle(i, reply);
}

Transaction::Step Transaction::reset(std::string& out) {
  phase_ = Phase::reset;
  out += "RSET\r\n";
  return Step::replies;
}

Transaction::Step Transaction::reply(const Reply& reply, std::string& out) {
  ++replies_;
  if (reply.code == 421) {  // the peer closes (RFC 5321 3.8)
    settle_rest(reply);
    phase_ = Phase::finished;
    return Step::broken;
  }
  switch (phase_) {
    case Phase::mail:
      return on_mail(reply, out);
    case Phase::rcpt:
      return on_rcpt(reply, out);
    case Phase::data:
      return on_data(reply, out);
    case Phase::content:
      return on_content(reply);
    case Phase::empty_content:
      return reset(out);
    case Phase::reset:
      phase_ = Phase::finished;
      return reply.positive() ? Step::finished : Step::broken;
    case Phase::finished:
      break;
  }
  return Step::broken;
}

Transaction::Step Transaction::on_mail(const Reply& reply, std::string& out) {
  if (!reply.positive()) {
    mail_failed_ = true;
    settle_rest(reply);
    if (!features_.pipelining) return reset(out);
  }
  phase_ = Phase::rcpt;
  return features_.pipelining ? Step::replies : send_group(out);
}

Transaction::Step Transaction::on_rcpt(const Reply& reply, std::string& out) {
  if (reply.positive()) {
    ++accepted_;
  } else if (reply.code < 400) {
    lost("the next hop gave a wrong answer to RCPT");
    return Step::broken;
  } else {
    settle(answered_, reply);
  }
  ++answered_;
  if (answered_ < sent_) return Step::replies;
  if (sent_ < delivery_.recipients.size() && !mail_failed_) return send_group(out);
  phase_ = Phase::data;
  if (data_sent_) return Step::replies;
  if (accepted_ == 0 || mail_failed_) return reset(out);
  if (binary()) return send_chunk(out);
  data_sent_ = true;
  out += "DATA\r\n";
  return Step::replies;
}

Transaction::Step Transaction::on_data(const Reply& reply, std::string& out) {
  if (reply.code == 354) {
    if (accepted_ != 0 && !mail_failed_) {
      phase_ = Phase::content;
      return Step::content;
    }
    if (mail_failed_) return Step::broken;  // a message without a sender? Whatever it means, it gets none.
    phase_ = Phase::empty_content;          // no recipient was taken, yet the peer wants content: give it none
    out += ".\r\n";
    return Step::replies;
  }
  if (reply.code < 400) {
    lost("the next hop gave a wrong answer to DATA");
    return Step::broken;
  }
  settle_rest(reply);
  return reset(out);
}

Transaction::Step Transaction::send_chunk(std::string& out) {
  phase_ = Phase::content;
  out += "BDAT " + std::to_string(delivery_.size) + " LAST\r\n";
  return Step::chunk;
}

Transaction::Step Transaction::on_content(const Reply& reply) {
  if (reply.code < 400 && !reply.positive()) {  // 3yz is no answer to content
    lost("the next hop gave a wrong answer to the content");
    return Step::broken;
  }
  if (!features_.lmtp) {
    settle_rest(reply);
    phase_ = Phase::finished;
    return Step::finished;
  }
  while (next_final_ < settled_.size() && settled_[next_final_]) ++next_final_;
  settle(next_final_, reply);
  while (next_final_ < settled_.size() && settled_[next_final_]) ++next_final_;
  if (next_final_ < settled_.size()) return Step::replies;
  phase_ = Phase::finished;
  return Step::finished;
}

void Transaction::lost(std::string_view why) {
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    if (settled_[i]) continue;
    settled_[i] = true;
    outcomes_[i].kind = Outcome::Kind::deferred;
    outcomes_[i].reply = why;
    outcomes_[i].status = "4.4.2";
  }
}

}  // namespace genkan::smtp
