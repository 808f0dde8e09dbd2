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
  s.row("client_auth", &Listen::client_auth, unset(words({"off", "optional", "required"}), "as the certificate says"),
        "Whether clients of this port must show a certificate, whatever host they ask for. \"optional\": who shows one "
        "must show a good one. Unset: each [[certificate]] says so for its own hosts.");
  s.row(
      "client_ca", &Listen::client_ca, unset(path(), "none"),
      "PEM file with the CA certificates that may have issued clients' certificates; for `client_auth` of this port.");
  s.row("client_crl", &Listen::client_crl, unset(path(), "none"),
        "PEM file with the CA's list of revoked certificates; for `client_auth` of this port.");
  s.row("early_data", &Listen::early_data, flag(),
        "Let clients that come back send their first request with the handshake (TLS 1.3, 0-RTT). Only GET, HEAD and "
        "OPTIONS without content are served then, with `Early-Data: 1` for the backend; others are answered 425.");
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
  s.row("client_auth", &Certificate::client_auth, words({"off", "optional", "required"}),
        "Whether clients that ask for these hosts must show a certificate of their own. \"optional\": who shows one "
        "must show a good one.");
  s.row("client_ca", &Certificate::client_ca, unset(path(), "none"),
        "PEM file with the CA certificates that may have issued clients' certificates.");
  s.row("client_crl", &Certificate::client_crl, unset(path(), "none"),
        "PEM file with the CA's list of revoked certificates. With it, one that has run out lets nobody in.");
  s.row("ocsp_stapling", &Certificate::ocsp_stapling, flag(),
        "Ask the CA's responder, which the certificate names, and send its answer along with the certificate (OCSP "
        "stapling). The answer is verified, kept, and renewed in time; while there is none nothing is sent.");
  s.row("ocsp_file", &Certificate::ocsp_file, unset(path(), "none"),
        "File with the responder's answer (DER) that another program keeps fresh; instead of `ocsp_stapling`.");
  s.row("acme", &Certificate::acme, flag(),
        "Order it for `names` from the CA of [acme], and renew it in time. Until the first one is there a self-signed "
        "one serves.");
  return s.take();
}

Section tls_section() {
  SectionOf<Tls> s("What is common to all HTTPS ports.");
  s.row("preset", &Tls::preset, words({"modern", "intermediate"}),
        "Mozilla's recommendation to follow. \"modern\": TLS 1.3 only. \"intermediate\": TLS 1.2 too, with forward "
        "secrecy and authenticated encryption only. What is set below goes before it.");
  s.row("min_version", &Tls::min_version, unset(words({"1.2", "1.3"}), "the preset's"),
        "The oldest TLS version that clients may use.");
  s.row("ciphers", &Tls::ciphers, unset(text(), "the preset's"),
        "Cipher suites for TLS 1.2 as a list in OpenSSL's form.");
  s.row("cipher_suites", &Tls::cipher_suites, unset(text(), "the preset's"),
        "Cipher suites for TLS 1.3 as a list in OpenSSL's form; all of them are good.");
  s.row("curves", &Tls::curves, unset(list_of(text()), "X25519, prime256v1, secp384r1"),
        "Groups for the key exchange, the preferred one first.");
  s.row("session_tickets", &Tls::session_tickets, words({"on", "1.3", "off"}),
        "Let clients resume a session with a ticket, on any worker and any node with the same [cluster] key, and after "
        "a restart. \"1.3\": only where each session still has a key exchange of its own (TLS 1.3).");
  s.row("ticket_rotation", &Tls::ticket_rotation, duration(1s, 24h * 7),
        "How long one key makes tickets. It reads them once as long again, then nobody can resume with them.");
  s.row("watch_interval", &Tls::watch_interval, duration(0ms, 24h),
        "How often certificate files are looked at for a change, which then takes effect without a reload. 0: never.");
  s.row("client_fields", &Tls::client_fields, list_of(text()),
        "What backends are told of a client's certificate, as \"Field-Name: fact\". Facts: verified (SUCCESS or NONE), "
        "subject, issuer, serial, fingerprint (SHA-256), san, not_after, certificate (as in RFC 9440). Fields of these "
        "names that clients send are always removed.");
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
        "Buffers of all client connections and requests together: what was received and not passed on, compression, "
        "pieces of files, copies for mirrors, second requests and the cache. Above it new connections are closed and "
        "new requests are answered 503, until it is less again. 0: no limit.");
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
