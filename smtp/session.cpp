#include "smtp/session.hpp"

#include <utility>

#include "base/text.hpp"
#include "smtp/reply.hpp"

namespace genkan::smtp {
namespace {

constexpr std::uint32_t kMaxIdleCommands = 100;

}  // namespace

void Session::greet(std::string& out) const { put_reply(out, 220, "", options_.hostname + " ESMTP Genkan"); }

// A failed command: counted, and the last straw closes (a client that guesses addresses or speaks another protocol).
Want Session::error(int code, std::string_view status, std::string_view text, std::string& out) {
  put_reply(out, code, status, text);
  if (++errors_ < options_.max_errors) return Want::command;
  put_reply(out, 421, "4.7.0", options_.hostname + " too many errors, closing");
  return Want::close;
}

void Session::reset() noexcept {
  envelope_ = Envelope();
  if (state_ > State::greeted) state_ = State::greeted;
}

Want Session::bad_line(LineFault fault, std::string& out) {
  login_.abandon();
  switch (fault) {
    case LineFault::too_long:
      return error(500, "5.5.2", "line too long", out);
    case LineFault::bare_newline:
      return error(500, "5.5.2", "lines end in CRLF, a CR alone is refused", out);
    case LineFault::bare_lf:
      put_reply(out, 500, "5.5.2", "lines end in CRLF, an LF alone is refused, closing");
      return Want::close;
    case LineFault::nul:
      return error(500, "5.5.2", "NUL is not allowed", out);
  }
  return Want::close;
}

Want Session::line(std::string_view line, const Moment& moment, std::string& out) {
  if (login_.active()) return login_step(login_.response(line, out), out);
  const auto command = parse_command(line);
  if (line.size() + 2 > line_limit(command.verb)) return bad_line(LineFault::too_long, out);
  switch (command.verb) {
    case Verb::ehlo:
      return on_hello(true, command.argument, out);
    case Verb::helo:
      return on_hello(false, command.argument, out);
    case Verb::mail:
      return on_mail(command.argument, moment, out);
    case Verb::rcpt:
      return on_rcpt(command.argument, out);
    case Verb::data:
      return on_data(command.argument, moment, out);
    case Verb::bdat:
      return on_bdat(command.argument, out);
    case Verb::starttls:
      return on_starttls(command.argument, out);
    case Verb::auth:
      return on_auth(command.argument, out);
    case Verb::xclient:
    case Verb::xforward:
      return on_claim(command, out);
    default:
      return on_other(command, out);
  }
}

Want Session::on_hello(bool extended, std::string_view argument, std::string& out) {
  if (!valid_helo(argument)) return error(501, "5.5.4", "a domain or an address literal is needed", out);
  state_ = State::greeted;
  reset();
  helo_ = argument;
  extended_ = extended;
  if (!extended) {
    put_reply(out, 250, "", options_.hostname);
    return Want::command;
  }
  offer(out);
  return Want::command;
}

void Session::offer(std::string& out) const {
  const auto line = [&](std::string_view text) {
    out += "250-";
    out += text;
    out += "\r\n";
  };
  line(options_.hostname);
  line("PIPELINING");
  line("SIZE " + std::to_string(options_.max_message));
  if (options_.tls && !tls_) line("STARTTLS");
  if (tls_) line("REQUIRETLS");
  if (role_.submission && tls_ && user_.empty()) line("AUTH PLAIN LOGIN");
  if (role_.proxy) {
    line(kXclientOffer);
    line(kXforwardOffer);
  }
  line("ENHANCEDSTATUSCODES");
  line("8BITMIME");
  line("BINARYMIME");
  line("SMTPUTF8");
  line("DSN");
  line("LIMITS RCPTMAX=" + std::to_string(options_.max_recipients));
  out += "250 CHUNKING\r\n";
}

Want Session::bad_argument(Fault fault, bool sender, std::string& out) {
  switch (fault) {
    case Fault::bad_address:
      return error(501, sender ? "5.1.7" : "5.1.3", "bad address syntax", out);
    case Fault::address_too_long:
      return error(501, sender ? "5.1.7" : "5.1.3", "address too long", out);
    case Fault::unknown_parameter:
      return error(555, "5.5.4", "unknown parameter", out);
    case Fault::bad_parameter:
      return error(501, "5.5.4", "bad parameter value", out);
    default:
      return error(501, "5.5.4", sender ? "syntax: MAIL FROM:<address>" : "syntax: RCPT TO:<address>", out);
  }
}

Want Session::on_mail(std::string_view argument, const Moment& moment, std::string& out) {
  if (state_ == State::start) return error(503, "5.5.1", "send EHLO first", out);
  if (state_ != State::greeted) return error(503, "5.5.1", "nested MAIL", out);
  if (role_.submission && user_.empty()) return error(530, "5.7.0", "authentication required", out);
  MailArguments mail;
  if (const auto fault = parse_mail(argument, mail); fault != Fault::none) return bad_argument(fault, true, out);
  // A parameter belongs to an extension that was offered.
  if ((mail.auth && !role_.submission) || (mail.require_tls && !tls_))
    return bad_argument(Fault::unknown_parameter, true, out);
  return judge_mail(mail, moment, out);
}

// Submissions come in the sender's own name, a tag aside (RFC 6409 6.1).
bool Session::may_send_as(const AddressView& from) const {
  if (from.is_null()) return true;
  const auto local = local_of(from.text);
  return base::iequals(local.substr(0, local.find('+')) + "@" + std::string(from.domain), user_) ||
         base::iequals(local + "@" + std::string(from.domain), user_);
}

Want Session::judge_mail(const MailArguments& mail, const Moment& moment, std::string& out) {
  if (mail.from.non_ascii && !mail.utf8) return error(553, "5.6.7", "a UTF-8 address needs SMTPUTF8", out);
  if (!mail.from.is_null() && mail.from.domain.empty()) return error(501, "5.1.7", "bad address syntax", out);
  if (role_.submission && !may_send_as(mail.from)) return error(553, "5.7.1", "that is not your address", out);
  const auto size = mail.size.value_or(0);
  if (size > options_.max_message) return error(552, "5.3.4", "message too large", out);
  if (size >= moment.room) {
    put_reply(out, 452, "4.3.1", "not enough space, try again later");
    return Want::command;
  }
  if (moment.busy) {
    put_reply(out, 451, "4.3.2", "busy now, try again later");
    return Want::command;
  }
  envelope_.sender = mail.from.text;
  envelope_.envid = mail.envid;
  envelope_.ret = mail.ret;
  envelope_.body = mail.body;
  envelope_.utf8 = mail.utf8;
  envelope_.require_tls = mail.require_tls;
  state_ = State::mail;
  put_reply(out, 250, "2.1.0", "sender ok");
  return Want::command;
}

Want Session::on_rcpt(std::string_view argument, std::string& out) {
  if (state_ != State::mail && state_ != State::rcpt) return error(503, "5.5.1", "need MAIL before RCPT", out);
  asked_ = {};
  if (const auto fault = parse_rcpt(argument, asked_); fault != Fault::none) return bad_argument(fault, false, out);
  if (asked_.to.non_ascii && !envelope_.utf8) return error(553, "5.6.7", "a UTF-8 address needs SMTPUTF8", out);
  if (envelope_.recipients.size() >= options_.max_recipients) {
    put_reply(out, 452, "4.5.3", "too many recipients");
    return Want::command;
  }
  return Want::recipient;
}

Want Session::recipient_judged(Verdict verdict, std::string& out) {
  switch (verdict) {
    case Verdict::relay_denied:
      return error(550, "5.7.1", "relaying denied", out);
    case Verdict::unknown_user:
      return error(550, "5.1.1", "no such user here", out);
    case Verdict::try_later:
      put_reply(out, 451, "4.3.0", "cannot check the recipient now, try again later");
      return Want::command;
    case Verdict::full_later:
      put_reply(out, 452, "4.2.2", "the mailbox is full, try again later");
      return Want::command;
    case Verdict::full:
      return error(552, "5.2.2", "the mailbox is full", out);
    case Verdict::policy:
      return error(554, "5.7.1", "refused by policy", out);
    case Verdict::accept:
      break;
  }
  take_recipient();
  put_reply(out, 250, "2.1.5", "recipient ok");
  return Want::command;
}

Recipient Session::asked_recipient() const {
  Recipient recipient;
  recipient.address = asked_.to.text;
  recipient.orcpt = asked_.orcpt;
  recipient.notify = asked_.notify;
  return recipient;
}

void Session::take_recipient() {
  envelope_.recipients.push_back(asked_recipient());
  state_ = State::rcpt;
}

Want Session::recipient_answered(std::string_view line, std::string& out) {
  out += line;
  out += "\r\n";
  if (line.front() == '2') take_recipient();
  if (line.front() != '5' || ++errors_ < options_.max_errors) return Want::command;
  put_reply(out, 421, "4.7.0", options_.hostname + " too many errors, closing");
  return Want::close;
}

Want Session::recipient_refused(int code, std::string_view status, std::string_view text, std::string& out) {
  if (code >= 500) return error(code, status, text, out);
  put_reply(out, code, status, text);
  return Want::command;
}

Want Session::on_data(std::string_view argument, const Moment& moment, std::string& out) {
  if (!argument.empty()) return error(501, "5.5.4", "DATA takes no argument", out);
  if (state_ == State::chunks || state_ == State::chunks_failed) return error(503, "5.5.1", "DATA after BDAT", out);
  // With every RCPT refused a pipelining client still sends DATA (RFC 2920 3.1): it must not get 354.
  if (state_ == State::mail) return error(554, "5.5.1", "no valid recipients", out);
  if (state_ != State::rcpt) return error(503, "5.5.1", "need RCPT before DATA", out);
  if (envelope_.body == BodyType::binary) return error(503, "5.5.1", "BINARYMIME needs BDAT", out);
  if (moment.more_buffered) {
    put_reply(out, 554, "5.5.0", "sent content without waiting for 354, closing");
    return Want::close;
  }
  if (moment.room == 0) {
    put_reply(out, 452, "4.3.1", "not enough space, try again later");
    return Want::command;
  }
  put_reply(out, 354, "", "end with <CRLF>.<CRLF>");
  return Want::content;
}

// The octets of a chunk come whether we like the command or not, so that they have to be swallowed (RFC 3030 4.2).
Want Session::refuse_chunk(int code, std::string_view status, std::string_view text, std::string& out) {
  if (state_ == State::chunks || state_ == State::rcpt) state_ = State::chunks_failed;
  chunk_wanted_ = false;
  const bool absurd = chunk_.size > 2 * options_.max_message + (1u << 20);
  if (error(code, status, text, out) == Want::close) return Want::close;
  if (!absurd) return Want::chunk;
  put_reply(out, 421, "4.7.0", options_.hostname + " will not swallow that much, closing");
  return Want::close;
}

Want Session::on_bdat(std::string_view argument, std::string& out) {
  chunk_ = {};
  first_chunk_ = state_ == State::rcpt;
  if (parse_bdat(argument, chunk_) != Fault::none) {
    if (chunk_.sized) return refuse_chunk(501, "5.5.4", "syntax: BDAT size [LAST]", out);
    const bool number =
        !argument.empty() && std::string_view("0123456789+-").find(argument[0]) != std::string_view::npos;
    if (!number) return error(501, "5.5.4", "syntax: BDAT size [LAST]", out);
    // Somebody meant to send content, but how much is unknown: nothing after this can be told from it.
    put_reply(out, 501, "5.5.4", "syntax: BDAT size [LAST], closing");
    return Want::close;
  }
  if (state_ == State::mail) return refuse_chunk(554, "5.5.1", "no valid recipients", out);
  if (state_ != State::rcpt && state_ != State::chunks) return refuse_chunk(503, "5.5.1", "need RCPT before BDAT", out);
  if (chunk_.size > options_.max_message) return refuse_chunk(552, "5.3.4", "message too large", out);
  state_ = State::chunks;
  chunk_wanted_ = true;
  return Want::chunk;
}

Want Session::on_other(const CommandView& command, std::string& out) {
  switch (command.verb) {
    case Verb::quit:
      if (!command.argument.empty()) return error(501, "5.5.4", "QUIT takes no argument", out);
      put_reply(out, 221, "2.0.0", options_.hostname + " closing");
      return Want::close;
    case Verb::rset:
      if (!command.argument.empty()) return error(501, "5.5.4", "RSET takes no argument", out);
      reset();
      put_reply(out, 250, "2.0.0", "ok");
      break;
    case Verb::noop:
      put_reply(out, 250, "2.0.0", "ok");
      break;
    case Verb::help:
      put_reply(out, 214, "2.0.0", "see RFC 5321");
      break;
    case Verb::vrfy:
      if (command.argument.empty()) return error(501, "5.5.4", "VRFY needs a name", out);
      put_reply(out, 252, "2.5.2", "send some mail, I will try my best");
      break;
    case Verb::expn:
      return error(502, "5.5.1", "not available", out);
    default:
      return error(500, "5.5.2", "unknown command", out);
  }
  if (++idle_commands_ > kMaxIdleCommands) {
    put_reply(out, 421, "4.7.0", options_.hostname + " too many commands without mail, closing");
    return Want::close;
  }
  return Want::command;
}

bool Session::judge_content(const ContentFacts& facts, std::size_t received, std::string& out) {
  if (facts.too_large || facts.size > options_.max_message) {
    put_reply(out, 552, "5.3.4", "message too large");
  } else if (facts.bare_newline && options_.bare_newline == BareNewline::refuse) {
    put_reply(out, 550, "5.6.0", "a CR or LF alone in the message is refused");
  } else if (received > options_.max_received) {
    put_reply(out, 554, "5.4.6", "too many hops, mail loop");
  } else {
    return true;
  }
  ++errors_;
  return false;
}

Want Session::content_ended(const ContentFacts& facts, std::size_t received, std::string& out) {
  if (judge_content(facts, received, out)) return Want::store;
  reset();
  return Want::command;
}

Want Session::chunk_ended(const ContentFacts& facts, std::size_t received, std::string& out) {
  if (!chunk_wanted_) return Want::command;
  if (!facts.too_large && !chunk_.last) {
    put_reply(out, 250, "2.0.0", std::to_string(chunk_.size) + " octets received");
    return Want::command;
  }
  if (judge_content(facts, received, out)) return Want::store;
  if (chunk_.last) {
    reset();
  } else {
    state_ = State::chunks_failed;
  }
  return Want::command;
}

Want Session::filtered(std::string_view reply, std::string& out) {
  out += reply;
  out += "\r\n";
  if (reply.front() == '5') ++errors_;
  reset();
  return Want::command;
}

Want Session::stored(bool good, bool full, std::string_view id, std::string& out) {
  if (good) {
    put_reply(out, 250, "2.0.0", "queued as " + std::string(id));
    idle_commands_ = 0;
  } else if (full) {
    put_reply(out, 452, "4.3.1", "not enough space, try again later");
  } else {
    put_reply(out, 451, "4.3.0", "could not store the message, try again later");
  }
  reset();
  return Want::command;
}

void Session::shutting_down(std::string& out) const {
  put_reply(out, 421, "4.3.2", options_.hostname + " is going down, try again");
}

void Session::timed_out(std::string& out) const {
  put_reply(out, 421, "4.4.2", options_.hostname + " timed out, closing");
}

}  // namespace genkan::smtp
