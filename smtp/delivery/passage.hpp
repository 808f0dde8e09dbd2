// A message on its way through to the next hop before it is answered (before_queue): its connection, from the first
// recipient to the answer to the content. Borrowed from a lane, so that limits, health and choice are the queue's own.
// On the lane's loop.
//
//   open ── MAIL ──► RCPT (each as it comes; its answer is the client's answer) ──► content ──► the answer, then QUIT
//
// What must stay true: nothing that the next hop did not say 250 to is answered 250; a next hop that is lost is a 451.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "smtp/client/reply.hpp"
#include "smtp/delivery/relay_lane.hpp"

namespace genkan::smtp {

// A reply of the next hop as the client gets it: one line, with an enhanced status code. 421 is about that connection,
// not about the client's: it becomes 451, as does whatever is no answer to what was asked.
std::string passed_on(const Reply& reply);

class Passage {
 public:
  // Null: no next hop can be reached; `why` is what the client is told ("451 4.4.1 ...", "556 5.1.10 ...").
  static net::Task<std::unique_ptr<Passage>> open(Lane& lane, std::string* why);
  ~Passage();
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  // Each returns the line for the client. `envelope` and `recipient` must stay until it does.
  net::Task<std::string> mail(const Envelope& envelope);
  net::Task<std::string> rcpt(const Recipient& recipient);
  net::Task<std::string> content(const Envelope& envelope, std::string_view octets, bool dot_lines, bool eight_bit);
  net::Task<void> end();  // says goodbye; the connection is the next hop's to forget when this was not called

  bool lmtp() const noexcept;
  const std::string& remote() const noexcept;

 private:
  Passage(RelayLane& lane, RelayLane::Link link);
  net::Task<std::string> ask(std::string line);
  std::string refusal(const Envelope& envelope, const Recipient& recipient, std::size_t size, bool utf8_header) const;

  RelayLane& lane_;
  RelayLane::Link link_;
  std::string remote_;
  bool lost_ = false;
};

}  // namespace genkan::smtp
