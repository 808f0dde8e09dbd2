// The part of the session machine that is about who the client is: STARTTLS, AUTH, XCLIENT and XFORWARD.
#include <utility>

#include "base/text.hpp"
#include "smtp/reply.hpp"
#include "smtp/session.hpp"

namespace genkan::smtp {

Want Session::on_starttls(std::string_view argument, std::string& out) {
  if (!options_.tls) return error(502, "5.5.1", "not available", out);
  if (tls_) return error(503, "5.5.1", "TLS is active", out);
  if (!argument.empty()) return error(501, "5.5.4", "STARTTLS takes no argument", out);
  if (state_ == State::start) return error(503, "5.5.1", "send EHLO first", out);
  put_reply(out, 220, "2.0.0", "go ahead");
  return Want::start_tls;
}

Want Session::on_auth(std::string_view argument, std::string& out) {
  if (!role_.submission) return error(502, "5.5.1", "not available", out);
  if (!tls_) return error(538, "5.7.11", "encryption required, say STARTTLS first", out);
  if (state_ == State::start) return error(503, "5.5.1", "send EHLO first", out);
  if (state_ != State::greeted || !user_.empty()) return error(503, "5.5.1", "not now", out);
  return login_step(login_.begin(argument, out), out);
}

Want Session::login_step(LoginMachine::Step step, std::string& out) {
  if (step == LoginMachine::Step::verify) return Want::login;
  if (step == LoginMachine::Step::challenge || ++errors_ < options_.max_errors) return Want::command;
  put_reply(out, 421, "4.7.0", options_.hostname + " too many errors, closing");
  return Want::close;
}

Want Session::login_judged(LoginVerdict verdict, std::string user, std::string& out) {
  login_.abandon();
  switch (verdict) {
    case LoginVerdict::good:
      user_ = std::move(user);
      put_reply(out, 235, "2.7.0", "welcome");
      return Want::command;
    case LoginVerdict::try_later:
      put_reply(out, 454, "4.7.0", "cannot check that now, try again later");
      return Want::command;
    case LoginVerdict::bad:
      break;
  }
  return error(535, "5.7.8", "authentication failed", out);
}

Want Session::on_claim(const CommandView& command, std::string& out) {
  const bool client = command.verb == Verb::xclient;
  if (!role_.proxy) return error(550, "5.7.0", "not from you", out);
  if (state_ != State::greeted) return error(503, "5.5.1", "not now", out);
  ClientClaim claim;
  const auto kind = client ? ClaimKind::xclient : ClaimKind::xforward;
  if (const auto fault = parse_claim(command.argument, kind, claim); fault != Fault::none)
    return error(501, "5.5.4", "bad attribute", out);
  claim_ = std::move(claim);
  if (!client) {
    put_reply(out, 250, "2.0.0", "ok");
    return Want::claim;
  }
  state_ = State::start;  // as if the client had just connected
  reset();
  helo_ = claim_.helo.value_or("");
  extended_ = claim_.esmtp.value_or(true);
  user_ = claim_.login ? base::to_lower(*claim_.login) : "";
  greet(out);
  return Want::claim;
}

void Session::tls_started() {
  tls_ = true;
  state_ = State::start;
  envelope_ = Envelope();
  helo_.clear();
  user_.clear();
  extended_ = false;
}

std::string_view Session::protocol() const noexcept {
  if (!extended_) return "SMTP";
  const bool known = !user_.empty();
  if (envelope_.utf8) return tls_ ? (known ? "UTF8SMTPSA" : "UTF8SMTPS") : (known ? "UTF8SMTPA" : "UTF8SMTP");
  return tls_ ? (known ? "ESMTPSA" : "ESMTPS") : (known ? "ESMTPA" : "ESMTP");
}

}  // namespace genkan::smtp
