#include "http/server.hpp"

#include <sys/socket.h>

#include "http/h1/session.hpp"
#include "http/h2/server_session.hpp"
#include "http/parked.hpp"
#include "net/proxy_protocol.hpp"

namespace genkan::http {
namespace {

// Reads the PROXY header that this peer must send, byte-exact, before anything else.
net::Task<Result<void>> take_proxy_header(net::Transport& transport, Duration timeout) {
  std::string data;
  char buffer[4096];
  transport.read_deadline(transport.loop().now() + timeout);
  for (;;) {
    const auto n = co_await transport.read_some(buffer, sizeof buffer);
    if (!n) co_return n.error();
    if (*n == 0) co_return Errc::end_of_stream;
    data.append(buffer, *n);
    const net::ProxyHeader header = net::parse_proxy_header(data);
    if (header.state == net::ProxyHeader::State::malformed || data.size() > net::kMaxProxyHeader)
      co_return Errc::malformed;
    if (header.state == net::ProxyHeader::State::more) continue;
    transport.unread(std::string_view(data).substr(header.size));
    if (header.source) transport.set_peer(*header.source);
    co_return Result<void>();
  }
}

// RFC 9113 3.3: whether the client speaks HTTP/2 without having asked. Hardly a client takes the longer way: the first
// bytes are looked at where they lie. On an error HTTP/1 finds out the same.
net::Task<bool> begins_h2(net::Transport& transport, Duration timeout, bool pushed_back) {
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  char buffer[kPreface.size()];
  transport.read_deadline(transport.loop().now() + timeout);
  if (!pushed_back) {
    const auto ready = co_await transport.readable();
    if (!ready) co_return false;
    const ssize_t n = ::recv(transport.fd(), buffer, sizeof buffer, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0 && !kPreface.starts_with(std::string_view(buffer, static_cast<std::size_t>(n)))) co_return false;
    if (n == static_cast<ssize_t>(sizeof buffer)) co_return true;
  }
  std::string data;
  while (data.size() < kPreface.size() && kPreface.starts_with(data)) {
    const auto n = co_await transport.read_some(buffer, kPreface.size() - data.size());
    if (!n || *n == 0) break;
    data.append(buffer, *n);
  }
  transport.unread(data);
  co_return data == kPreface;
}

// Takes a place among the connections of its address. False: there are too many.
bool enter_address(net::ConnectionLimit& limit, ServerMetrics& metrics, const base::Endpoint& peer, bool& counted) {
  const auto max = limit.max_per_address.load(std::memory_order_relaxed);
  if (max == 0 || peer.is_unix()) return true;
  counted = limit.addresses.enter(peer.ip, max);
  if (!counted) metrics.over_address.add();
  return counted;
}

}  // namespace

ServerMetrics::ServerMetrics(base::Metrics& m, const std::string& side)
    : visitors(side == "public"),
      connections(m.gauge("genkan_http_connections", "Open client connections", {{"side", side}})),
      accepted(m.counter("genkan_http_connections_accepted_total", "Client connections accepted", {{"side", side}})),
      requests(m.counter("genkan_http_requests_total", "Requests received", {{"side", side}})),
      bad_requests(m.counter("genkan_http_requests_refused_total",
                             "Requests refused before any handler saw them, or failed inside", {{"side", side}})),
      over_address(m.counter("genkan_http_connections_refused_total", "Connections closed before they were read",
                             {{"side", side}, {"reason", "address"}})),
      over_memory(m.counter("genkan_http_connections_refused_total", "Connections closed before they were read",
                            {{"side", side}, {"reason", "memory"}})),
      no_memory(m.counter("genkan_http_requests_without_memory_total",
                          "Requests answered 503 because http.max_memory was reached", {{"side", side}})),
      tls_failures(m.counter("genkan_http_tls_handshakes_failed_total", "TLS handshakes with clients that failed",
                             {{"side", side}})),
      h2_connections(m.gauge("genkan_http2_connections", "Open HTTP/2 connections of clients", {{"side", side}})),
      h2_refused(m.counter("genkan_http2_streams_refused_total",
                           "Requests refused because a client had too many at once", {{"side", side}})),
      h2_stalled(m.counter("genkan_http2_streams_stalled_total",
                           "Responses given up because the client opened no window for them", {{"side", side}})),
      h2_bombs(m.counter("genkan_http2_header_bombs_total",
                         "HTTP/2 clients sent away for a header block that unpacked to far too much",
                         {{"side", side}})) {
  for (std::size_t i = 0; i < tls_handshakes.size(); ++i) {
    tls_handshakes[i] = &m.counter(
        "genkan_http_tls_handshakes_total", "TLS handshakes with clients",
        {{"side", side}, {"version", i < 2 ? "TLSv1.2" : "TLSv1.3"}, {"resumed", i % 2 == 0 ? "no" : "yes"}});
  }
  for (std::size_t i = 1; i < h2_floods.size(); ++i) {
    h2_floods[i] = &m.counter("genkan_http2_floods_total", "HTTP/2 clients sent away for a flood of frames",
                              {{"side", side}, {"kind", std::string(h2::flood_name(static_cast<h2::Flood>(i)))}});
  }
}

Server::Server(net::Loop& loop, base::Telemetry& telemetry, ServerMetrics& metrics, SnapshotPtr snapshot,
               std::shared_ptr<net::ConnectionLimit> limit)
    : loop_(loop), telemetry_(telemetry), metrics_(metrics), snapshot_(std::move(snapshot)), limit_(std::move(limit)) {}

Server::~Server() = default;

void Server::accept(std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance) {
  metrics_.accepted.add();
  if (over_memory(snapshot_->conf->http)) {
    metrics_.over_memory.add();
    limit_->open.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  metrics_.connections.add();
  net::spawn(loop_, run(*this, std::move(transport), std::move(entrance)));
}

net::Task<void> Server::run(Server& server, std::unique_ptr<net::Transport> transport,
                            std::shared_ptr<const Entrance> entrance) {
  // Until a session stands, a drain or cancel reaches the connection through this.
  class Opening final : public Session {
   public:
    Opening(Server& s, net::Transport& t) : server_(s), transport_(t) { server_.enter(*this); }
    ~Opening() override { server_.leave(*this); }
    void drain() noexcept override {}
    void cancel() noexcept override { transport_.cancel(); }

   private:
    Server& server_;
    net::Transport& transport_;
  };
  const SnapshotPtr snapshot = server.snapshot();
  bool open = true, proxied = false, counted = false;
  if (!entrance->proxy_from.contains(transport->peer().ip)) {
    open = enter_address(*server.limit_, server.metrics(), transport->peer(), counted);
  }
  ConnectionTimes times;
  const Time accepted = transport->loop().now();
  {
    Opening opening(server, *transport);
    const Duration timeout = snapshot->conf->http.head_timeout;
    if (open && entrance->proxy_from.contains(transport->peer().ip)) {
      proxied = true;
      const auto header = co_await take_proxy_header(*transport, timeout);
      open = header.has_value();
      if (!open) {
        server.telemetry().log.warning("a PROXY header was expected and did not come",
                                       {{"listener", entrance->name}, {"peer", transport->peer().text()}});
      }
      open = open && enter_address(*server.limit_, server.metrics(), transport->peer(), counted);
    }
    times.accept = transport->loop().now() - accepted;
    if (open && entrance->tls) {
      const Time began = Clock::now();
      transport->read_deadline(transport->loop().now() + timeout);
      auto stream = snapshot->tls->accept(entrance->name);
      const auto done = co_await transport->handshake(std::move(stream));
      open = done.has_value();
      if (open) server.metrics().count(*transport->tls());
      times.tls = Clock::now() - began;
      if (!open) {
        server.metrics().tls_failures.add();
        server.telemetry().log.debug("a TLS handshake failed",
                                     {{"peer", transport->peer().text()}, {"error", done.error().message()}});
      }
    }
  }
  bool h2 = false;
  if (open) {
    if (transport->tls()) {
      h2 = transport->tls()->alpn() == "h2";
      open = transport->tls()->alpn() != "acme-tls/1";  // RFC 8737 3: the handshake was all
    } else if (!entrance->speaks("http/1.1")) {
      h2 = true;
    } else if (entrance->speaks("h2")) {
      h2 = co_await begins_h2(*transport, snapshot->conf->http.head_timeout, proxied);
    }
  }
  if (open && h2) {
    co_await speak_h2(server, *transport, times);
  } else if (open && entrance->speaks("http/1.1")) {
    const std::uint64_t served = co_await speak_h1(server, *transport, *entrance, times, 0);
    if (served > 0) {
      park(server, std::move(transport), std::move(entrance), counted, served);
      co_return;
    }
  }
  server.ended(*transport, counted);
}

net::Task<void> Server::run_again(Server& server, std::unique_ptr<net::Transport> transport,
                                  std::shared_ptr<const Entrance> entrance, bool counted, std::uint64_t before) {
  const ConnectionTimes times;
  const std::uint64_t served = co_await speak_h1(server, *transport, *entrance, times, before);
  if (served > 0) {
    park(server, std::move(transport), std::move(entrance), counted, served);
    co_return;
  }
  server.ended(*transport, counted);
}

void Server::go_on(std::unique_ptr<net::Transport> transport, std::shared_ptr<const Entrance> entrance, bool counted,
                   std::uint64_t served) {
  net::spawn(loop_, run_again(*this, std::move(transport), std::move(entrance), counted, served));
}

void Server::ended(net::Transport& transport, bool counted) noexcept {
  transport.close();
  ended(transport.peer().ip, counted);
}

void Server::ended(const base::IpAddress& peer, bool counted) noexcept {
  metrics_.connections.add(-1);
  limit_->open.fetch_sub(1, std::memory_order_relaxed);
  if (counted) limit_->addresses.leave(peer);
}

// Frames of their own: a connection holds the session of its protocol alone. The number of requests when the
// connection has become quiet, 0 when it has ended.
net::Task<std::uint64_t> Server::speak_h1(Server& server, net::Transport& transport, const Entrance& entrance,
                                          ConnectionTimes times, std::uint64_t served) {
  h1::ServerSession session(server, transport, entrance, transport.local(), times, served);
  co_await session.run();
  co_return session.quiet() ? session.served() : 0;
}

net::Task<void> Server::speak_h2(Server& server, net::Transport& transport, ConnectionTimes times) {
  h2::ServerSession session(server, transport, transport.local(), times);
  co_await session.run();
}

void Server::enter(Session& session) noexcept {
  session.previous_ = nullptr;
  session.next_ = first_;
  if (first_) first_->previous_ = &session;
  first_ = &session;
  ++count_;
}

void Server::leave(Session& session) noexcept {
  (session.previous_ ? session.previous_->next_ : first_) = session.next_;
  if (session.next_) session.next_->previous_ = session.previous_;
  --count_;
}

void Server::drain(Duration grace) {
  draining_ = true;
  drain_grace_ = grace;
  for (Session* s = first_; s;) std::exchange(s, s->next_)->drain();
}

void Server::cancel() {
  draining_ = true;
  for (Session* s = first_; s;) std::exchange(s, s->next_)->cancel();
}

}  // namespace genkan::http
