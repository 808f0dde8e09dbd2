#include "smtp/client/connection.hpp"

#include <algorithm>

#include "net/connect.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kPiece = 64 * 1024;
constexpr const char* kAhead = "the next hop answers what it was not asked";

}  // namespace

std::size_t stuff_dots(std::string_view content, std::size_t from, std::size_t limit, std::string& out) {
  const auto end = std::min(content.size(), from + limit);
  while (from < end) {
    const bool line_start = from == 0 || content[from - 1] == '\n';
    if (line_start && content[from] == '.') out += '.';
    const auto lf = content.find('\n', from);
    const auto stop = lf == std::string_view::npos ? end : std::min(end, lf + 1);
    out.append(content.substr(from, stop - from));
    from = stop;
  }
  return from;
}

net::Task<Result<std::unique_ptr<Connection>>> Connection::open(net::Loop& loop, base::Endpoint to, std::string host,
                                                                const ClientOptions& options, std::string* why,
                                                                TlsMiss* miss) {
  const auto name = to.text();
  auto connected = co_await net::connect(loop, std::move(to), loop.now() + options.connect_timeout);
  if (!connected) {
    *why = name + ": " + connected.error().message();
    co_return connected.error();
  }
  std::unique_ptr<Connection> connection(new Connection(std::move(*connected), options));
  connection->transport_->write_timeout(options.command_timeout);
  if (!options.tls_name.empty()) host = options.tls_name;
  auto ready = co_await connection->introduce(name, std::move(host), why);
  if (miss) *miss = connection->miss_;
  if (!ready) co_return ready.error();
  co_return std::move(connection);
}

net::Task<Result<void>> Connection::introduce(std::string peer, std::string host, std::string* why) {
  if (options_.implicit_tls) {
    auto secured = co_await secure_now(host, true, why);
    if (!secured) {
      *why = peer + ": " + *why;
      co_return secured.error();
    }
  }
  auto greeting = co_await read_reply(options_.command_timeout);
  if (!greeting) {
    *why = peer + ": no greeting: " + greeting.error().message();
    co_return greeting.error();
  }
  if (greeting->code != 220) {
    *why = peer + ": " + greeting->text();
    co_return Errc::refused;
  }
  auto said = co_await hello(why);
  if (!said) {
    *why = peer + ": " + *why;
    co_return said.error();
  }
  if (!options_.tls || encrypted()) co_return Result<void>();
  auto secured = co_await secure_now(host, false, why);
  if (!secured) {
    *why = peer + ": " + *why;
    co_return secured.error();
  }
  if (!encrypted()) co_return Result<void>();
  co_return co_await hello(why);
}

net::Task<Result<void>> Connection::handshake(const std::string& host) {
  transport_->read_timeout(options_.command_timeout);
  std::unique_ptr<net::TlsStream> stream;
  if (options_.tlsa) {
    stream = options_.tls->connect_dane(host, options_.tls_names, *options_.tlsa);
  } else {
    stream = options_.tls->connect(host);
  }
  auto done = co_await transport_->handshake(std::move(stream));
  if (!done && transport_->tls()) miss_.doubt = transport_->tls()->doubt();
  co_return done;
}

// TLS as the options want it; success without it only where it is not required.
net::Task<Result<void>> Connection::secure_now(std::string host, bool implicit, std::string* why) {
  Result<void> done;
  if (implicit) {
    done = co_await handshake(host);
  } else if (features_.start_tls) {
    done = co_await start_tls(host);
  }
  if (!done) {
    *why = "TLS: " + done.error().message();
    co_return Errc::tls_failed;
  }
  if (options_.tls_required && !encrypted()) {
    *why = "TLS is required and not offered";
    miss_.not_offered = true;
    co_return Errc::tls_failed;
  }
  co_return Result<void>();
}

net::Task<Result<void>> Connection::hello(std::string* why) {
  if (talks_ahead()) {
    *why = kAhead;
    co_return Errc::malformed;
  }
  features_ = Features();
  features_.lmtp = options_.lmtp;
  const char* const verbs[] = {options_.lmtp ? "LHLO " : "EHLO ", "HELO "};
  for (const auto* verb : verbs) {
    const bool last = options_.lmtp || verb[0] == 'H';
    const auto line = verb + options_.hostname + "\r\n";
    auto sent = co_await transport_->write(line);
    if (!sent) {
      *why = sent.error().message();
      co_return sent.error();
    }
    auto reply = co_await read_reply(options_.command_timeout);
    if (!reply) {
      *why = "no answer to EHLO: " + reply.error().message();
      co_return reply.error();
    }
    if (reply->positive()) {
      if (verb[0] != 'H') features_ = parse_features(*reply);
      features_.lmtp = options_.lmtp;
      co_return Result<void>();
    }
    *why = reply->text();
    if (last || !reply->permanent()) break;
  }
  co_return Errc::refused;
}

net::Task<Result<void>> Connection::start_tls(std::string host) {
  auto sent = co_await transport_->write("STARTTLS\r\n");
  if (!sent) co_return sent.error();
  auto reply = co_await read_reply(options_.command_timeout);
  if (!reply) co_return reply.error();
  if (reply->code != 220) co_return Result<void>();  // offered but not now: go on in the clear
  // Anything behind the 220 came in the clear and would be taken for an answer inside TLS.
  if (in_at_ != in_.size()) co_return Errc::malformed;
  co_return co_await handshake(host);
}

net::Task<Result<Reply>> Connection::read_reply(Duration timeout) {
  Reply reply;
  for (;;) {
    if (in_at_ < in_.size()) {
      std::size_t used = 0;
      const auto complete = parser_.feed(std::string_view(in_).substr(in_at_), used, reply);
      in_at_ += used;
      if (!complete) co_return complete.error();
      if (*complete) co_return reply;
    }
    in_.resize(kReadSize);
    in_at_ = 0;
    transport_->read_timeout(timeout);
    auto got = co_await transport_->read_some(in_.data(), in_.size());
    in_.resize(got.has_value() ? *got : 0);
    if (!got) co_return got.error();
    if (*got == 0) co_return Errc::end_of_stream;
  }
}

net::Task<Result<void>> Connection::send_content(std::string_view content, bool dot_lines, bool chunk) {
  if (chunk) co_return co_await transport_->write(content);
  if (!dot_lines) co_return co_await transport_->write(content, ".\r\n");
  std::string piece;
  for (std::size_t at = 0; at < content.size();) {
    piece.clear();
    at = stuff_dots(content, at, kPiece, piece);
    auto sent = co_await transport_->write(piece);
    if (!sent) co_return sent.error();
  }
  co_return co_await transport_->write(".\r\n");
}

// Between two transactions: has it said anything since, or closed?
bool Connection::talked_meanwhile() noexcept {
  char byte = 0;
  Result<std::size_t> n = std::size_t{0};
  return talks_ahead() || transport_->read_now(&byte, 1, n);
}

net::Task<bool> Connection::deliver(Transaction& transaction, std::string_view content, bool dot_lines) {
  std::string out;
  if (talked_meanwhile()) {
    transaction.lost(kAhead);
    co_return false;
  }
  auto step = transaction.start(out);
  while (step != Transaction::Step::finished && step != Transaction::Step::broken) {
    // In step: every reply to what was sent before has been read when anything is sent.
    if ((!out.empty() || step != Transaction::Step::replies) && talks_ahead()) {
      transaction.lost(kAhead);
      co_return false;
    }
    if (!out.empty()) {
      auto sent = co_await transport_->write(out);
      out.clear();
      if (!sent) {
        transaction.lost("connection lost: " + sent.error().message());
        co_return false;
      }
    }
    auto timeout = options_.command_timeout;
    if (step != Transaction::Step::replies) {
      const bool chunk = step == Transaction::Step::chunk;
      auto sent = co_await send_content(content, dot_lines, chunk);
      if (!sent) {
        transaction.lost("connection lost while sending the content: " + sent.error().message());
        co_return false;
      }
    }
    if (transaction.in_doubt()) timeout = options_.content_timeout;
    auto reply = co_await read_reply(timeout);
    if (!reply) {
      transaction.lost("no answer: " + reply.error().message());
      co_return false;
    }
    step = transaction.reply(*reply, out);
  }
  co_return step == Transaction::Step::finished && !talks_ahead();
}

net::Task<Result<Reply>> Connection::ask(std::string line) {
  if (talks_ahead()) co_return Result<Reply>(boost::system::in_place_error, make_error_code(Errc::malformed));
  line += "\r\n";
  auto sent = co_await transport_->write(line);
  if (!sent) co_return Result<Reply>(boost::system::in_place_error, sent.error());
  co_return co_await read_reply(options_.command_timeout);
}

net::Task<Result<Reply>> Connection::give(std::string_view content, bool dot_lines, bool chunk) {
  Result<void> sent;
  if (talks_ahead()) co_return Result<Reply>(boost::system::in_place_error, make_error_code(Errc::malformed));
  if (chunk) {
    const auto line = "BDAT " + std::to_string(content.size()) + " LAST\r\n";
    sent = co_await transport_->write(line);
  }
  if (sent) sent = co_await send_content(content, dot_lines, chunk);
  if (!sent) co_return Result<Reply>(boost::system::in_place_error, sent.error());
  co_return co_await read_reply(options_.content_timeout);
}

net::Task<Verdict> Connection::ask_about(std::string address) {
  const bool ascii =
      std::all_of(address.begin(), address.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii && !features_.utf8) co_return Verdict::unknown_user;
  std::string line = "MAIL FROM:<>";
  if (!ascii) line += " SMTPUTF8";
  const auto mail = co_await ask(std::move(line));
  if (!mail || !mail->positive()) co_return Verdict::try_later;
  line = "RCPT TO:<" + address + ">";
  const auto rcpt = co_await ask(std::move(line));
  if (!rcpt) co_return Verdict::try_later;
  line = "RSET";
  const auto reset = co_await ask(std::move(line));
  (void)reset;
  if (rcpt->permanent()) co_return Verdict::unknown_user;
  co_return rcpt->positive() ? Verdict::accept : Verdict::try_later;
}

net::Task<void> Connection::quit() {
  auto sent = co_await transport_->write("QUIT\r\n");
  if (sent) {
    auto reply = co_await read_reply(std::chrono::seconds(2));
    (void)reply;
  }
  transport_->close();
}

}  // namespace genkan::smtp
