// The HTTP server of one worker: takes accepted connections through PROXY header and TLS to the protocol that ALPN
// chose, and keeps count of the sessions, so that a reload reaches each at its next request and a drain ends each after
// its last.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/telemetry.hpp"
#include "conf/conf.hpp"
#include "http/handler.hpp"
#include "net/address_set.hpp"
#include "net/block.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace genkan::http {

// What a configuration means to the server: immutable, shared by all workers, swapped as a whole. A request keeps the
// one it began with.
struct Snapshot {
  conf::ConfPtr conf;
  std::shared_ptr<Handler> handler;
  std::shared_ptr<Observer> observer;  // may be null
  std::shared_ptr<const net::TlsServer> tls;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// What a listener says about its connections.
struct Entrance {
  std::string name;
  bool tls = false;
  std::vector<std::string> protocols{"h2", "http/1.1"};  // in order of preference
  bool speaks(std::string_view protocol) const {
    return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
  }
  net::AddressSet proxy_from;  // these peers must send a PROXY header
};

struct ServerMetrics {
  // `side`: "public" for visitors, "admin" for operators.
  ServerMetrics(base::Metrics& metrics, const std::string& side);
  const bool visitors;
  base::Counter& connections;  // gauge
  base::Counter& accepted;
  base::Counter& requests;
  base::Counter& bad_requests;
  base::Counter& over_address;  // connections closed, each by its reason
  base::Counter& over_memory;
  base::Counter& no_memory;  // requests answered 503
  base::Counter& tls_failures;
  std::array<base::Counter*, 4> tls_handshakes{};  // 1.2, 1.2 resumed, 1.3, 1.3 resumed
  base::Counter& h2_connections;                   // gauge
  base::Counter& h2_refused;                       // streams
  base::Counter& h2_stalled;                       // streams
  base::Counter& h2_bombs;
  std::array<base::Counter*, 9> h2_floods{};  // by h2::Flood
  void count(const net::TlsStream& tls) noexcept {
    tls_handshakes[(tls.version() == "TLSv1.3" ? 2u : 0u) + (tls.resumed() ? 1u : 0u)]->add();
  }
};

// How long it took until a connection could carry its first request.
struct ConnectionTimes {
  Duration accept{};  // from the accept to the TLS handshake, or to the protocol
  Duration tls{};     // of the handshake
};

class Session;

// On one loop's thread, all of it.
class Server {
 public:
  Server(net::Loop& loop, base::Telemetry& telemetry, ServerMetrics& metrics, SnapshotPtr snapshot,
         std::shared_ptr<net::ConnectionLimit> limit);
  ~Server();  // no session may be left

  void accept(std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance);
  void update(SnapshotPtr snapshot) { snapshot_ = std::move(snapshot); }
  // Idle connections close when no request came for `grace`, busy ones after their response.
  void drain(Duration grace);
  void cancel();  // all connections break now
  std::size_t sessions() const noexcept { return count_; }

  // For sessions.
  const SnapshotPtr& snapshot() const noexcept { return snapshot_; }
  bool draining() const noexcept { return draining_; }
  Duration drain_grace() const noexcept { return drain_grace_; }
  // Operators are let in whatever visitors do.
  bool over_memory(const conf::Http& http) const noexcept {
    return http.max_memory > 0 && metrics_.visitors && net::Buffers::in_use() > http.max_memory;
  }
  base::Telemetry& telemetry() noexcept { return telemetry_; }
  ServerMetrics& metrics() noexcept { return metrics_; }
  // For parked ones: a session again, or its end. `counted`: among the connections of its address.
  void go_on(std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance, bool counted,
             std::uint64_t served);
  void ended(net::Transport& transport, bool counted) noexcept;
  void ended(const base::IpAddress& peer, bool counted) noexcept;
  void enter(Session& session) noexcept;
  void leave(Session& session) noexcept;

 private:
  static net::Task<void> run(Server& server, std::unique_ptr<net::Transport> transport,
                             std::shared_ptr<const Entrance> entrance);
  static net::Task<void> run_again(Server& server, std::unique_ptr<net::Transport> transport,
                                   std::shared_ptr<const Entrance> entrance, bool counted, std::uint64_t served);
  static net::Task<std::uint64_t> speak_h1(Server& server, net::Transport& transport, const Entrance& entrance,
                                           ConnectionTimes times, std::uint64_t served);
  static net::Task<void> speak_h2(Server& server, net::Transport& transport, ConnectionTimes times);

  net::Loop& loop_;
  base::Telemetry& telemetry_;
  ServerMetrics& metrics_;
  SnapshotPtr snapshot_;
  std::shared_ptr<net::ConnectionLimit> limit_;
  Session* first_ = nullptr;
  std::size_t count_ = 0;
  bool draining_ = false;
  Duration drain_grace_{};
};

// One connection of any protocol, as the server sees it.
class Session {
 public:
  virtual void drain() noexcept = 0;
  virtual void cancel() noexcept = 0;

 protected:
  virtual ~Session() = default;

 private:
  friend class Server;
  Session* next_ = nullptr;
  Session* previous_ = nullptr;
};

}  // namespace genkan::http
