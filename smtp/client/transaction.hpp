// One message to one next hop as a pure machine: what to send next, what each reply means for each recipient. No I/O.
// smtp/client/connection.cpp carries it out.
//
//   envelope (MAIL, RCPT..., DATA; in groups with PIPELINING, one by one without)
//     --354--> content --reply--> finished
//     --no recipient taken, or DATA refused--> reset --reply--> finished
//
// Binary content goes as one BDAT chunk behind the answers to RCPT. LMTP answers the content once for each recipient.
//
// RFC 5321 3.3, 4.1.1; 2920 (pipelining: RCPT may all fail and DATA still get 354, then the content is empty); 1870;
// 3461; 2033 (LMTP); 3030 (BDAT); 8689 (REQUIRETLS); 9422 (LIMITS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client/reply.hpp"
#include "smtp/envelope.hpp"

namespace genkan::smtp {

// What the next hop offered after EHLO.
struct Features {
  bool extended = false;  // EHLO worked at all
  bool pipelining = false, eight_bit = false, utf8 = false, dsn = false, start_tls = false;
  bool size_known = false;
  std::uint64_t size = 0;  // 0: no limit said
  bool chunking = false, binary = false, require_tls = false;
  bool lmtp = false;
  std::uint32_t max_recipients = 0, max_messages = 0;  // of a transaction, of a connection; 0: no limit said
};
Features parse_features(const Reply& ehlo);

struct Delivery;
// The commands of an envelope, without their line ends. `sized`: the size of the content is known.
std::string mail_line(const Features& features, const Delivery& delivery, bool sized);
std::string rcpt_line(const Features& features, const Recipient& recipient);
bool utf8_in_header(std::string_view content);

struct Outcome {
  enum class Kind { delivered, deferred, failed } kind = Kind::deferred;
  std::string reply;   // what the peer said, or our own words
  std::string status;  // enhanced: "5.1.1"
};

struct Delivery {
  const Envelope* envelope = nullptr;        // sender and parameters; its recipients are not used
  std::vector<const Recipient*> recipients;  // at least one
  std::uint64_t size = 0;                    // octets of content
  bool eight_bit = false;                    // the content has octets over 127
  bool utf8_header = false;                  // so has its header
  bool secure = false;                       // the connection is encrypted and we know to whom
};

class Transaction {
 public:
  enum class Step {
    replies,   // send what is in `out`, then give reply() one reply at a time until it returns something else
    content,   // send `out`, the content with dot-stuffing and CRLF "." CRLF, then wait for its reply
    chunk,     // send `out`, then the content as it is, then wait for its reply
    finished,  // outcomes are final; the connection can take the next message
    broken,    // outcomes are final; the connection must be closed
  };

  Transaction(const Features& features, const Delivery& delivery);

  Step start(std::string& out);
  Step reply(const Reply& reply, std::string& out);
  // The connection failed: what is not known yet is deferred with this sentence.
  void lost(std::string_view why);

  const std::vector<Outcome>& outcomes() const noexcept { return outcomes_; }
  bool any_accepted() const noexcept { return accepted_ != 0; }
  // Everything was sent and the answer to it did not come: the peer may have the message.
  bool in_doubt() const noexcept { return phase_ == Phase::content; }
  bool touched() const noexcept { return replies_ != 0; }  // the peer answered something in this transaction

 private:
  enum class Phase { mail, rcpt, data, content, empty_content, reset, finished };
  static constexpr std::size_t kGroup = 50;  // RCPTs in one flight: replies must not fill both sides' buffers

  Step send_group(std::string& out);
  Step on_mail(const Reply& reply, std::string& out);
  Step on_rcpt(const Reply& reply, std::string& out);
  Step on_data(const Reply& reply, std::string& out);
  Step on_content(const Reply& reply);
  Step send_chunk(std::string& out);
  bool binary() const noexcept { return delivery_.envelope->body == BodyType::binary; }
  Step reset(std::string& out);
  void settle(std::size_t index, const Reply& reply);
  void settle_rest(const Reply& reply);
  bool refuse_early();

  const Features& features_;
  const Delivery& delivery_;
  std::vector<Outcome> outcomes_;
  std::vector<bool> settled_;
  Phase phase_ = Phase::mail;
  std::size_t sent_ = 0, answered_ = 0;  // RCPTs
  std::size_t next_final_ = 0;           // LMTP: whom the next answer to the content is about
  bool data_sent_ = false, mail_failed_ = false;
  std::uint32_t accepted_ = 0, replies_ = 0;
};

}  // namespace genkan::smtp
