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
  for (;;) {
    const auto head = co_await next_head();
    Next next = Next::close;
    if (head) {
      next = co_await serve_one(*head);
    } else if (const int status = status_of(head.error(), reader_.seen_line()); status != 0) {
      if (head.error() != Errc::timed_out || reader_.has_buffered()) {
        begin_request(nullptr);
        next = co_await refuse(status, "The request could not be read.");
      }
    }
    if (next == Next::linger) co_await linger();
    if (next != Next::keep) co_return;
  }
}

// Waits for the next request without a buffer, then for its whole head.
net::Task<Result<std::string_view>> ServerSession::next_head() {
  reader_.begin();
  idle_ = true;
  snapshot_ = server_.snapshot();
  const conf::Http& http = snapshot_->conf->http;
  if (!reader_.has_buffered()) {
    if (server_.draining()) co_return Errc::cancelled;
    reader_.trim();
    transport_.read_timeout(Duration::max());
    transport_.read_deadline(transport_.loop().now() + (served_ == 0 ? http.head_timeout : http.idle_timeout));
    const auto ready = co_await transport_.readable();
    if (!ready) co_return ready.error();
    if (snapshot_ != server_.snapshot()) snapshot_ = server_.snapshot();  // reloaded while idle
  }
  idle_ = false;
  Result<std::string_view> head = std::string_view();
  reader_.skip_empty_lines();
  if (reader_.poll_head(limits_of(snapshot_->conf->http), head)) co_return head;
  transport_.read_deadline(transport_.loop().now() + snapshot_->conf->http.head_timeout);
  head = co_await reader_.read_head(limits_of(snapshot_->conf->http));
  co_return head;
}

void ServerSession::begin_request(const char* base) {
  Request& r = request_;
  r.started = Clock::now();
  r.started_wall = WallClock::now();
  r.fields.clear(base);
  r.method = Method::get;
  r.method_text = r.target = {};
  r.protocol = "HTTP/1.1";
  r.minor_version = 1;
  r.route = r.backend = r.cache_result = {};
  r.tries = 0;
  r.backend_time = {};
  r.body = nullptr;
  r.expects_continue = false;
  r.host = r.authority = r.path = r.query = {};
  r.has_query = false;
  r.keep_alive = snapshot_;
  body_error_ = {};
  continue_due_ = head_sent_ = false;
  ++served_;
  server_.metrics().requests.add();
}

net::Task<ServerSession::Next> ServerSession::serve_one(std::string_view head) {
  Request& r = request_;
  begin_request(head.data());
  RequestLine line;
  const HeadError error = parse_request(head, line, r.fields);
  r.method_text = line.method;
  r.target = line.target;
  r.minor_version = line.minor_version;
  r.protocol = line.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  r.method = method_of(line.method);
  int status = error == HeadError::none ? check_request(line) : error == HeadError::version ? 505 : 400;
  if (status != 0) {
    const std::string_view why = status == 505 ? "Only HTTP/1.0 and HTTP/1.1 are spoken here." : "";
    const Next next = co_await refuse(status, why);
    co_return next;
  }
  transport_.read_deadline(Time::max());
  transport_.read_timeout(snapshot_->conf->http.body_timeout);
  transport_.write_timeout(snapshot_->conf->http.body_timeout);

  auto response = co_await snapshot_->handler->handle(r);
  if (!response) {
    // The handler could not make an answer. When the request's own content was at fault, the client hears that.
    status = 500;
    if (body_error_) status = body_error_ == Errc::too_large ? 413 : body_error_ == Errc::timed_out ? 408 : 400;
    if (response.error() == Errc::cancelled && transport_.broken()) status = 499;
    if (status == 500) {
      server_.telemetry().log.error("a request failed inside",
                                    {{"target", r.target}, {"error", response.error().message()}});
    }
    const Next next = co_await refuse(status, "");
    co_return next;
  }
  const Next next = co_await answer(std::move(*response));
  co_return next;
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
  if (hosts == 1 && !parse_authority(host_field)) return 400;
  if (r.method == Method::connect) return 405;
  if (target->form == TargetForm::authority) return 400;
  if (target->form == TargetForm::asterisk && r.method != Method::options) return 400;

  // RFC 9112 3.2.2: an absolute target decides, whatever Host says, and Host is made to agree.
  r.authority = host_field;
  if (target->form == TargetForm::absolute) {
    r.authority = target->authority;
    if (target->authority != host_field) r.fields.set(FieldId::host, target->authority);
  }
  if (!r.authority.empty()) {
    const auto authority = parse_authority(r.authority);
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
    const auto path = normalise_path(target->path, path_store_);
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
  return 0;
}

// Answers for a request that no handler may see, or that failed; the connection ends after it.
net::Task<ServerSession::Next> ServerSession::refuse(int status, std::string_view why) {
  server_.metrics().bad_requests.add();
  keep_alive_ = false;
  if (status == 499) {
    Outcome outcome;
    outcome.status = 499;
    finish(nullptr, outcome);
    co_await stop_upload();
    co_return Next::close;
  }
  Response response = error_page(request_, status, why);
  if (status == 405) response.head->fields.add("Allow", kMethods);
  co_await answer(std::move(response));
  co_return Next::linger;
}

net::Task<ServerSession::Next> ServerSession::answer(Response response) {
  Outcome outcome;
  outcome.status = response.head->status;
  const conf::Http& http = snapshot_->conf->http;
  bool keep = keep_alive_ && !server_.draining() &&
              (http.requests_per_connection == 0 || served_ < http.requests_per_connection);
  // Content that nobody read: little of it is read away, for more the connection ends.
  if (!reader_.body_done()) {
    const bool little = reader_.framing().kind == Framing::Kind::length && reader_.body_left() <= kDrainable;
    if (fetching_ || continue_due_ || !little || body_error_) keep = false;
  }
  const auto sent = co_await send(response, keep, outcome);
  outcome.complete = sent.has_value();
  if (!sent) outcome.error = sent.error();
  finish(response.head, outcome);
  gone_ = nullptr;
  response.body.reset();
  const bool uploading = fetching_;
  co_await stop_upload();
  if (!sent) co_return Next::close;
  if (keep && !reader_.body_done()) {
    Result<Chunk> chunk = Chunk{};
    while (!reader_.body_done()) {
      chunk = co_await body_.fetch();
      if (!chunk) co_return Next::close;
    }
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
  head.fields.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (id == FieldId::content_length && (length || chunked || no_content(head.status))) {
      if (head.status != 304) return;
    }
    out.field(name, value);
  });
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
  Body* body = no_content(head.status) || request_.method == Method::head ? nullptr : response.body.get();
  Result<Chunk> first = Chunk{{}, true};
  bool have = true;
  if (body) have = body->poll(first);
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
      const auto sent = co_await transport_.write(before, data);
      if (!sent) co_return sent.error();
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
  if (!s.body_error_) chunk = co_await s.reader_.fetch_body();
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
