// One message shown to one filter (rspamd, OpenDKIM, ClamAV ...) at the end of its content, on one loop: connect,
// negotiate, who the client is, envelope, header, body, and what the filter says. A connection for each message:
// filters are near, and a filter that is stuck in one message does not hold up others.
//
// All steps come at the end of the content: a recipient or sender that a filter refuses is a message that it refuses,
// because the client was told 250 before.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"
#include "smtp/milter/protocol.hpp"

namespace genkan::smtp {

// Views and references must hold until the check is over.
struct MilterSubject {
  std::string hostname, id;  // ours
  std::string client_name, helo, user, tls_version;
  base::IpAddress client;
  std::string sender;
  std::vector<std::string> recipients;
  std::string_view content;  // as the client sent it
};

struct MilterOutcome {
  MilterAnswer answer = MilterAnswer::go_on;  // go_on or accept: take it; reject, tempfail, reply, discard
  std::string reply;
  std::vector<MilterChange> changes;
  bool quarantine = false, leading_space = false;
};

class MilterClient {
 public:
  MilterClient(net::Loop& loop, Duration timeout) : loop_(loop), timeout_(timeout) {}

  // Failure: the filter could not be asked to the end; `why` says what went wrong. Nothing of what it said then counts.
  net::Task<Result<MilterOutcome>> check(base::Endpoint to, const MilterSubject& subject, std::string* why);

 private:
  net::Task<Result<void>> converse(const MilterSubject& subject);
  net::Task<Result<void>> introduce(const MilterSubject& subject);
  net::Task<Result<void>> envelope(const MilterSubject& subject);
  net::Task<Result<void>> content(const MilterSubject& subject);
  net::Task<Result<void>> send_body(std::string_view body);
  // Sends, and waits for an answer unless the filter said that it gives none here.
  net::Task<Result<void>> step(std::string packets, bool silent);
  net::Task<Result<void>> finish(std::string packets);
  net::Task<Result<MilterPacket>> read_packet();
  bool decided() const noexcept { return outcome_.answer != MilterAnswer::go_on; }
  bool wants(std::uint32_t leave_out) const noexcept { return (steps_ & leave_out) == 0; }

  net::Loop& loop_;
  Duration timeout_;
  std::unique_ptr<net::Transport> transport_;
  std::string in_;
  std::uint32_t steps_ = 0;
  bool skip_ = false;
  std::size_t changed_octets_ = 0;
  MilterOutcome outcome_;
};

}  // namespace genkan::smtp
