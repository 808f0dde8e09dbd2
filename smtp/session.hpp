// One SMTP conversation as a pure state machine: lines and results in, replies and the next thing to do out. No I/O, no
// clock. smtp/server_session.cpp carries it out.
//
//   start --EHLO/HELO--> greeted --MAIL--> mail --RCPT--> rcpt --DATA--> (content) --> greeted
//                           ^                                |--BDAT--> chunks --BDAT LAST--> greeted
//                           '------------- RSET, EHLO, STARTTLS, failure -----'
//
// What must stay true: 250 for content is said only by stored(true); content that was refused is never stored; after
// STARTTLS nothing that the client said before counts (RFC 3207 4.2); a client that pipelines past DATA without waiting
// for 354 is cut off, because its content would be read as commands or the reverse.
//
// RFC 5321 (SMTP), 2920 (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3030 (CHUNKING), 3461 (DSN), 2034
// (ENHANCEDSTATUSCODES), 3207 (STARTTLS), 4954 (AUTH), 6409 (submission), 8689 (REQUIRETLS), 9422 (LIMITS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/command.hpp"
#include "smtp/content.hpp"
#include "smtp/envelope.hpp"
#include "smtp/login.hpp"
#include "smtp/xclient.hpp"

namespace genkan::smtp {

struct SessionOptions {
  std::string hostname;
  std::uint64_t max_message = 50ull << 20;
  std::uint32_t max_recipients = 1000;
  std::uint32_t max_errors = 20;
  std::uint32_t max_received = 50;  // RFC 5321 6.3
  bool tls = false;                 // STARTTLS can be offered
  BareNewline bare_newline = BareNewline::refuse;
};

// What this port and this client may do.
struct SessionRole {
  bool submission = false;  // AUTH is offered over TLS, and nothing is taken without it
  bool proxy = false;       // XCLIENT and XFORWARD are believed
};

// What the driver has to do after the reply text is in `out`.
enum class Want {
  command,    // read the next line
  recipient,  // judge session.asked(), then call recipient_judged()
  content,    // send what is in `out`, then read content up to CRLF.CRLF, then content_ended()
  chunk,      // read session.chunk_size() octets of content; then chunk_ended()
  store,      // make envelope and content durable, then stored()
  start_tls,  // send, drop what is buffered, handshake, then tls_started()
  login,      // check session.credentials(), then login_judged()
  claim,      // the client is who session.claim() says: from now on, or with claim_is_client() in every respect
  close,      // send, then close
};

// policy: refused with words of their own, see recipient_refused().
// full_later, full: the mailbox takes nothing more.
enum class Verdict { accept, relay_denied, unknown_user, try_later, policy, full_later, full };
enum class LoginVerdict { good, bad, try_later };

// Facts of the moment that a line is judged by.
struct Moment {
  bool more_buffered = false;       // further octets had arrived with this line
  std::uint64_t room = UINT64_MAX;  // octets that the spool can still take
  bool busy = false;                // mail yields: no new messages now
};

enum class LineFault { too_long, bare_newline, bare_lf, nul };

class Session {
 public:
  explicit Session(const SessionOptions& options, SessionRole role = {}) : options_(options), role_(role) {}

  void greet(std::string& out) const;
  Want line(std::string_view line, const Moment& moment, std::string& out);
  Want bad_line(LineFault fault, std::string& out);

  const AddressView& asked() const noexcept { return asked_.to; }  // valid until the next call
  Want recipient_judged(Verdict verdict, std::string& out);
  Recipient asked_recipient() const;  // likewise, with its parameters
  // The next hop's own answer, "250 2.1.5 ok": passed on.
  Want recipient_answered(std::string_view line, std::string& out);
  Want recipient_refused(int code, std::string_view status, std::string_view text, std::string& out);

  bool logging_in() const noexcept { return login_.active(); }  // the next line is a secret
  const Credentials& credentials() const noexcept { return login_.credentials(); }
  // `user`: the account, "name@domain" in lower case.
  Want login_judged(LoginVerdict verdict, std::string user, std::string& out);
  const std::string& user() const noexcept { return user_; }  // logged in; empty: not

  const ClientClaim& claim() const noexcept { return claim_; }
  bool claim_is_client() const noexcept { return state_ == State::start; }  // XCLIENT, not XFORWARD
  void set_role(SessionRole role) noexcept { role_ = role; }

  std::uint64_t chunk_size() const noexcept { return chunk_.size; }
  bool chunk_wanted() const noexcept { return chunk_wanted_; }  // false: swallow it, its reply is written already
  bool first_chunk() const noexcept { return first_chunk_; }
  bool last_chunk() const noexcept { return chunk_.last; }

  // `received`: how many Received fields the content came with.
  Want content_ended(const ContentFacts& facts, std::size_t received, std::string& out);
  Want chunk_ended(const ContentFacts& facts, std::size_t received, std::string& out);
  // A filter refused the message with this reply, or threw it away (a 250).
  Want filtered(std::string_view reply, std::string& out);
  // The message is durable, or it could not be stored (`full`: for want of space).
  Want stored(bool good, bool full, std::string_view id, std::string& out);

  void tls_started();
  void tls_from_the_start() noexcept { tls_ = true; }
  void shutting_down(std::string& out) const;
  void timed_out(std::string& out) const;

  Envelope& envelope() noexcept { return envelope_; }
  const Envelope& envelope() const noexcept { return envelope_; }
  const std::string& helo() const noexcept { return helo_; }
  std::string_view protocol() const noexcept;  // for "with" in Received (RFC 3848, 6531)
  bool in_transaction() const noexcept { return state_ >= State::mail; }
  std::uint32_t errors() const noexcept { return errors_; }

 private:
  enum class State : std::uint8_t { start, greeted, mail, rcpt, chunks, chunks_failed };

  void offer(std::string& out) const;
  Want judge_mail(const MailArguments& mail, const Moment& moment, std::string& out);
  bool may_send_as(const AddressView& from) const;
  Want on_auth(std::string_view argument, std::string& out);
  Want login_step(LoginMachine::Step step, std::string& out);
  Want on_claim(const CommandView& command, std::string& out);
  Want on_hello(bool extended, std::string_view argument, std::string& out);
  Want on_mail(std::string_view argument, const Moment& moment, std::string& out);
  Want on_rcpt(std::string_view argument, std::string& out);
  Want on_data(std::string_view argument, const Moment& moment, std::string& out);
  Want on_bdat(std::string_view argument, std::string& out);
  Want on_other(const CommandView& command, std::string& out);
  Want on_starttls(std::string_view argument, std::string& out);
  bool judge_content(const ContentFacts& facts, std::size_t received, std::string& out);
  Want bad_argument(Fault fault, bool sender, std::string& out);
  Want error(int code, std::string_view status, std::string_view text, std::string& out);
  Want refuse_chunk(int code, std::string_view status, std::string_view text, std::string& out);
  void take_recipient();
  void reset() noexcept;

  const SessionOptions& options_;
  SessionRole role_;
  LoginMachine login_;
  ClientClaim claim_;
  std::string user_;
  Envelope envelope_;
  std::string helo_;
  RcptArguments asked_;
  BdatArguments chunk_;
  std::uint32_t errors_ = 0;
  std::uint32_t idle_commands_ = 0;  // NOOP, RSET, VRFY and such since the last accepted message
  State state_ = State::start;
  bool extended_ = false;
  bool tls_ = false;
  bool chunk_wanted_ = false;
  bool first_chunk_ = false;
};

}  // namespace genkan::smtp
