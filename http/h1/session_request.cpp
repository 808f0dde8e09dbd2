// The request's side of a session: from its head to the last byte of its content.
#include <algorithm>

#include "base/text.hpp"
#include "http/h1/framing.hpp"
#include "http/h1/session.hpp"
#include "http/target.hpp"

namespace genkan::http::h1 {

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
  bool asterisk = target->form == TargetForm::asterisk;
  r.authority = host_field;
  if (target->form == TargetForm::absolute) {
    r.authority = target->authority;
    authority = parse_authority(r.authority);
    if (target->bare && r.method == Method::options) asterisk = true;  // RFC 9112 3.2.4
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
  if (asterisk) {
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
  if (max && reader_.body_bytes() + reader_.chunk_left() > max) {
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

std::uint64_t ServerSession::RequestBody::movable() const noexcept {
  return session_.body_error_ || session_.continue_due_ ? 0 : session_.reader_.movable();
}

net::Task<Result<std::size_t>> ServerSession::RequestBody::move(net::Pipe& pipe) {
  ServerSession& s = session_;
  s.fetching_ = true;
  const Time began = s.transport_.loop().now();
  Result<std::size_t> n = co_await s.reader_.move(pipe);
  if (n && !s.reader_.body_done() && s.dawdles(s.upload_pace_, began, s.reader_.body_bytes())) n = Errc::timed_out;
  s.fetching_ = false;
  s.fetch_ended_.notify();
  if (!n) s.body_error_ = n.error();
  co_return n;
}

std::optional<std::uint64_t> ServerSession::RequestBody::length() const {
  const Framing f = session_.reader_.framing();
  if (f.kind == Framing::Kind::length) return f.length;
  return std::nullopt;
}

}  // namespace genkan::http::h1
