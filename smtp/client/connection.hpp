// One connection to a next hop, on one loop: greeting, EHLO (HELO when it is not known), STARTTLS when offered, then
// any number of transactions. Content is sent as it lies in memory, one gather write when no line begins with a dot.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"
#include "smtp/client/reply.hpp"
#include "smtp/client/transaction.hpp"
#include "smtp/session.hpp"

namespace genkan::smtp {

struct ClientOptions {
  std::string hostname;  // for EHLO
  Duration connect_timeout = std::chrono::seconds(30);
  Duration command_timeout = std::chrono::seconds(300);
  Duration content_timeout = std::chrono::seconds(600);  // for the answer to the content (RFC 5321 4.5.3.2.6)
  std::shared_ptr<const net::TlsClient> tls;             // null: never
  bool tls_required = false;                             // else in the clear where it is not offered
  bool tls_verified = false;                             // `tls` asks who the peer is
  bool implicit_tls = false;
  bool lmtp = false;
  // TLSA records decide instead of authorities (DANE); `tls_names`: what else a certificate may be for then.
  std::shared_ptr<const std::vector<net::TlsaRecord>> tlsa;
  std::vector<std::string> tls_names;
  std::string tls_name;  // what the certificate must be valid for; empty: the host that was asked for
};

// Why there is no TLS as it should be, for reports.
struct TlsMiss {
  bool not_offered = false;
  net::TlsDoubt doubt = net::TlsDoubt::none;
};

class Connection {
 public:
  // Failure: `why` is a sentence with the peer's words; `greeted_badly` tells 4yz/5yz from a network that failed.
  // `host`: the name that led to the address. `options` must outlive the connection. Errc::tls_failed: as required, or
  // broken.
  static net::Task<Result<std::unique_ptr<Connection>>> open(net::Loop& loop, base::Endpoint to, std::string host,
                                                             const ClientOptions& options, std::string* why,
                                                             TlsMiss* miss = nullptr);

  // Carries one transaction to its end; every outcome is set afterwards. True: the connection can take another.
  // `content` must stay until then; `dot_lines` says that a line of it begins with a dot.
  net::Task<bool> deliver(Transaction& transaction, std::string_view content, bool dot_lines);

  // Whether the peer takes mail for this address: MAIL, RCPT, and no message.
  net::Task<Verdict> ask_about(std::string address);

  // One command and its reply, for whoever goes step by step; then the content (as one chunk with `chunk`) and its
  // reply.
  net::Task<Result<Reply>> ask(std::string line);
  net::Task<Result<Reply>> give(std::string_view content, bool dot_lines, bool chunk);

  net::Task<void> quit();  // says goodbye, waits shortly for the answer
  void cancel() noexcept { transport_->cancel(); }
  bool peer_closed() const noexcept { return transport_->peer_closed(); }
  const Features& features() const noexcept { return features_; }
  bool encrypted() const noexcept { return transport_->tls() != nullptr; }
  bool secure() const noexcept { return encrypted() && options_.tls_verified; }

 private:
  Connection(std::unique_ptr<net::Transport> transport, const ClientOptions& options)
      : transport_(std::move(transport)), options_(options) {}
  net::Task<Result<void>> introduce(std::string peer, std::string host, std::string* why);
  net::Task<Result<void>> hello(std::string* why);
  net::Task<Result<void>> start_tls(std::string host);
  net::Task<Result<void>> secure_now(std::string host, bool implicit, std::string* why);
  net::Task<Result<void>> send_content(std::string_view content, bool dot_lines, bool chunk);
  net::Task<Result<Reply>> read_reply(Duration timeout);
  // Whether it has said something that nobody asked for. What follows would be taken for the answer to another command.
  bool talks_ahead() const noexcept { return in_at_ != in_.size() || parser_.inside(); }
  bool talked_meanwhile() noexcept;

  std::unique_ptr<net::Transport> transport_;
  net::Task<Result<void>> handshake(const std::string& host);

  const ClientOptions& options_;
  TlsMiss miss_;
  Features features_;
  ReplyParser parser_;
  std::string in_;  // replies that have arrived and are not read yet
  std::size_t in_at_ = 0;
};

// Adds a dot in front of lines that begin with one. Takes at most `limit` octets from `from` on; returns the new place.
// Pure; `from` must be the start of a line or the result of the last call.
std::size_t stuff_dots(std::string_view content, std::size_t from, std::size_t limit, std::string& out);

}  // namespace genkan::smtp
