// The connection of the syslog sender: UDP, TCP or TLS to one receiver, driven by its one thread with poll(). It knows
// how much of what was written the receiver's system has acknowledged, so that what it has not can be sent again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "conf/syslog.hpp"
#include "net/socket.hpp"
#include "net/tls.hpp"

namespace genkan::net {

class SyslogLink {
 public:
  struct Target {
    conf::SyslogServer server;
    std::string tls_name;                  // to verify
    std::shared_ptr<const TlsClient> tls;  // null: none
  };

  // Blocks for a name server, connect and handshake, each bounded. `why` is a sentence.
  static std::unique_ptr<SyslogLink> open(const Target& target, std::string& why);

  bool is_datagram() const noexcept { return datagram_; }
  // Takes what goes now: the number of bytes; 0: not now; -1: broken, see why().
  ssize_t write(std::string_view data);
  // Waits until more can be written or something is to be read. False: broken.
  bool wait(Duration at_most);
  // Looks for an end that the receiver made. False: broken.
  bool alive();
  // Of all bytes written, how many its system has not acknowledged at most.
  std::uint64_t unacknowledged() const;
  const std::string& why() const noexcept { return why_; }

 private:
  SyslogLink() = default;
  bool handshake(const Target& target, Time deadline, std::string& why);
  ssize_t fail(std::string_view what, int error);

  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  bool datagram_ = false;
  std::string why_;
};

}  // namespace genkan::net
