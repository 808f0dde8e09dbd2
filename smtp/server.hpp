// The front door of this room: SMTP in, a durable queue, delivery out.
//
//   listen()  sockets, before privileges are dropped
//   start()   reads the spool, begins to deliver and to accept; needs running workers
//   drain()   accepts no more; sessions without content under way get 421, carriers end after the message in hand
//   stop()    cuts what is left and returns when nothing runs any more; what was answered 250 is in the spool
//
// listen(), start(), reload(), drain() and stop() are called by one thread that is no worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "net/listener.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"
#include "net/workers.hpp"
#include "smtp/delivery/dispatcher.hpp"
#include "smtp/delivery/local.hpp"
#include "smtp/plan.hpp"
#include "smtp/submission.hpp"

namespace genkan::smtp {

class Server {
 public:
  Server(net::Workers& workers, base::Telemetry& telemetry, Hooks hooks);
  ~Server();  // stop() first when it was started
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Sockets that `from` has for an address are used instead of new ones.
  Result<void> listen(const conf::Conf& conf, std::string& why, net::Inherited* from = nullptr);
  std::vector<base::Endpoint> addresses() const;  // with the real ports
  const std::vector<net::ListenSocket>& sockets() const;

  // `tls`: certificates for STARTTLS; null: not offered.
  Result<void> start(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why);
  // Everything but listeners, state_dir and max_connections; running sessions keep what they began with.
  Result<void> reload(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why);
  void drain();
  bool drained() const;  // no session and no carrier is left
  void stop();

  // On a worker's loop. Durable when it returns the queue id. Errc::malformed: a bad address (`why` says which);
  // Errc::refused: no route for a recipient, or an unknown local user; Errc::too_large; Errc::exhausted: no space.
  net::Task<Result<std::string>> submit(net::Loop& loop, Submission submission, std::string* why);

  std::size_t queued() const;
  void reopen_log();  // after rotation; any thread while it runs
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace genkan::smtp
