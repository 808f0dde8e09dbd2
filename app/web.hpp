// The web part of the program: turns a configuration into a Snapshot (handlers, TLS, observer), owns the per-worker
// servers and their listeners, and swaps snapshots on reload.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "acme/acme.hpp"
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
#include "proxy/tls_layer.hpp"

namespace genkan::app {

// Main thread, except where said.
class Web {
 public:
  // `webmail` answers for pools with webmail = true; may be null.
  Web(net::Workers& workers, base::Telemetry& telemetry, cluster::Cluster& cluster, net::Syslog& syslog);
  ~Web();

  void set_webmail(std::shared_ptr<http::Handler> handler) { webmail_ = std::move(handler); }
  // What TLS keeps from one configuration to the next. Before build().
  void set_certificates(std::shared_ptr<net::CertificateStore> store) { certificates_ = std::move(store); }
  // Answers the CA's questions in front of all routes. Before build().
  void set_acme(const acme::Acme& acme) { acme_ = &acme; }
  // Of the last build(); null: nothing speaks TLS.
  const std::shared_ptr<net::TlsServer>& tls() const noexcept { return built_tls_; }

  // Opens what listens (before privileges are dropped). `why` names the address.
  // Sockets that `from` has for an address are used instead of new ones.
  Result<void> open(const conf::Conf& conf, std::string& why, net::Inherited* from = nullptr);
  void each_socket(const std::function<void(const net::ListenSocket&)>& f) const;
  // Builds everything that a configuration means; nothing takes effect.
  Result<http::SnapshotPtr> build(conf::ConfPtr conf, std::string& why);
  void start(http::SnapshotPtr snapshot);  // workers run
  // Swaps to a new snapshot. Listeners that are new are opened, those that went are closed; connections live on.
  Result<void> update(http::SnapshotPtr snapshot, std::string& why);
  void reopen_log();
  void sample(Time now) { routes_.sample(now); }  // once a second, on the control loop

  // `take_waiting`: nobody else accepts from the sockets; who waits there now is served first.
  void stop_accepting(bool take_waiting);
  // Idle connections stay for `grace`, for a request that is on its way.
  void drain(Duration grace);
  std::size_t sessions() const;  // any thread
  void cancel();
  void close();  // after the last session

 private:
  struct Listening {
    base::Endpoint wanted;
    net::ListenSocket sockets;
    std::vector<std::vector<std::unique_ptr<net::Listener>>> listeners;  // by worker
    std::shared_ptr<const http::Entrance> entrance;
  };
  std::shared_ptr<proxy::Forward> forward_to(const conf::Conf& conf, const conf::Pool& pool, const std::string& host);
  std::string sticky_key(const conf::Conf& conf, const conf::Pool& pool);
  Result<std::unique_ptr<Listening>> open_one(const base::Endpoint& address, const conf::Listen& listen,
                                              std::string& why, net::Inherited* from = nullptr);
  void listen_on(Listening& listening);
  void set_limits(const conf::Conf& conf);

  net::Workers& workers_;
  base::Telemetry& telemetry_;
  cluster::Cluster& cluster_;
  net::Syslog& syslog_;
  http::ServerMetrics server_metrics_;
  proxy::ForwardMetrics forward_metrics_;
  proxy::TlsLayerMetrics tls_metrics_;
  proxy::OriginPools origins_;
  proxy::Limits limits_;
  proxy::RouteMetrics routes_;
  net::Offload files_;
  std::shared_ptr<cache::Cache> cache_;
  std::shared_ptr<base::LineFile> access_file_;
  std::string access_path_;
  std::shared_ptr<http::Handler> webmail_;
  const acme::Acme* acme_ = nullptr;
  std::shared_ptr<net::CertificateStore> certificates_;
  std::shared_ptr<net::TlsServer> built_tls_;
  std::shared_ptr<net::ConnectionLimit> limit_ = std::make_shared<net::ConnectionLimit>();
  std::vector<std::unique_ptr<Listening>> listening_;
  std::vector<std::shared_ptr<proxy::Forward>> warm_;   // whose pools keep connections warm
  std::vector<std::unique_ptr<http::Server>> servers_;  // one per worker
  bool started_ = false;
};

}  // namespace genkan::app
