// The mail part of the program: accounts and their Maildirs (webmail room) given to the relay (smtp room), which knows
// nothing of them; and the relay given to webmail for what people send.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "cache/memcached.hpp"
#include "cluster/cluster.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"
#include "net/workers.hpp"
#include "smtp/server.hpp"
#include "webmail/delivery.hpp"
#include "webmail/jmap/jmap.hpp"
#include "webmail/users/users.hpp"

namespace genkan::app {

// Main thread, except where said.
class Mail {
 public:
  Mail(net::Workers& workers, base::Telemetry& telemetry, cluster::Cluster& cluster, net::Syslog& syslog);
  ~Mail();

  // What mail yields to, asked on the control loop; before listen().
  void set_load(std::function<smtp::YieldLoad(const conf::Smtp&)> load) { load_ = std::move(load); }
  Result<void> listen(const conf::Conf& conf, std::string& why);  // before privileges are dropped
  // Before privileges are dropped. Sockets that `from` has for an address are used instead of new ones.
  Result<void> listen(const conf::Conf& conf, std::string& why, net::Inherited* from = nullptr);
  void each_socket(const std::function<void(const net::ListenSocket&)>& f) const;
  // Ends all sessions and gives the spool up; the sockets stay open, clients wait in them. Blocks.
  void rest(Time deadline);
  Result<void> resume(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why);
  // Opens the accounts, after privileges are dropped and before the web part is built.
  Result<void> open(const conf::Conf& conf, std::string& why);
  std::shared_ptr<http::Handler> webmail() const;  // null when switched off
  Result<void> start(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why);
  Result<void> reload(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> tls, std::string& why);
  void drain();
  bool drained() const;
  void stop();
  std::size_t queued() const;  // any thread
  void reopen_log();

 private:
  smtp::Hooks hooks();
  void set_memory(const conf::Conf& conf);
  void set_delivery(const conf::Conf& conf);
  std::shared_ptr<cache::Memcached> memory() const;  // any thread
  // On a pool thread of webmail's: hands the message to a worker and waits until it is on the disk.
  Result<std::string> submit(const webmail::Envelope& envelope, std::string_view message);

  net::Workers& workers_;
  base::Telemetry& telemetry_;
  cluster::Cluster& cluster_;
  net::Syslog& syslog_;
  std::unique_ptr<webmail::Users> users_;
  std::unique_ptr<webmail::Delivery> delivery_;
  std::unique_ptr<smtp::Server> smtp_;
  std::vector<std::unique_ptr<smtp::Server>> rested_;  // somebody may still be told by them that they rest
  std::shared_ptr<http::Handler> webmail_;
  std::function<smtp::YieldLoad(const conf::Smtp&)> load_;
  mutable std::mutex memory_mutex_;           // guards memory_; held for a copy
  std::shared_ptr<cache::Memcached> memory_;  // shared by nodes; null: none
  std::vector<std::string> memory_servers_;
  std::atomic<bool> smtp_runs_{false};
};

}  // namespace genkan::app
