// What the two processes of an upgrade say to each other, over a SOCK_SEQPACKET pair that the new one inherits
// (GENKAN_UPGRADE=descriptor). One message a packet: words, and descriptors with them.
//
//   old                                   new
//   begin 1 <old pid>            ---->    (checks that it understands)
//   web <address>     + sockets  ---->
//   admin, smtp       + sockets  ---->
//   vip <fingerprint> + control  ---->
//   end                          ---->
//                                         reads and checks its configuration, builds every room
//                                <----    ready
//   (mail and cluster channel rest)
//   yours                        ---->
//                                         opens the spool and the channel, accepts connections
//                                <----    serving
//   (the VIP's guardian is let go)
//   go                           ---->    talks to the guardian, writes the pid file
//                                <----    taken
//   drains and ends
//
// At any point before `taken` the new one may say `failed <why>` or end: then the old one takes up again what rests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "net/listener.hpp"

namespace genkan::app {

constexpr const char* kHandoverVariable = "GENKAN_UPGRADE";

struct HandoverMessage {
  std::string word, rest;
  std::vector<base::UniqueFd> fds;
};

// One end of the pair.
class Handover {
 public:
  explicit Handover(base::UniqueFd fd) : fd_(std::move(fd)) {}
  static Result<std::pair<Handover, Handover>> pair();

  Result<void> send(std::string_view word, std::string_view rest = {}, const std::vector<int>& fds = {});
  // Errc::timed_out; Errc::end_of_stream: the other process is gone.
  Result<HandoverMessage> receive(Time deadline);
  int fd() const noexcept { return fd_.get(); }

 private:
  base::UniqueFd fd_;
};

// What a new process was given. Null when this is no upgrade.
struct Heritage {
  explicit Heritage(Handover h) : talk(std::move(h)) {}
  Handover talk;
  int old_pid = 0;
  net::Inherited web, admin, smtp;
  base::UniqueFd guardian;  // its end of the control pair
  std::string vip_fingerprint;
  int guardian_pid = -1;
};
// Reads the environment. `why` is set when there is a handover that can't be understood; null then too.
std::unique_ptr<Heritage> receive_heritage(std::string& why);

}  // namespace genkan::app
