// The web part of the program: turns a configuration into a Snapshot (handlers, TLS, observer), owns the per-worker
// servers and their listeners, and swaps snapshots on reload.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/telemetry.hpp"
#include "cache/cache.hpp"
#include "cluster/cluster.hpp"
#include "conf/conf.hpp"
#include "http/server.hpp"
#include "net/listener.hpp"
#include "net/offload.hpp"
#include "net/workers.hpp"
#include "proxy/access_log.hpp"
#include "proxy/forward.hpp"
#include "proxy/limits.hpp"

namespace genkan::app {

// Main thread, except where said.
class Web {
 public:
  // `webmail` answers for pools with webmail = true; may be null.
  Web(net::Workers& workers, base::Telemetry& telemetry, cluster::Cluster& cluster);
  ~Web();

  void set_webmail(std::shared_ptr<http::Handler> handler) { webmail_ = std::move(handler); }

  // Opens what listens (before privileges are dropped). `why` names the address.
  Result<void> open(const conf::Conf& conf, std::string& why);
  // Builds everything that a configuration means; nothing takes effect.
  Result<http::SnapshotPtr> build(conf::ConfPtr conf, std::string& why);
  void start(http::SnapshotPtr snapshot);  // workers run
  // Swaps to a new snapshot. Listeners that are new are opened, those that went are closed; connections live on.
  Result<void> update(http::SnapshotPtr snapshot, std::string& why);
  void reopen_log();

  void stop_accepting();
  void drain();
  std::size_t sessions() const;  // any thread
  void cancel();
  void close();  // after the last session

 private:
  struct Listening {
    base::Endpoint wanted;
    net::ListenSocket sockets;
    std::vector<std::unique_ptr<net::Listener>> listeners;  // one per worker
    std::shared_ptr<const http::Entrance> entrance;
  };
  std::shared_ptr<proxy::Forward> forward_to(const conf::Conf& conf, const conf::Pool& pool, const std::string& host);
  std::string sticky_key(const conf::Conf& conf, const conf::Pool& pool);
  Result<std::unique_ptr<Listening>> open_one(const base::Endpoint& address, const conf::Listen& listen,
                                              std::string& why);
  void listen_on(Listening& listening);

  net::Workers& workers_;
  base::Telemetry& telemetry_;
  cluster::Cluster& cluster_;
  http::ServerMetrics server_metrics_;
  proxy::ForwardMetrics forward_metrics_;
  proxy::OriginPools origins_;
  proxy::Limits limits_;
  net::Offload files_;
  std::shared_ptr<cache::Cache> cache_;
  std::shared_ptr<base::LineFile> access_file_;
  std::string access_path_;
  std::shared_ptr<http::Handler> webmail_;
  std::shared_ptr<net::ConnectionLimit> limit_ = std::make_shared<net::ConnectionLimit>();
  std::vector<std::unique_ptr<Listening>> listening_;
  std::vector<std::shared_ptr<proxy::Forward>> warm_;   // whose pools keep connections warm
  std::vector<std::unique_ptr<http::Server>> servers_;  // one per worker
  bool started_ = false;
};

}  // namespace genkan::app
