#include "proxy/forward.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/text.hpp"
#include "net/loop.hpp"
#include "net/proxy_protocol.hpp"
#include "proxy/hedge.hpp"
#include "proxy/held_body.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;
using Stage = http::OriginFailure::Stage;

constexpr std::size_t kMaxTries = 8;
constexpr Duration kMostHeld = 100ms, kHeldStep = 10ms;  // for the rest of a short answer

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

// Not the backend's failure: this process has no descriptor, or this host no memory, for one more connection.
bool out_of_room(const http::OriginFailure& failure) noexcept {
  if (failure.stage != Stage::connect || failure.error.category() != boost::system::system_category()) return false;
  const int e = failure.error.value();
  return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

}  // namespace

ForwardMetrics::ForwardMetrics(base::Metrics& m)
    : retries(m.counter("genkan_proxy_retries_total", "Requests sent to a backend once more")),
      no_backend(m.counter("genkan_proxy_no_backend_total", "Requests for which no backend was left")),
      no_room(m.counter("genkan_proxy_no_descriptor_total", "Requests answered 503 because no descriptor was left")),
      failures(m.counter("genkan_proxy_failures_total", "Requests answered with 502 or 504")),
      hedges(m.counter("genkan_proxy_hedges_total", "Slow requests that were sent to a second backend as well")),
      hedges_won(m.counter("genkan_proxy_hedges_won_total", "Those that the second backend answered first")) {}

// Stays with the request until its last byte, then tells the backend's statistics how it went.
struct Forward::Flight {
  std::shared_ptr<cluster::Pool> pool;
  Queue* queue;  // null: nobody ever waited
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
    if (queue) queue->wake();
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
  limits_.h2 = conf.protocol == "h2";
  limits_.settle = conf.protocol == "auto" && pool_->tls();
  limits_.max_pending = conf.max_pending;
  hedges_ = conf.hedge_percentile > 0 || conf.hedge_after.count() > 0;
  send_proxy_ = conf.send_proxy == "v1" ? 1 : conf.send_proxy == "v2" ? 2 : 0;
  limits_.body_timeout = options_.body_timeout;
  limits_.tunnel_timeout = options_.tunnel_timeout;
  limits_.max_head = options_.max_head;
  via_ = "1.1 " + options_.server_name;
  via_1_0_ = "1.0 " + options_.server_name;
  via_2_0_ = "2.0 " + options_.server_name;
  if (pool_->scheduler() == cluster::Scheduler::hash) key_ = PoolKey::parse(conf.hash_key);
  if (!conf.sticky_cookie.empty() && !options_.seat) {
    sticky_ = std::make_unique<Sticky>(*pool_, conf.sticky_cookie, options_.sticky_key, conf.sticky_max_age);
  }
  for (const auto& what : conf.retry_on) {
    retries_connect_ |= what == "connect";
    retries_broken_ |= what == "broken";
    retries_timeout_ |= what == "timeout";
    if (const auto status = base::parse_uint(what)) retried_statuses_.push_back(static_cast<int>(*status));
  }
}

Forward::~Forward() = default;

net::Task<Result<http::Response>> Forward::answer(http::Response response) { co_return response; }

net::Task<Result<http::Response>> Forward::handle(http::Request& r) {
  http::Response local;
  if (answer_trace(r, local) || answer_max_forwards(r, local)) return answer(std::move(local));
  prepare(r);
  return serve(r);
}

Forward::Local& Forward::local(net::Loop& loop) {
  auto& mine = locals_[static_cast<std::size_t>(loop.slot())];
  if (!mine) mine = std::make_unique<Local>();
  return *mine;
}

// The pool with the members of this moment, where they come and go; null: the one of the configuration.
std::shared_ptr<cluster::Pool> Forward::members(net::Loop& loop, const Sticky*& sticky) {
  sticky = sticky_.get();
  if (!options_.seat) return nullptr;
  Local& mine = local(loop);
  if (!mine.pool || mine.version != options_.seat->version()) {
    mine.pool = options_.seat->take(mine.version);
    const conf::Pool& conf = pool_->conf();
    if (!conf.sticky_cookie.empty()) {
      mine.sticky = std::make_unique<Sticky>(*mine.pool, conf.sticky_cookie, options_.sticky_key, conf.sticky_max_age);
    }
  }
  sticky = mine.sticky.get();
  return mine.pool;
}

cluster::RequestFacts Forward::facts_of(const http::Request& r, const Sticky* sticky) const {
  cluster::RequestFacts facts{.now = r.loop.now()};
  if (key_) facts.key = key_->of(r);
  if (sticky) facts.preferred = sticky->find(r);
  facts.may_panic = !options_.fallback;
  return facts;
}

Queue* Forward::queue(net::Loop& loop) {
  if (pool_->conf().queue == 0) return nullptr;
  auto& mine = local(loop).queue;
  if (!mine) mine = std::make_unique<Queue>(loop);
  return mine.get();
}

// All backends that work are full. An empty choice: still, after queue_timeout, or the line is too long.
net::Task<cluster::Choice> Forward::wait_in_line(http::Request& r, cluster::RequestFacts facts, Tried tried) {
  cluster::Choice choice;
  choice.why.kind = cluster::Why::Kind::full;
  Queue* line = queue(r.loop);
  if (!line || line->size() >= pool_->conf().queue) co_return choice;
  const Time deadline = r.loop.now() + pool_->conf().queue_timeout;
  Queue::Place place(*line);
  while (r.loop.now() < deadline) {
    co_await place.wait(deadline);
    if (r.informer && r.informer->gone()) co_return choice;
    if (!place.first()) continue;
    facts.now = r.loop.now();
    const Sticky* sticky = nullptr;
    const auto present = members(r.loop, sticky);
    choice = (present ? *present : *pool_).pick(facts, tried);
    if (choice.why.kind != cluster::Why::Kind::full) co_return choice;
  }
  co_return choice;
}

net::Task<Result<http::Response>> Forward::serve(http::Request& r) {
  const std::string_view target = r.origin_target();
  http::OriginPool& origins = origins_.of(r.loop);
  http::OriginPool::Replay replay;
  std::array<const cluster::Backend*, kMaxTries> tried{};
  std::size_t tried_count = 0;
  bool fresh = false, made_room = false;
  const Sticky* sticky = nullptr;
  const std::shared_ptr<cluster::Pool> present = members(r.loop, sticky);
  cluster::Pool& pool = present ? *present : *pool_;
  cluster::RequestFacts facts = facts_of(r, sticky);
  cluster::Choice choice;
  Queue* const line = queue(r.loop);
  pool_->count_request();
  const auto hedge = hedge_delay(r);
  for (;;) {
    const Tried before = Tried(tried).first(tried_count);
    if (!fresh) {
      facts.now = r.loop.now();
      const bool others_wait = line && line->size() > 0;
      if (!others_wait) choice = pool.pick(facts, before);
      if (others_wait || choice.why.kind == cluster::Why::Kind::full) choice = co_await wait_in_line(r, facts, before);
    }
    cluster::Backend* backend = choice.backend();
    if (!backend) {
      if (r.informer && r.informer->gone()) co_return Errc::cancelled;
      if (options_.fallback && tried_count == 0) {
        auto other = co_await options_.fallback->serve(r);
        co_return other;
      }
      co_return nobody(r, choice.why);
    }
    r.backend = backend->name();
    if (r.tries == 0) r.wait_time = r.loop.now() - r.started;
    ++r.tries;
    http::OriginPool::Answer answer;
    const Time asked = r.loop.now();
    http::OriginTo to;
    if (!address(*backend, &r, to)) {
      answer.failure.error = Errc::not_found;
    } else if (hedge) {
      answer = co_await hedged(r, choice, std::move(to), target, *hedge, fresh, facts, before);
      backend = choice.backend();
      r.backend = backend->name();
      if (answer.ok()) local(r.loop).head_time.add(r.loop.now() - asked);
    } else {
      answer = co_await origins.exchange(r, to, target, host_for(r, *backend), limits_, replay, fresh);
    }
    // What a backend that dies between head and content leaves can still be asked for elsewhere. With HTTP/2 the two
    // are frames of their own; with HTTP/1.1 a content that is on its way streams.
    if (answer.ok() && answer.short_and_cut && (limits_.h2 || limits_.settle) && retries_broken_ &&
        http::is_idempotent(r.method) && !answer.failure.content_lost &&
        r.tries <= static_cast<int>(pool_->conf().retries)) {
      const auto whole = co_await await_end(r.loop, answer.response);
      if (!whole) {
        answer.response.body.reset();
        answer.response.head = nullptr;
        answer.failure.stage = Stage::head;
        answer.failure.error = whole.error();
        answer.failure.reused = false;
        answer.failure.clients_fault = r.informer && r.informer->gone();
      }
    }
    if (answer.ok()) {
      const bool again = !answer.failure.content_lost && tried_count < kMaxTries &&
                         status_is_retried(r, *answer.response.head, pool, before);
      if (!again) {
        r.backend_time = r.loop.now() - r.started;
        choice.flight.finishes_soon();
        Flight flight{present ? present : pool_, line, std::move(choice.flight), r.started};
        r.attachment.emplace(std::move(flight));
        http::ResponseHead& head = *answer.response.head;
        append_element(head.fields, FieldId::via,
                       head.major_version == 2   ? via_2_0_
                       : head.minor_version == 0 ? via_1_0_
                                                 : via_);
        if (sticky) sticky->mark(r, *backend, *answer.response.head);
        co_return std::move(answer.response);
      }
      telemetry_.log.warning(
          "a backend's answer is not good enough",
          {{"pool", pool_->name()}, {"backend", backend->name()}, {"status", answer.response.head->status}});
      answer.response.body.reset();
      choice.flight.finish(cluster::Outcome::server_error);
      fresh = false;
      tried[tried_count++] = backend;
      metrics_.retries.add();
      continue;
    }
    const http::OriginFailure failure = answer.failure;
    if (failure.clients_fault) {
      choice.flight.finish(cluster::Outcome::neutral);
      co_return failure.error;
    }
    if (out_of_room(failure)) {
      choice.flight.finish(cluster::Outcome::neutral);
      if (line) line->wake();
      if (!std::exchange(made_room, true) && origins.idle() > 0) {
        origins.close_idle();
        continue;
      }
      co_return no_room(r, failure);
    }
    bool retry = may_retry(r, failure, r.tries);
    if (failure.reused && retry && !fresh) {  // the kept connection had ended: nobody's fault
      fresh = true;
      continue;
    }
    const std::string what = failure.why.empty() ? failure.error.message() : failure.why;
    // Everybody was tried: the first failure is what the client should hear.
    retry = retry && tried_count + 1 < std::min(kMaxTries, pool.backends().size()) && pool_->take_retry(r.loop.now());
    choice.flight.finish(failure.busy                      ? cluster::Outcome::neutral
                         : failure.stage == Stage::connect ? cluster::Outcome::connect_failed
                                                           : cluster::Outcome::broken);
    if (line) line->wake();
    telemetry_.log.warning("a backend failed a request",
                           {{"pool", pool_->name()}, {"backend", backend->name()}, {"error", what}, {"retry", retry}});
    fresh = false;
    if (!retry) co_return failed(r, failure);
    tried[tried_count++] = backend;
    metrics_.retries.add();
  }
}

// Waits a moment for the rest of a short content, so that a break comes before anything has left. Who sends slowly is
// not held up for longer.
net::Task<Result<void>> Forward::await_end(net::Loop& loop, http::Response& response) {
  const Time until = loop.now() + kMostHeld;
  std::string text;
  bool whole = false;
  while (!whole) {
    Result<http::Chunk> chunk = http::Chunk{};
    if (response.body->poll(chunk)) {
      if (!chunk) co_return chunk.error();
      text += chunk->data;
      whole = chunk->last;
    } else if (loop.now() < until) {
      co_await net::sleep_for(loop, kHeldStep);
    } else {
      break;
    }
  }
  response.body.reset(new HeldBody(std::move(text), whole, std::move(response.body)));
  co_return Result<void>();
}

// Where the request goes at this backend; false: its name is not resolved.
bool Forward::address(cluster::Backend& backend, const http::Request* r, http::OriginTo& out) const {
  if (const base::Endpoint* fixed = backend.fixed_endpoint()) {
    out.address = *fixed;
  } else if (auto resolved = backend.endpoint()) {
    out.address = std::move(*resolved);
  } else {
    return false;
  }
  out.pending = &backend.pending();
  if (pool_->tls()) {
    out.tls = pool_->tls();
    out.tls_name = pool_->tls_name(backend);
  }
  if (send_proxy_ != 0 && r) out.preface = net::write_proxy_header(send_proxy_, r->client, r->local);
  return true;
}

std::string_view Forward::host_for(const http::Request& r, const cluster::Backend& backend) const noexcept {
  if (!options_.host.empty()) return options_.host;
  return r.authority.empty() ? std::string_view(backend.address()) : r.authority;
}

// After how long a second backend is asked; none: never. What may be repeated without harm, and has nothing to send.
std::optional<Duration> Forward::hedge_delay(const http::Request& r) const {
  if (!hedges_ || !http::is_safe(r.method) || r.body || !r.upgrade.empty()) return std::nullopt;
  const conf::Pool& conf = pool_->conf();
  std::optional<Duration> delay;
  if (conf.hedge_after.count() > 0) delay = conf.hedge_after;
  if (conf.hedge_percentile == 0) return delay;
  const auto& mine = locals_[static_cast<std::size_t>(r.loop.slot())];
  const auto usual = mine ? mine->head_time.at(conf.hedge_percentile) : std::nullopt;
  if (!usual) return delay ? delay : Duration::max();  // measured, not hedged yet
  return delay ? std::max(*delay, *usual) : *usual;
}

// An exchange with a second one beside it when it is slow. `choice` is then that of the winner.
net::Task<http::OriginPool::Answer> Forward::hedged(http::Request& r, cluster::Choice& choice, http::OriginTo to,
                                                    std::string_view target, Duration delay, bool fresh,
                                                    cluster::RequestFacts facts, Tried tried) {
  const Sticky* sticky = nullptr;
  auto present = members(r.loop, sticky);
  if (!present) present = pool_;
  std::array<const cluster::Backend*, kMaxTries + 1> seen{};
  std::copy(tried.begin(), tried.end(), seen.begin());
  seen[tried.size()] = choice.backend();
  const auto race = std::make_shared<Race>(r, std::string(target), present, origins_.of(r.loop), limits_);
  race->start(std::move(choice), std::move(to), std::string(host_for(r, *seen[tried.size()])), fresh);
  const Time due = delay == Duration::max() ? Time::max() : r.loop.now() + delay;
  co_await race->wait(due);
  bool second = false;
  if (!race->decided() && !race->client_gone()) {
    facts.now = r.loop.now();
    facts.preferred = nullptr;
    facts.may_panic = false;
    cluster::Choice other = present->pick(facts, Tried(seen).first(tried.size() + 1));
    http::OriginTo there;
    second = other.backend() && address(*other.backend(), &r, there) && pool_->take_hedge();
    if (second) {
      metrics_.hedges.add();
      std::string host(host_for(r, *other.backend()));
      race->start(std::move(other), std::move(there), std::move(host), false);
    }
    co_await race->wait(Time::max());
  }
  http::OriginPool::Answer answer;
  if (race->take(choice, answer) == 1) metrics_.hedges_won.add();
  co_return std::move(answer);
}

void Forward::keep_warm(net::Loop& loop) {
  const Sticky* sticky = nullptr;
  const auto present = members(loop, sticky);
  for (const auto& backend : (present ? *present : *pool_).backends()) {
    http::OriginTo to;
    if (backend->state() != cluster::State::up || backend->weight() == 0 || !address(*backend, nullptr, to)) continue;
    origins_.of(loop).warm(to, limits_, pool_->conf().warm_connections);
  }
}

// A status that retry_on names, while somebody else can be asked. What it costs is counted before it is spent.
bool Forward::status_is_retried(const http::Request& r, const http::ResponseHead& head, const cluster::Pool& pool,
                                Tried tried) const {
  if (retried_statuses_.empty() || !http::is_idempotent(r.method)) return false;
  if (std::find(retried_statuses_.begin(), retried_statuses_.end(), head.status) == retried_statuses_.end())
    return false;
  if (r.tries > static_cast<int>(pool_->conf().retries) || tried.size() + 1 >= pool.backends().size()) return false;
  return pool_->take_retry(r.loop.now());
}

// Nothing was sent to the client yet. A connection that was refused harms nobody; after that only requests whose
// repetition means the same are repeated (RFC 9110 9.2.2), and only while their content is still at hand.
bool Forward::may_retry(const http::Request& r, const http::OriginFailure& failure, int tries) const noexcept {
  if (failure.content_lost || tries > static_cast<int>(pool_->conf().retries) + (failure.reused ? 1 : 0)) return false;
  if (failure.stage == Stage::connect) return retries_connect_;
  // After a time-out it may be at work on it: waiting twice is for those who ask for it.
  const bool wanted = failure.error == Errc::timed_out ? retries_timeout_ : retries_broken_;
  return wanted && http::is_idempotent(r.method);
}

}  // namespace genkan::proxy
