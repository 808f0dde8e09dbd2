#include "proxy/forward.hpp"

#include <atomic>

#include "base/text.hpp"
#include "http/h1/framing.hpp"
#include "net/loop.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;
using Stage = http::OriginFailure::Stage;

constexpr std::size_t kMaxTries = 8;

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

// Adds an element to a list field. The common case, that it is not there yet, copies nothing twice.
void append(http::Fields& fields, FieldId id, std::string_view element) {
  if (!fields.has(id)) return fields.add(id, element);
  std::string all = fields.joined(id);
  if (!all.empty()) all += ", ";
  all += element;
  fields.set(id, all);
}

// "for=192.0.2.1;proto=http;host=\"example.org\"" (RFC 7239 4: an IPv6 address is bracketed, and quoted for its
// colons).
void write_forwarded(const http::Request& r, std::string& out) {
  out = "for=";
  if (r.client->is_unix()) {
    out += "unknown";
  } else if (r.client->ip.is_v4()) {
    out += r.client_text;
  } else {
    out.append("\"[").append(r.client_text).append("]\"");
  }
  out.append(";proto=").append(r.scheme);
  if (r.authority.empty()) return;
  out += ";host=\"";
  for (const char c : r.authority) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

void OriginPools::open(net::Loop& loop) {
  pools_[static_cast<std::size_t>(loop.slot())] = std::make_unique<http::OriginPool>(loop);
}
void OriginPools::close(net::Loop& loop) { pools_[static_cast<std::size_t>(loop.slot())].reset(); }

ForwardMetrics::ForwardMetrics(base::Metrics& m)
    : retries(m.counter("genkan_proxy_retries_total", "Requests sent to a backend once more")),
      no_backend(m.counter("genkan_proxy_no_backend_total", "Requests for which no backend was left")),
      failures(m.counter("genkan_proxy_failures_total", "Requests answered with 502 or 504")) {}

// Stays with the request until its last byte, then tells the backend's statistics how it went.
struct Forward::Flight {
  std::shared_ptr<cluster::Pool> pool;
  cluster::InFlight flight;
  Time started;  // of the request
  void finished(const http::Outcome& outcome) noexcept {
    const Time now = started + outcome.duration;
    if (outcome.content_broken) {
      flight.finish(cluster::Outcome::broken, now);
    } else if (!outcome.complete) {
      flight.finish(cluster::Outcome::neutral, now);
    } else {
      flight.finish(outcome.status >= 500 ? cluster::Outcome::server_error : cluster::Outcome::ok, now);
    }
  }
};

Forward::Forward(std::shared_ptr<cluster::Pool> pool, OriginPools& origins, base::Telemetry& telemetry,
                 ForwardMetrics& metrics, Options options)
    : pool_(std::move(pool)),
      origins_(origins),
      telemetry_(telemetry),
      metrics_(metrics),
      options_(std::move(options)),
      id_(next_id()) {
  const conf::Pool& conf = pool_->conf();
  limits_.connect_timeout = conf.connect_timeout;
  limits_.response_timeout = conf.response_timeout;
  limits_.idle_timeout = conf.idle_timeout;
  limits_.idle_connections = conf.idle_connections;
  limits_.body_timeout = options_.body_timeout;
  limits_.max_head = options_.max_head;
  via_ = "1.1 " + options_.server_name;
  via_1_0_ = "1.0 " + options_.server_name;
}

Forward::~Forward() = default;

// What the backend learns about the client (RFC 9110 7.6.3, RFC 7239), at the end of what earlier proxies said.
void Forward::describe_client(http::Request& r, http::Fields& out) const {
  append(out, FieldId::via, r.minor_version == 0 ? via_1_0_ : via_);
  append(out, FieldId::x_forwarded_for, r.client_text);
  out.set(FieldId::x_forwarded_proto, r.scheme);
  if (!r.authority.empty()) out.set(FieldId::x_forwarded_host, r.authority);
  std::string forwarded;
  write_forwarded(r, forwarded);
  append(out, FieldId::forwarded, forwarded);
}

// Takes away what the backend must not see (RFC 9110 7.6.1), adds what it must know.
void Forward::prepare(http::Request& r) const {
  constexpr std::uint64_t kOurs = http::Fields::bit(FieldId::via) | http::Fields::bit(FieldId::x_forwarded_for) |
                                  http::Fields::bit(FieldId::x_forwarded_proto) |
                                  http::Fields::bit(FieldId::x_forwarded_host) | http::Fields::bit(FieldId::forwarded);
  http::h1::remove_hop_by_hop(r.fields);
  if ((r.fields.present() & kOurs) != 0) return describe_client(r, r.fields);
  // Most requests of a connection get the same lines.
  auto& usual = r.usual;
  if (usual.maker != id_ || usual.minor_version != r.minor_version || usual.authority != r.authority) {
    usual.maker = id_;
    usual.minor_version = r.minor_version;
    usual.authority = r.authority;
    usual.fields.clear();
    describe_client(r, usual.fields);
  }
  r.fields.append(usual.fields);
}

// RFC 9110 7.6.2: OPTIONS and TRACE that may go no further are answered here.
bool Forward::answer_max_forwards(http::Request& r, http::Response& out) const {
  if (r.method != http::Method::options && r.method != http::Method::trace) return false;
  const auto value = r.fields.get(FieldId::max_forwards);
  if (!value) return false;
  const auto hops = base::parse_uint(*value);
  if (!hops) {
    out = http::error_page(r, 400, "Max-Forwards is not a number.");
    return true;
  }
  if (*hops > 0) {
    r.fields.set(FieldId::max_forwards, std::to_string(*hops - 1));
    return false;
  }
  if (r.method == http::Method::options) {
    out = r.reply(204);
    out.head->fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  } else {
    out = http::error_page(r, 405, "TRACE is not answered here.");
    out.head->fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  }
  return true;
}

net::Task<Result<http::Response>> Forward::handle(http::Request& r) {
  http::Response local;
  if (answer_max_forwards(r, local)) co_return local;
  prepare(r);
  const std::string_view target = r.origin_target();
  const std::string_view host = options_.host.empty() ? r.authority : std::string_view(options_.host);
  http::OriginPool& origins = origins_.of(r.loop);
  http::OriginPool::Replay replay;
  std::array<const cluster::Backend*, kMaxTries> tried{};
  std::size_t tried_count = 0;
  bool fresh = false;
  cluster::Choice choice;
  for (;;) {
    if (!fresh) {
      choice = pool_->pick({r.loop.now()}, std::span(tried).first(tried_count));
    }
    cluster::Backend* backend = choice.backend();
    if (!backend) {
      metrics_.no_backend.add();
      telemetry_.log.warning("no backend can take a request", {{"pool", pool_->name()}, {"why", choice.why.text()}});
      local = http::error_page(r, 503, "No server is ready to answer at the moment. Please try again shortly.");
      local.head->fields.add(FieldId::retry_after, "5");
      co_return local;
    }
    r.backend = backend->name();
    ++r.tries;
    const base::Endpoint* endpoint = backend->fixed_endpoint();
    std::optional<base::Endpoint> resolved;
    if (!endpoint && (resolved = backend->endpoint())) endpoint = &*resolved;
    http::OriginPool::Answer answer;
    if (endpoint) {
      const std::string_view send_host = host.empty() ? std::string_view(backend->address()) : host;
      answer = co_await origins.exchange(r, *endpoint, target, send_host, limits_, replay, fresh);
    } else {
      answer.failure.error = Errc::not_found;
    }
    if (answer.ok()) {
      r.backend_time = r.loop.now() - r.started;
      Flight flight{pool_, std::move(choice.flight), r.started};
      r.attachment.emplace(std::move(flight));
      append(answer.response.head->fields, FieldId::via, via_);
      co_return std::move(answer.response);
    }
    const http::OriginFailure failure = answer.failure;
    if (failure.clients_fault) {
      choice.flight.finish(cluster::Outcome::neutral);
      co_return failure.error;
    }
    const bool retry = may_retry(r, failure, r.tries);
    if (failure.reused && retry && !fresh) {  // the kept connection had ended: nobody's fault
      fresh = true;
      continue;
    }
    choice.flight.finish(failure.stage == Stage::connect ? cluster::Outcome::connect_failed : cluster::Outcome::broken);
    telemetry_.log.warning(
        "a backend failed a request",
        {{"pool", pool_->name()}, {"backend", backend->name()}, {"error", failure.error.message()}, {"retry", retry}});
    fresh = false;
    if (!retry || tried_count == kMaxTries) co_return failed(r, failure);
    tried[tried_count++] = backend;
    metrics_.retries.add();
    // Everybody was tried: the first failure is what the client should hear.
    if (tried_count >= pool_->backends().size()) co_return failed(r, failure);
  }
}

// Nothing was sent to the client yet. A connection that was refused harms nobody; after that only requests whose
// repetition means the same are repeated (RFC 9110 9.2.2), and only while their content is still at hand.
bool Forward::may_retry(const http::Request& r, const http::OriginFailure& failure, int tries) const noexcept {
  if (failure.content_lost || tries > static_cast<int>(pool_->conf().retries) + (failure.reused ? 1 : 0)) return false;
  if (failure.stage == Stage::connect) return true;
  if (failure.error == Errc::timed_out) return false;  // it may be at work on it; waiting twice helps nobody
  return http::is_idempotent(r.method);
}

http::Response Forward::failed(http::Request& r, const http::OriginFailure& failure) {
  metrics_.failures.add();
  if (failure.error == Errc::timed_out) {
    return http::error_page(r, 504, "The server took too long to answer.");
  }
  if (failure.stage == Stage::connect) {
    return http::error_page(r, 502, "The server that should answer could not be reached.");
  }
  return http::error_page(r, 502, "The server that should answer sent nothing usable.");
}

}  // namespace genkan::proxy
