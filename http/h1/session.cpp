#include "http/h1/session.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "http/h1/framing.hpp"
#include "http/target.hpp"

namespace genkan::http::h1 {
namespace {

constexpr std::uint64_t kDrainable = 64 * 1024;  // unread content up to this is read so that the connection can stay
constexpr std::size_t kJoin = 4 * 1024;          // a body up to this leaves in one piece with its head
constexpr Duration kLinger = std::chrono::seconds(2);
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

bool no_content(int status) noexcept { return status / 100 == 1 || status == 204 || status == 304; }

}  // namespace

ServerSession::ServerSession(Server& server, net::Transport& transport, const Entrance& entrance, base::Endpoint local)
    : server_(server),
      transport_(transport),
      entrance_(entrance),
      client_(transport.peer()),
      local_(std::move(local)),
      reader_(transport),
      body_(*this),
      tunnel_(*this),
      request_(transport.loop()),
      fetch_ended_(transport.loop()) {
  client_text_ = client_.is_unix() ? std::string("unix") : client_.ip.text();
  request_.client = &client_;
  request_.client_text = client_text_;
  request_.local = &local_;
  request_.tls = transport.tls();
  request_.scheme = transport.tls() ? "https" : "http";
  request_.informer = this;
  transport_.on_hangup(this);
  server_.enter(*this);
}

ServerSession::~ServerSession() {
  transport_.on_hangup(nullptr);
  server_.leave(*this);
}

void ServerSession::drain() noexcept {
  if (idle_) transport_.cancel();
}

void ServerSession::cancel() noexcept { transport_.cancel(); }

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
      idle_ = false;
      if (!ready) head = ready.error();
      if (snapshot_ != server_.snapshot()) snapshot_ = server_.snapshot();  // reloaded while idle
      if (ready && !receive_head(head)) {
        transport_.read_deadline(transport_.loop().now() + snapshot_->conf->http.head_timeout);
        head = co_await reader_.read_head(limits_of(snapshot_->conf->http));
      }
    } else {
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
  if (next == Next::linger) co_await linger();
}

// Between two requests; idle_ when nothing of the next one is here yet: then no buffer is held.
bool ServerSession::begin_wait() {
  reader_.begin();
  snapshot_ = server_.snapshot();
  idle_ = !reader_.has_buffered();
  if (!idle_) return true;
  if (server_.draining()) return false;
  const conf::Http& http = snapshot_->conf->http;
  reader_.trim();
  transport_.read_timeout(Duration::max());
  transport_.read_deadline(transport_.loop().now() + (served_ == 0 ? http.head_timeout : http.idle_timeout));
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
  r.tries = 0;
  r.wait_time = r.backend_time = {};
  r.body = r.tunnel = nullptr;
  r.upgrade = {};
  r.expects_continue = false;
  r.host = r.authority = r.path = r.query = {};
  r.has_query = false;
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
  if (status == 0) {
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

// 0, or the status to refuse with.
int ServerSession::take_request(std::string_view head) {
  Request& r = request_;
  RequestLine line;
  const HeadError error = parse_request(head, line, r.fields);
  r.method_text = line.method;
  r.target = line.target;
  r.minor_version = line.minor_version;
  r.protocol = line.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  r.method = method_of(line.method);
  if (error != HeadError::none) return error == HeadError::version ? 505 : 400;
  if (const int status = check_request(line); status != 0) return status;
  transport_.read_deadline(Time::max());
  transport_.read_timeout(snapshot_->conf->http.body_timeout);
  transport_.write_timeout(snapshot_->conf->http.body_timeout);
  return 0;
}

// The handler could not make an answer. When the request's own content was at fault, the client hears that.
int ServerSession::status_of_failure(Error error) {
  if (error == Errc::cancelled && transport_.broken()) return 499;
  if (body_error_) return body_error_ == Errc::too_large ? 413 : body_error_ == Errc::timed_out ? 408 : 400;
  server_.telemetry().log.error("a request failed inside", {{"target", request_.target}, {"error", error.message()}});
  return 500;
}

// Everything about the request line and fields that decides whether anybody may see this request.
int ServerSession::check_request(const RequestLine& line) {
  Request& r = request_;
  const conf::Http& http = snapshot_->conf->http;
  if (line.target.size() > http.max_target) return 414;
  keep_alive_ = keeps_alive(r.fields, line.minor_version);

  const auto framed = request_framing(r.fields, line.minor_version);
  if (framed.refuse) return framed.refuse;
  const auto target = split_target(line.target);
  if (!target) return 400;
  const std::size_t hosts = r.fields.count(FieldId::host);
  if (hosts > 1 || (hosts == 0 && line.minor_version >= 1)) return 400;
  const std::string_view host_field = r.fields.get(FieldId::host).value_or("");
  auto authority = parse_authority(host_field);
  if (hosts == 1 && !authority) return 400;
  if (r.method == Method::connect) return 405;
  if (target->form == TargetForm::authority) return 400;
  if (target->form == TargetForm::asterisk && r.method != Method::options) return 400;

  // RFC 9112 3.2.2: an absolute target decides, whatever Host says, and Host is made to agree.
  r.authority = host_field;
  if (target->form == TargetForm::absolute) {
    r.authority = target->authority;
    authority = parse_authority(r.authority);
    if (target->authority != host_field) r.fields.set(FieldId::host, target->authority);
  }
  if (!r.authority.empty()) {
    if (!authority) return 400;
    r.host = authority->host;
    if (std::any_of(r.host.begin(), r.host.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
      host_store_ = base::to_lower(r.host);
      r.host = host_store_;
    }
  }
  if (target->form == TargetForm::asterisk) {
    r.path = "*";
  } else {
    const auto path = normalise_path(target->path, path_store_, http.merge_slashes);
    if (!path) return 400;
    r.path = *path;
  }
  r.query = target->query;
  r.has_query = target->has_query;

  if (framed.framing.kind == Framing::Kind::length && http.max_body && framed.framing.length > http.max_body)
    return 413;
  if (r.fields.has(FieldId::expect)) {
    for (std::size_t i = 0; i < r.fields.entries(); ++i) {
      if (r.fields.id(i) == FieldId::expect && !base::iequals(r.fields.value(i), "100-continue")) return 417;
    }
    r.expects_continue = line.minor_version >= 1 && framed.framing.kind != Framing::Kind::none;
    continue_due_ = r.expects_continue;
  }
  reader_.begin_body(framed.framing);
  if (framed.framing.kind != Framing::Kind::none) r.body = &body_;
  if (r.fields.has(FieldId::upgrade)) check_upgrade();
  return 0;
}

// RFC 9110 7.8. Only what we know to be a plain tunnel: an unknown protocol would be a way around all that is checked.
void ServerSession::check_upgrade() {
  Request& r = request_;
  if (r.body || r.method != Method::get || r.minor_version == 0) return;
  bool named = false, websocket = false;
  r.fields.each_element(FieldId::connection, [&](std::string_view e) { named |= base::iequals(e, "upgrade"); });
  r.fields.each_element(FieldId::upgrade, [&](std::string_view e) { websocket |= base::iequals(e, "websocket"); });
  if (!named || !websocket) return;
  r.upgrade = "websocket";
  r.tunnel = &tunnel_;
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

// The answer in the scratch when its content is short and all here; else empty: send() takes what is not.
std::string_view ServerSession::whole_answer(Response& response, bool keep, Outcome& outcome) {
  const ResponseHead& head = *response.head;
  if (no_content(head.status) || request_.method == Method::head) return {};
  std::string_view content;
  if (Body* body = response.body.get()) {
    const auto length = body->length();
    if (!length || *length > kJoin) return {};
    Result<Chunk> chunk = Chunk{};
    if (*length > 0) {
      if (!body->poll(chunk)) return {};
      if (!chunk || !chunk->last || chunk->data.size() != *length) {
        polled_ = chunk;
        return {};
      }
    }
    content = chunk->data;
  }
  HeadWriter writer(transport_.loop().scratch());
  if (!write_head(writer, head, content.size(), false, keep)) return {};
  head_sent_ = true;
  writer.put(content);
  outcome.body_bytes = content.size();
  return writer.text();
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

bool ServerSession::write_head(HeadWriter& out, const ResponseHead& head, std::optional<std::uint64_t> length,
                               bool chunked, bool keep) {
  out.put("HTTP/1.1 ");
  out.number(static_cast<std::uint64_t>(head.status));
  out.put(" ");
  out.put(head.reason.empty() ? reason_phrase(head.status) : head.reason);
  out.put("\r\n");
  const bool own_length = (length || chunked || no_content(head.status)) && head.status != 304;
  out.fields(head.fields, own_length ? Fields::bit(FieldId::content_length) : 0);
  if (!head.fields.has(FieldId::date)) out.field("Date", transport_.loop().http_date());
  if (!head.fields.has(FieldId::server)) out.field("Server", snapshot_->conf->http.server_name);
  if (length) {
    out.put("Content-Length: ");
    out.number(*length);
    out.put("\r\n");
  }
  if (chunked) out.put("Transfer-Encoding: chunked\r\n");
  if (!keep) {
    out.put("Connection: close\r\n");
  } else if (request_.minor_version == 0) {
    out.put("Connection: keep-alive\r\n");
  }
  out.end();
  return !out.overflow();
}

net::Task<Result<void>> ServerSession::send(Response& response, bool& keep, Outcome& outcome) {
  const ResponseHead& head = *response.head;
  if (head.status == 101 && request_.tunnel && response.body) {
    keep = false;
    const auto done = co_await send_tunnel(head, *response.body, outcome);
    co_return done;
  }
  Body* body = no_content(head.status) || request_.method == Method::head ? nullptr : response.body.get();
  Result<Chunk> first = Chunk{{}, true};
  bool have = true;
  if (polled_) {
    first = *std::exchange(polled_, std::nullopt);
  } else if (body) {
    have = body->poll(first);
  }
  if (have && !first) {  // broke before anything was sent: an error page can still say so
    Response page = error_page(request_, 502, "The backend's answer broke off.");
    response.body.reset();
    response = std::move(page);
    outcome.status = 502;
    outcome.content_broken = true;
    keep = false;
    const auto again = co_await send(response, keep, outcome);
    co_return again;
  }
  std::optional<std::uint64_t> length;
  bool chunked = false;
  if (body) {
    length = body->length();
    if (!length && have && first->last && !body->trailers()) length = first->data.size();
    if (!length) {
      chunked = request_.minor_version >= 1;
      if (!chunked) keep = false;
    }
  } else if (!no_content(head.status) && request_.method != Method::head) {
    length = 0;
  }
  HeadWriter writer(transport_.loop().scratch());
  if (!write_head(writer, head, length, chunked, keep)) co_return Errc::too_large;
  head_sent_ = true;
  if (have && first->last && !chunked && first->data.size() <= kJoin) {
    writer.put(first->data);
    outcome.body_bytes = first->data.size();
    if (body && length && *length != first->data.size()) co_return Errc::end_of_stream;
    const auto done = co_await transport_.write(writer.text());
    co_return done;
  }
  if (!body) {
    const auto done = co_await transport_.write(writer.text());
    co_return done;
  }
  if (!have) first = Chunk{};
  const auto done = co_await send_body(*body, chunked, first, writer.text(), outcome);
  if (!done && !chunked && !length) transport_.reset();  // only the end of the connection would say "complete"
  co_return done;
}

// The other direction runs in whoever reads request_.tunnel; it also watches how long both are silent.
net::Task<Result<void>> ServerSession::send_tunnel(const ResponseHead& head, Body& body, Outcome& outcome) {
  HeadWriter writer(transport_.loop().scratch());
  writer.put("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
  writer.field("Upgrade", request_.upgrade);
  writer.fields(head.fields);
  writer.end();
  if (writer.overflow()) co_return Errc::too_large;
  head_sent_ = true;
  auto sent = co_await transport_.write(writer.text());
  Result<Chunk> next = Chunk{};
  while (sent && !next->last) {
    if (!body.poll(next)) next = co_await body.fetch();
    if (!next) {
      transport_.reset();
      co_return next.error();
    }
    outcome.body_bytes += next->data.size();
    if (!next->data.empty()) sent = co_await transport_.write(next->data);
  }
  co_return sent;
}

// `head` lies in the scratch and leaves with the first bytes.
net::Task<Result<void>> ServerSession::send_body(Body& body, bool chunked, Result<Chunk> next, std::string_view head,
                                                 Outcome& outcome) {
  char prefix[32];
  std::string tail;
  bool between = false;  // a chunk's data was sent and its CRLF is due
  if (next->data.empty() && !next->last) {
    const auto sent = co_await transport_.write(head);
    if (!sent) co_return sent.error();
    head = {};
  }
  for (;;) {
    if (next->data.empty() && !next->last) {
      if (!body.poll(next)) next = co_await body.fetch();
      if (!next) {
        outcome.content_broken = true;
        co_return next.error();
      }
    }
    const std::string_view data = next->data;
    outcome.body_bytes += data.size();
    std::string_view before = head;
    if (chunked && !data.empty()) {
      char* at = prefix;
      if (between) *at++ = '\r', *at++ = '\n';
      at = std::to_chars(at, prefix + 24, data.size(), 16).ptr;
      *at++ = '\r', *at++ = '\n';
      const std::string_view size_line(prefix, static_cast<std::size_t>(at - prefix));
      if (head.empty()) {
        before = size_line;
      } else {  // both stand in the scratch, one behind the other
        std::span<char> scratch = transport_.loop().scratch();
        std::copy(size_line.begin(), size_line.end(), scratch.data() + head.size());
        before = {scratch.data(), head.size() + size_line.size()};
      }
      between = true;
    }
    head = {};
    if (!before.empty() || !data.empty()) {
      const Time began = transport_.loop().now();
      const auto sent = co_await transport_.write(before, data);
      if (!sent) co_return sent.error();
      if (!next->last && dawdles(download_pace_, began, outcome.body_bytes)) co_return Errc::timed_out;
    }
    if (next->last) break;
    next = Chunk{};
  }
  if (!chunked) co_return Result<void>();
  tail = between ? "\r\n0\r\n" : "0\r\n";
  if (const Fields* trailers = body.trailers()) {
    trailers->each([&](std::string_view name, std::string_view value, FieldId) {
      if (forbidden_in_trailers(name)) return;
      tail.append(name).append(": ").append(value).append("\r\n");
    });
  }
  tail += "\r\n";
  const auto sent = co_await transport_.write(tail);
  co_return sent;
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

net::Task<Result<void>> ServerSession::inform(const ResponseHead& head) {
  if (request_.minor_version == 0 || head_sent_ || informing_) co_return Result<void>();
  if (head.status == 100) {
    if (!continue_due_) co_return Result<void>();
    continue_due_ = false;
  }
  std::string text = "HTTP/1.1 " + std::to_string(head.status) + " ";
  text.append(head.reason.empty() ? reason_phrase(head.status) : head.reason).append("\r\n");
  head.fields.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (id == FieldId::content_length) return;
    text.append(name).append(": ").append(value).append("\r\n");
  });
  text += "\r\n";
  informing_ = true;
  const auto sent = co_await transport_.write(text);
  informing_ = false;
  co_return sent;
}

// Did the client take or send a body slower than [http] min_rate, counting the wait since `began`?
bool ServerSession::dawdles(Pace& pace, Time began, std::uint64_t bytes) const noexcept {
  const conf::Http& http = snapshot_->conf->http;
  return pace.too_slow(transport_.loop().now() - began, bytes, http.min_rate, http.min_rate_grace);
}

// Keeps what went wrong with the request's content, and holds the limit. False: it is an error now.
bool ServerSession::note_body(const Result<Chunk>& chunk) {
  if (!chunk) {
    body_error_ = chunk.error();
    return false;
  }
  const std::uint64_t max = snapshot_->conf->http.max_body;
  if (max && reader_.body_bytes() > max) {
    body_error_ = Errc::too_large;
    return false;
  }
  return true;
}

bool ServerSession::TunnelBody::poll(Result<Chunk>& out) {
  ServerSession& s = session_;
  if (!std::exchange(s.tunnelling_, true)) {
    s.reader_.begin_body({Framing::Kind::until_close});
    s.transport_.read_timeout(Duration::max());
    s.transport_.read_deadline(Time::max());
  }
  return s.reader_.poll_body(out);
}

net::Task<Result<Chunk>> ServerSession::TunnelBody::fetch() {
  ServerSession& s = session_;
  s.fetching_ = true;
  Result<Chunk> chunk = co_await s.reader_.fetch_body();
  s.fetching_ = false;
  s.fetch_ended_.notify();
  co_return chunk;
}

bool ServerSession::RequestBody::poll(Result<Chunk>& out) {
  if (session_.body_error_) {
    out = session_.body_error_;
    return true;
  }
  if (!session_.reader_.poll_body(out)) return false;
  if (!session_.note_body(out)) out = session_.body_error_;
  return true;
}

net::Task<Result<Chunk>> ServerSession::RequestBody::fetch() {
  ServerSession& s = session_;
  s.fetching_ = true;
  if (s.continue_due_ && !s.head_sent_) {
    ResponseHead go_on;
    go_on.status = 100;
    const auto informed = co_await s.inform(go_on);
    if (!informed) s.body_error_ = informed.error();
  }
  Result<Chunk> chunk = s.body_error_;
  const Time began = s.transport_.loop().now();
  if (!s.body_error_) chunk = co_await s.reader_.fetch_body();
  if (chunk && !chunk->last && s.dawdles(s.upload_pace_, began, s.reader_.body_bytes())) chunk = Errc::timed_out;
  s.fetching_ = false;
  s.fetch_ended_.notify();
  if (!s.note_body(chunk)) chunk = s.body_error_;
  co_return chunk;
}

std::optional<std::uint64_t> ServerSession::RequestBody::length() const {
  const Framing f = session_.reader_.framing();
  if (f.kind == Framing::Kind::length) return f.length;
  return std::nullopt;
}

}  // namespace genkan::http::h1
