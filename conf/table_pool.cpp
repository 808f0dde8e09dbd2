// Rows of [[pool]], [[pool.backend]] and [pool.health].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

namespace {

Section backend_section() {
  SectionOf<Backend> s("One server of the pool.");
  s.row("name", &Backend::name, unset(text(), "its address"), "Name for the log and the status page.");
  s.row("address", &Backend::address, required(service(peer()), "\"192.0.2.1:8080\""),
        "Where it listens: \"192.0.2.1:8080\", \"[2001:db8::1]:80\", \"unix:/run/app.sock\", or \"app.example:80\", "
        "whose name is looked up again whenever its DNS record runs out. \"srv:_http._tcp.example\" stands for all "
        "servers that the SRV record names, with their ports and weights; those of a higher priority number serve "
        "while no other works.");
  s.row("node", &Backend::node, unset(text(), "its load is not known"),
        "Name under which the agent on that host announces its load (`name` in the agent's [node]).");
  s.row("weight", &Backend::weight, number(0, 1000),
        "Share of the requests, compared with the other backends; 0 takes it out of service.");
  s.row("max_connections", &Backend::max_connections, number(0, 1'000'000),
        "Connections that this node opens to it at once; 0 means no limit.");
  s.row("addresses", &Backend::addresses, words({"all", "first"}),
        "Where `address` is a name: with \"all\" each of its addresses is a backend of its own, with its own health, "
        "connections and limits; with \"first\" one of them is used until the name no longer has it. IPv6 addresses "
        "are used where a name has no others.");
  return s.take();
}

Section health_section() {
  SectionOf<Health> s(
      "How the pool's backends are checked. A backend that fails gets no requests until it is well again.");
  s.row("enabled", &Health::enabled, flag(), "Check at all.");
  s.row(
      "type", &Health::type, words({"http", "tcp", "tls", "grpc"}),
      "\"http\" sends a request and looks at the status code, over TLS and HTTP/2 where the pool speaks these; \"tcp\" "
      "only opens a connection; \"tls\" also shakes hands; \"grpc\" asks the gRPC health service.");
  s.row("path", &Health::path, text(), "What the HTTP check asks for, such as \"/healthz\".");
  s.row("host", &Health::host, unset(text(), "the backend's address"), "Host field of the HTTP check.");
  s.row("body", &Health::body, unset(pattern(), "the content is not looked at"),
        "Pattern that the first 64 KiB of an HTTP answer's content must hold, such as \"status.*ok\".");
  s.row("service", &Health::service, unset(text(), "the server as a whole"),
        "Service that the gRPC check asks for (grpc.health.v1).");
  s.row("interval", &Health::interval, duration(100ms, 1h), "Time from one check of a backend to the next.");
  s.row("jitter", &Health::jitter, number(0, 50),
        "How much an interval differs from the last, in percent, so that many proxies do not check in step.");
  s.row("timeout", &Health::timeout, duration(10ms, 1min), "A check that takes longer has failed.");
  s.row("rise", &Health::rise, number(1, 100), "Good checks in a row until a failed backend is used again.");
  s.row("fall", &Health::fall, number(1, 100), "Failed checks in a row until a backend counts as failed.");
  s.row("expect", &Health::expect, text(), "Status codes that are good, such as \"200\" or \"200-299,401\".");
  return s.take();
}

}  // namespace

Section pool_section() {
  SectionOf<Pool> s("A group of equal backends that a [[route]] sends requests to.");
  s.row("name", &Pool::name, required(text(), "\"app\""), "Name that routes call it by.");
  s.row(
      "scheduler", &Pool::scheduler,
      words({"round_robin", "least_connections", "random", "two_choices", "peak_ewma", "hash", "chain"}),
      "How a backend is chosen: in turn by weight; the one with the fewest requests in flight for its weight (of a "
      "pool "
      "with more than 32, the best of 32 random ones); at random by weight; the less busy of two random ones; of two "
      "random ones that whose latency times its requests in flight is less; by a consistent hash of `hash_key`; or by "
      "the candidacy functions of `chain`.");
  s.row("hash_key", &Pool::hash_key, text(),
        "What the scheduler \"hash\" looks at: \"client\" (its address), \"path\", \"uri\" (with the query), "
        "\"header:NAME\", \"cookie:NAME\" or \"query:NAME\". Where a request has none, the client's address.");
  s.row("hash_balance", &Pool::hash_balance, number(0, 10'000),
        "With the scheduler \"hash\": what a backend may hold, in percent of its fair share of the requests in flight; "
        "what "
        "is beyond goes to the next on the ring. At least 101; 0 means no limit.");
  s.row("chain", &Pool::chain, list_of(text()),
        "Candidacy functions for the scheduler \"chain\", applied in order to the list of healthy backends; the first "
        "one "
        "left is used. Example: [\"byAge 5s\", \"byRandom\", \"byLogWindow\", \"byLoad\"].");
  s.row("sticky_cookie", &Pool::sticky_cookie, unset(text(), "clients are not brought back"),
        "Name of a cookie that brings a client back to the backend it was served by, while that one works or drains.");
  s.row("sticky_key", &Pool::sticky_key, unset(secret(), "made from [cluster] key, else at the first start"),
        "Secret that the cookie's value is made with. Nodes that share a pool must share it.");
  s.row("sticky_max_age", &Pool::sticky_max_age, duration(0ms, 24h * 400),
        "How long a browser keeps the cookie; 0 means until it is closed.");
  s.row("slow_start", &Pool::slow_start, duration(0ms, 24h),
        "A backend that comes back gets a tenth of its share at first, and all of it after this time.");
  s.row(
      "panic_below", &Pool::panic_below, number(0, 100),
      "When less than this percentage of the backends work, requests go to all of them. Whatever it says, that happens "
      "when none works and there is no `fallback`.");
  s.row("fallback", &Pool::fallback, unset(text(), "503"),
        "A pool that serves while this one has no backend that works.");
  s.row("queue", &Pool::queue, number(0, 100'000),
        "Requests that each worker lets wait when all backends are at their `max_connections`; more are answered 503.");
  s.row("queue_timeout", &Pool::queue_timeout, duration(1ms, 5min), "How long such a request waits at most; then 503.");
  s.row("eject_after", &Pool::eject_after, number(0, 1000),
        "Requests that must fail in a row at one backend until it is left out for a while; 0 means never.");
  s.row("eject_for", &Pool::eject_for, duration(100ms, 1h),
        "How long a backend is left out the first time. It doubles each time it fails again at once, up to 16 times.");
  s.row("connect_timeout", &Pool::connect_timeout, duration(1ms, 5min), "Time for a backend to accept a connection.");
  s.row("response_timeout", &Pool::response_timeout, duration(1ms, 24h),
        "Time for a backend to begin its response, from the end of the request; else 504.");
  s.row("idle_timeout", &Pool::idle_timeout, duration(0ms, 24h),
        "How long an unused connection to a backend is kept. Stay below the backend's own limit.");
  s.row("idle_connections", &Pool::idle_connections, number(0, 1'000'000),
        "Unused connections that each worker keeps to one backend.");
  s.row("retries", &Pool::retries, number(0, 16),
        "Further backends to try when one fails before it has answered. Only requests that may be repeated (GET, HEAD, "
        "PUT, DELETE, OPTIONS, TRACE) are tried again.");
  s.row(
      "retry_on", &Pool::retry_on, list_of(text()),
      "What makes a request go to another backend: \"connect\" (it was not reached), \"broken\" (the connection broke "
      "before its answer), \"timeout\" (no answer in `response_timeout`), or a status such as \"503\".");
  s.row(
      "retry_budget", &Pool::retry_budget, number(0, 100),
      "Retries in percent of the requests, so that a pool in trouble is not hit twice as hard; ten a second are always "
      "allowed to each worker.");
  s.row("hedge_percentile", &Pool::hedge_percentile, number(0, 99),
        "A GET or HEAD (any safe request without content) that waits longer for its response than this percentage of "
        "those before is sent to a second backend as well; who answers first serves. At least 50; 0 means off.");
  s.row("hedge_after", &Pool::hedge_after, duration(0ms, 5min),
        "The same after a fixed time. Together with `hedge_percentile`: not before this time. 0 means off.");
  s.row("hedge_budget", &Pool::hedge_budget, number(1, 100),
        "Such second requests in percent of the requests, so that a slow pool is not made slower.");
  s.row("warm_connections", &Pool::warm_connections, number(0, 1000),
        "Unused connections that each worker keeps open to each backend, so that no request waits for one.");
  s.row("max_pending", &Pool::max_pending, number(0, 100'000),
        "Connections to one backend that may be waiting to be accepted; what needs one more goes to another backend, "
        "or is answered 503 at once. 0 means no limit.");
  s.row("protocol", &Pool::protocol, words({"http/1.1", "h2", "auto"}),
        "What the backends speak. With \"h2\", HTTP/2, one connection of each worker carries many requests; gRPC needs "
        "it. With \"auto\" it is settled with each backend in the TLS handshake (ALPN), so it needs `tls`.");
  s.row("tls", &Pool::tls, words({"off", "on"}), "Whether connections to the backends are encrypted.");
  s.row(
      "tls_verify", &Pool::tls_verify, flag(),
      "Whether a backend must show a certificate for its name that a known CA has signed. Without that anybody on the "
      "way can read and change everything.");
  s.row("tls_ca", &Pool::tls_ca, unset(path(), "those of the system"),
        "PEM file with the CA certificates that may have signed the backends' certificates.");
  s.row("tls_name", &Pool::tls_name, unset(text(), "the backend's host name or address"),
        "Name to ask for (SNI) and that the certificate must be for.");
  s.row("tls_cert", &Pool::tls_cert, unset(path(), "none"),
        "PEM file with the certificate, and those between it and its CA, to show to backends that ask for one.");
  s.row("tls_key", &Pool::tls_key, unset(path(), "none"), "PEM file with the key of `tls_cert`.");
  s.row("send_proxy", &Pool::send_proxy, words({"off", "v1", "v2"}),
        "Begin each connection with a header of the PROXY protocol, version 1 (text) or 2 (binary), that tells the "
        "backend the client's address. Connections then serve one client each.");
  s.row("from_agents", &Pool::from_agents, unset(text(), "only those that are written here"),
        "Nodes and agents that announce this name (`serves` in their [cluster]) are backends too, for as long as they "
        "are heard.");
  s.row("webmail", &Pool::webmail, flag(), "The built-in webmail is this pool's only backend. Needs [webmail].");
  s.many("backend", &Pool::backends, backend_section());
  s.one("health", &Pool::health, health_section());
  return s.take();
}

}  // namespace genkan::conf
