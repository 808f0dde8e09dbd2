// Rows of [[listen]], [[certificate]], [tls] and [http].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section listen_section() {
  SectionOf<Listen> s("An HTTP or HTTPS port.");
  s.row("name", &Listen::name, unset(text(), "its first address"), "Name for the log and the status page.");
  s.row(
      "address", &Listen::address, required(list_of(endpoint()), "[\"127.0.0.1:8080\"]"),
      "Addresses to listen on, such as [\"0.0.0.0:80\", \"[::]:80\"] or [\"unix:/run/genkan.sock\"]; \"*:80\" is every "
      "IPv4 address.");
  s.row("tls", &Listen::tls, flag(), "Speak HTTPS. Needs at least one [[certificate]].");
  s.row("protocols", &Listen::protocols, list_of(words({"h2", "http/1.1"})),
        "HTTP versions spoken here, the preferred one first. With TLS the client chooses by ALPN; without, an HTTP/2 "
        "client must know beforehand (its first bytes say so).");
  s.row(
      "proxy_protocol_from", &Listen::proxy_protocol_from, list_of(cidr()),
      "Load balancers in front of this port: a connection from one of these networks must begin with a PROXY protocol "
      "header (version 1 or 2), which names the real client. Example: [\"192.0.2.0/24\"].");
  return s.take();
}

Section certificate_section() {
  SectionOf<Certificate> s(
      "A TLS certificate. The client's server name (SNI) chooses among them; the first one serves everybody else.");
  s.row("names", &Certificate::names, unset(list_of(text()), "the names in the certificate"),
        "Host names to use it for, such as [\"example.org\", \"*.example.org\"].");
  s.row("cert", &Certificate::cert, example(path(), "\"/etc/genkan/tls/example.org.crt\""),
        "PEM file with the certificate and the chain behind it.");
  s.row("key", &Certificate::key, example(path(), "\"/etc/genkan/tls/example.org.key\""),
        "PEM file with the private key.");
  s.row("self_signed", &Certificate::self_signed, flag(),
        "Make a self-signed certificate for `names` and keep it in `state_dir`. For demonstrations and tests only: "
        "browsers warn of it.");
  return s.take();
}

Section tls_section() {
  SectionOf<Tls> s("What is common to all HTTPS ports.");
  s.row("min_version", &Tls::min_version, words({"1.2", "1.3"}), "The oldest TLS version that clients may use.");
  s.row("ciphers", &Tls::ciphers, unset(text(), "Mozilla's intermediate set"),
        "Cipher suites for TLS 1.2 as a list in OpenSSL's form. TLS 1.3 has its own, all of them good.");
  return s.take();
}

Section http_section() {
  SectionOf<Http> s("Limits and deadlines for HTTP clients, on all ports.");
  s.row("max_fields", &Http::max_fields, number(8, 10'000), "Header fields in one request; more are answered 431.");
  s.row("max_head", &Http::max_head, size(1024, 1u << 20),
        "Size of a request's head (request line and header fields); a larger one is answered 431.");
  s.row("max_target", &Http::max_target, size(256, 1u << 20),
        "Length of a request's target (path and query); a longer one is answered 414.");
  s.row("max_body", &Http::max_body, size(0), "Size of a request's body; a larger one is answered 413. 0: no limit.");
  s.row("head_timeout", &Http::head_timeout, duration(100ms, 10min),
        "Time for a client to send a whole request head, from its first byte; else 408.");
  s.row("idle_timeout", &Http::idle_timeout, duration(0ms, 24h),
        "How long a connection may wait for its next request before it is closed.");
  s.row("body_timeout", &Http::body_timeout, duration(100ms, 24h),
        "How long a body may stand still, in either direction, before the connection is closed.");
  s.row("min_rate", &Http::min_rate, size(0, 1u << 30),
        "Bytes a second that a client must send or take of a body, on average over the time that Genkan waited for it; "
        "a slower one is cut off (408 where an answer is possible). Waiting for a backend does not count. 0: none.");
  s.row("min_rate_grace", &Http::min_rate_grace, duration(0ms, 1h),
        "How long Genkan waits for one body's client in total before `min_rate` counts.");
  s.row("merge_slashes", &Http::merge_slashes, flag(),
        "\"//\" in a path is \"/\", for the rules and for the backend. False: empty segments stay.");
  s.row("limits", &Http::limits, list_of(text()), "Names of [[limit]]s that hold for every route.");
  s.row("requests_per_connection", &Http::requests_per_connection, number(0, UINT64_MAX),
        "Requests answered on one connection before it is closed. 0: no limit.");
  s.row("server_name", &Http::server_name, text(), "Name of this server in Server and Via fields.");
  s.row("max_connections", &Http::max_connections, number(1, 1'000'000),
        "Client connections at once on all ports together. Above it new clients wait in the system's queue.");
  s.row("max_connections_per_address", &Http::max_connections_per_address, number(0, 1'000'000),
        "Connections at once from one client address (IPv6: from one /64); what comes beyond it is closed before a "
        "byte of it is read. Behind a PROXY header it counts for the address in the header. 0: no limit.");
  s.row("max_memory", &Http::max_memory, size(0),
        "Buffers of all client connections together. Above it new connections are closed and new requests are answered "
        "503, until it is less again. 0: no limit.");
  s.row("h2_max_streams", &Http::h2_max_streams, number(1, 10'000),
        "Requests at once on one HTTP/2 connection. What a client opens beyond it is refused.");
  s.row("tunnel_timeout", &Http::tunnel_timeout, duration(1s, 24h * 30),
        "How long a WebSocket or another upgraded connection may be silent in both directions before it is closed.");
  s.row("request_id", &Http::request_id, flag(),
        "Give every request an X-Request-ID for the backends and the logs: its own where it comes from "
        "`request_id_from`, else a new one.");
  s.row("request_id_from", &Http::request_id_from, list_of(cidr()),
        "Peers whose X-Request-ID is kept: proxies in front of this one.");
  s.row("trace", &Http::trace, flag(),
        "See to it that every request has a valid traceparent field (W3C Trace Context): one that came is passed on as "
        "it is, a missing or malformed one is replaced by the begin of a new trace.");
  s.row("trace_sample", &Http::trace_sample, number(0, 100),
        "Per cent of the traces begun here that ask the backends to record them.");
  return s.take();
}

}  // namespace genkan::conf
