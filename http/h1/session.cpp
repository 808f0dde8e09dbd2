#include "http/h1/session.hpp"

#include <algorithm>

#include "http/h1/framing.hpp"
#include "http/identity.hpp"
#include "http/target.hpp"

namespace genkan::http::h1 {
namespace {

constexpr std::uint64_t kDrainable = 64 * 1024;  // unread content up to this is read so that the connection can stay
constexpr Duration kLinger = std::chrono::seconds(2);
constexpr Duration kQuiet = std::chrono::milliseconds(100);  // without a request: it needs no session until then
constexpr std::uint64_t kLingerBytes = 4u << 20;
constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

// The status for a head that could not be read; 0: the client said nothing worth an answer.
int status_of(Error error, bool has_line) noexcept {
  if (error == Errc::malformed) return 400;
  if (error == Errc::too_large) return has_line ? 431 : 414;
  if (error == Errc::exhausted) return 431;
  if (error == Errc::timed_out) return 408;
  return 0;
}

HeadLimits limits_of(const conf::Http& http) noexcept { return {http.max_head, http.max_fields}; }

}  // namespace

ServerSession::ServerSession(Server& server, net::Transport& transport, const Entrance& entrance, base::Endpoint local,
                             ConnectionTimes times, std::uint64_t served)
    : server_(server),
      transport_(transport),
      entrance_(entrance),
      client_(transport.peer()),
      local_(std::move(local)),
      reader_(transport),
      body_(*this),
      tunnel_(*this),
      request_(transport.loop()),
      fetch_ended_(transport.loop()),
      returning_(served > 0),
      served_(served),
      times_(times) {
  client_text_ = client_.is_unix() ? std::string("unix") : client_.ip.text();
  request_.client = &client_;
  request_.client_text = client_text_;
  request_.local = &local_;
  request_.tls = transport.tls();
  request_.scheme = transport.tls() ? "https" : "http";
  request_.informer = this;
  request_.usual = &usual_;
  transport_.on_hangup(this);
  server_.enter(*this);
}

ServerSession::~ServerSession() {
  transport_.on_hangup(nullptr);
  server_.leave(*this);
}

void ServerSession::drain() noexcept {
  if (!idle_) return;
  wait_until_ = transport_.loop().now() + server_.drain_grace();
  transport_.read_deadline(wait_until_);
}

// The request under way may be waiting for a backend.
void ServerSession::cancel() noexcept {
  transport_.cancel();
  on_hangup();
}

void ServerSession::on_hangup() noexcept {
  if (gone_) std::exchange(gone_, nullptr)->on_client_gone();
}

net::Task<void> ServerSession::run() {
  Result<std::string_view> head = std::string_view();
  Next next = Next::keep;
  while (next == Next::keep) {
    if (!begin_wait()) co_return;
    if (idle_) {
      const auto ready = co_await transport_.readable();
      if (!ready && becomes_quiet(ready.error())) {
        transport_.read_deadline(wait_until_);
        quiet_ = true;
        co_return;
      }
      idle_ = false;
      head_began_ = transport_.loop().now();
      if (!ready) head = ready.error();
      if (snapshot_ != server_.snapshot()) snapshot_ = server_.snapshot();  // reloaded while idle
      if (ready && !receive_head(head)) {
        transport_.read_deadline(transport_.loop().now() + snapshot_->conf->http.head_timeout);
        head = co_await reader_.read_head(limits_of(snapshot_->conf->http));
      }
    } else {
      head_began_ = transport_.loop().now();
      reader_.skip_empty_lines();
      if (!reader_.poll_head(limits_of(snapshot_->conf->http), head)) {
        transport_.read_deadline(transport_.loop().now() + snapshot_->conf->http.head_timeout);
        head = co_await reader_.read_head(limits_of(snapshot_->conf->http));
      }
    }
    if (!head && status_of(head.error(), reader_.seen_line()) == 0) co_return;
    if (!head && head.error() == Errc::timed_out && !reader_.has_buffered()) co_return;
    next = co_await serve_one(head);
  }
  if (next == Next::close && transport_.tls() && transport_.tls()->early()) {
    // What the client still sends for its handshake would meet a closed socket, and the reset could overtake the
    // answer.
    transport_.read_deadline(transport_.loop().now() + kLinger);
    const auto done = co_await transport_.finish_handshake();
    if (!done) co_return;
  }
  if (next == Next::linger) co_await linger();
}

bool ServerSession::becomes_quiet(Error error) const noexcept {
  if (error != Errc::timed_out || transport_.loop().now() >= wait_until_ || served_ == 0) return false;
  return !transport_.tls() || !transport_.tls()->early();
}

// Between two requests; idle_ when nothing of the next one is here yet: then no buffer is held.
bool ServerSession::begin_wait() {
  reader_.begin();
  snapshot_ = server_.snapshot();
  idle_ = !reader_.has_buffered();
  if (!idle_) return true;
  const bool returning = std::exchange(returning_, false);
  if (server_.draining() && served_ > 0 && !returning) return false;
  const conf::Http& http = snapshot_->conf->http;
  reader_.trim();
  transport_.read_timeout(Duration::max());
  Duration wait = served_ == 0 ? http.head_timeout : http.idle_timeout;
  if (server_.draining()) wait = std::min<Duration>(wait, server_.drain_grace());
  wait_until_ = transport_.loop().now() + wait;
  transport_.read_deadline(served_ == 0 ? wait_until_ : std::min(wait_until_, transport_.loop().now() + kQuiet));
  return true;
}

// What is here already. False: the head is not complete.
bool ServerSession::receive_head(Result<std::string_view>& head) {
  const HeadLimits limits = limits_of(snapshot_->conf->http);
  const std::span<char> free = reader_.room(limits);
  Result<std::size_t> n = 0;
  if (free.empty() || !transport_.read_now(free.data(), free.size(), n)) return false;
  if (!n || *n == 0) {
    head = n ? make_error_code(Errc::end_of_stream) : n.error();
    return true;
  }
  reader_.received(*n);
  return reader_.poll_head(limits, head);
}

void ServerSession::begin_request(const char* base) {
  Request& r = request_;
  r.started = transport_.loop().now();  // when its bytes were there: waiting for others in the same round counts
  r.started_wall = transport_.loop().wall();
  r.fields.clear(base);
  r.method = Method::get;
  r.method_text = r.target = {};
  r.protocol = "HTTP/1.1";
  r.minor_version = 1;
  r.route = r.backend = r.cache_result = {};
  r.route_row = -1;
  r.tries = 0;
  r.wait_time = r.backend_time = r.connect_time = {};
  r.head_time = r.started - head_began_;
  r.accept_time = times_.accept;
  r.tls_time = times_.tls;
  times_ = {};
  r.body = r.tunnel = nullptr;
  r.upgrade = {};
  r.expects_continue = false;
  r.host = r.authority = r.path = r.query = {};
  r.has_query = false;
  r.early_data = false;
  r.keep_alive = snapshot_;
  body_error_ = {};
  upload_pace_ = download_pace_ = {};
  polled_.reset();
  continue_due_ = head_sent_ = false;
  ++served_;
  server_.metrics().requests.add();
}

// From a head, or the failure to get one, to the last byte of the answer.
net::Task<ServerSession::Next> ServerSession::serve_one(Result<std::string_view> head) {
  begin_request(head ? head->data() : nullptr);
  int status = head ? take_request(*head) : status_of(head.error(), reader_.seen_line());
  Response response;
  if (status == 0 && server_.over_memory(snapshot_->conf->http)) {
    server_.metrics().no_memory.add();
    status = 503;
  }
  if (status == 0) {
    if (snapshot_->conf->http.request_id || snapshot_->conf->http.trace) identify(request_, snapshot_->conf->http);
    auto handled = co_await snapshot_->handler->handle(request_);
    if (handled) {
      response = std::move(*handled);
    } else {
      status = status_of_failure(handled.error());
    }
  }
  if (status != 0) response = refusal(status);
  Outcome outcome;
  bool keep = may_keep();
  Result<void> sent = Errc::cancelled;
  if (status == 499) {
    outcome.status = 499;
  } else {
    outcome.status = response.head->status;
    const std::string_view whole = whole_answer(response, keep, outcome);
    if (whole.empty()) {
      sent = co_await send(response, keep, outcome);
    } else {
      sent = co_await transport_.write(whole);
    }
  }
  outcome.complete = sent.has_value();
  if (!sent) outcome.error = sent.error();
  finish(response.head, outcome);
  gone_ = nullptr;
  response.body.reset();
  if (keep && sent && !fetching_ && reader_.body_done()) co_return Next::keep;
  Next next = co_await settle(keep && sent);
  if (!sent) next = Next::close;
  if (status != 0 && next == Next::close && status != 499 && sent) next = Next::linger;
  co_return next;
}

// The handler could not make an answer. When the request's own content was at fault, the client hears that.
int ServerSession::status_of_failure(Error error) {
  if (error == Errc::cancelled && transport_.broken()) return 499;
  if (body_error_) return body_error_ == Errc::too_large ? 413 : body_error_ == Errc::timed_out ? 408 : 400;
  server_.telemetry().log.error("a request failed inside", {{"target", request_.target}, {"error", error.message()}});
  return 500;
}

// The answer to a request that no handler may see, or that failed; the connection ends after it.
Response ServerSession::refusal(int status) {
  server_.metrics().bad_requests.add();
  keep_alive_ = false;
  if (status == 499) return {};
  std::string_view why;
  if (request_.method_text.empty()) why = "The request could not be read.";
  if (status == 505) why = "Only HTTP/1.0 and HTTP/1.1 are spoken here.";
  Response response = error_page(request_, status, why);
  if (status == 405) response.head->fields.add("Allow", kMethods);
  return response;
}

bool ServerSession::may_keep() const {
  const conf::Http& http = snapshot_->conf->http;
  if (!keep_alive_ || server_.draining()) return false;
  if (http.requests_per_connection != 0 && served_ >= http.requests_per_connection) return false;
  if (reader_.body_done()) return true;
  // Content that nobody read: little of it is read away, for more the connection ends.
  const bool little = reader_.framing().kind == Framing::Kind::length && reader_.body_left() <= kDrainable;
  return little && !fetching_ && !continue_due_ && !body_error_;
}

// Ends an upload that is under way and reads away what is left of the request's content.
net::Task<ServerSession::Next> ServerSession::settle(bool keep) {
  const bool uploading = fetching_;
  co_await stop_upload();
  Result<Chunk> chunk = Chunk{};
  while (keep && !reader_.body_done()) {
    chunk = co_await body_.fetch();
    if (!chunk) co_return Next::close;
  }
  if (keep) co_return Next::keep;
  co_return !reader_.body_done() || uploading || reader_.has_buffered() ? Next::linger : Next::close;
}

void ServerSession::finish(const ResponseHead* head, Outcome& outcome) {
  outcome.duration = Clock::now() - request_.started;
  request_.attachment.finish(outcome);
  if (snapshot_->observer) snapshot_->observer->finished(request_, head, outcome);
}

// Ends a fetch of the request's content that somebody still waits in (the origin answered early).
net::Task<void> ServerSession::stop_upload() {
  while (fetching_) {
    transport_.cancel_read();
    co_await fetch_ended_;
  }
}

// RFC 9112 9.6: half-close and read what comes, so that a reset does not destroy the response on its way.
net::Task<void> ServerSession::linger() {
  transport_.shutdown_write();
  transport_.read_timeout(Duration::max());
  transport_.read_deadline(transport_.loop().now() + kLinger);
  std::uint64_t total = 0;
  char* sink = transport_.loop().scratch().data();  // never looked at
  while (total < kLingerBytes) {
    const auto n = co_await transport_.read_some(sink, net::Loop::kScratch);
    if (!n || *n == 0) co_return;
    total += *n;
  }
}

}  // namespace genkan::http::h1
