// The request's side of a stream: what handlers are given, and its content as they pull it.
#include <array>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/h2/server_session.hpp"
#include "http/h2/server_stream.hpp"
#include "http/identity.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

}  // namespace

// Fills the request. 0, or the status to refuse with.
int ServerStream::begin() {
  Request& r = request_;
  head_held_.set(head_.bytes());
  r.started = session_.loop().now();  // when its bytes were there: waiting for others in the same round counts
  r.started_wall = session_.loop().wall();
  r.head_time = r.started - began_;
  r.protocol = "HTTP/2.0";
  r.client = &session_.client();
  r.client_text = session_.client_text();
  r.local = &session_.local();
  r.tls = session_.transport().tls();
  r.scheme = r.tls ? "https" : "http";
  r.informer = this;
  r.usual = &session_.usual();
  r.keep_alive = snapshot_;
  const ConnectionTimes times = session_.take_times();
  r.accept_time = times.accept;
  r.tls_time = times.tls;
  session_.server().metrics().requests.add();
  if (const int status = head_.make(r, snapshot_->conf->http)) return status;
  if (snapshot_->conf->http.request_id || snapshot_->conf->http.trace) identify(r, snapshot_->conf->http);
  if (session_.server().over_memory(snapshot_->conf->http)) {
    session_.server().metrics().no_memory.add();
    return 503;
  }
  return head_.is_tunnel() ? begin_tunnel() : framing();
}

// RFC 8441: CONNECT with :protocol. Handlers see what HTTP/1.1 would have brought them: a GET that asks for an upgrade
// (RFC 6455 4.1).
int ServerStream::begin_tunnel() {
  Request& r = request_;
  if (head_.protocol() != "websocket") return 501;
  tunnel_ = true;
  r.method = Method::get;
  r.method_text = "GET";
  r.upgrade = "websocket";
  r.tunnel = &body_;
  std::array<std::uint8_t, 16> key{};
  base::random_bytes(key);
  r.fields.set("Sec-WebSocket-Key", base::base64({reinterpret_cast<const char*>(key.data()), key.size()}));
  return 0;
}

int ServerStream::framing() {
  Request& r = request_;
  const std::uint64_t max = snapshot_->conf->http.max_body;
  if (const auto text = r.fields.get(FieldId::content_length)) {
    const auto length = base::parse_uint(*text);  // nghttp2 has seen to it that the content is as long
    if (!length) return 400;
    length_ = *length;
    if (max && *length > max) return 413;
  }
  in_before_ = session_.data_in - received_;
  out_before_ = session_.data_out;
  const bool empty = in_ended_ && in_.empty() && trailers_.entries() == 0;
  if (!empty) {
    r.body = &body_;
    // A gRPC stream may be silent for as long as it likes (body_timeout holds).
    upload_is_paced_ = !base::istarts_with(r.fields.get(FieldId::content_type).value_or(""), "application/grpc");
    if (in_ended_ && !length_ && trailers_.entries() == 0) length_ = in_.size();
  }
  if (!r.fields.has(FieldId::expect)) return 0;
  for (std::size_t i = 0; i < r.fields.entries(); ++i) {
    if (r.fields.id(i) == FieldId::expect && !base::iequals(r.fields.value(i), "100-continue")) return 417;
  }
  r.expects_continue = continue_due_ = r.body != nullptr && !in_ended_;
  return 0;
}

// The handler could not make an answer: why not, as HTTP says it.
int ServerStream::status_of(Error error) const noexcept {
  if (closed_) return 499;
  if (body_error_) return body_error_ == Errc::too_large ? 413 : body_error_ == Errc::timed_out ? 408 : 400;
  session_.server().telemetry().log.error("a request failed inside",
                                          {{"target", request_.target}, {"error", error.message()}});
  return 500;
}

Response ServerStream::refusal(int status) {
  session_.server().metrics().bad_requests.add();
  Response response = error_page(request_, status, "");
  if (status == 405) response.head->fields.add("Allow", kMethods);
  return response;
}

bool ServerStream::RequestBody::poll(Result<Chunk>& out) {
  s_.give_window_back();
  if (s_.body_error_) {
    out = s_.body_error_;
    return true;
  }
  if (s_.in_.empty() && !s_.in_ended_) return false;
  const std::uint64_t max = s_.snapshot_->conf->http.max_body;
  if (max && s_.received_ > max && !s_.tunnel_) {
    s_.body_error_ = Errc::too_large;
    out = s_.body_error_;
    return true;
  }
  s_.current_.swap(s_.in_);
  s_.in_.clear();
  s_.held_.set(s_.current_.size());
  s_.unacknowledged_ = s_.current_.size();
  out = Chunk{s_.current_, s_.in_ended_};
  return true;
}

net::Task<Result<Chunk>> ServerStream::RequestBody::fetch() {
  ServerStream& s = s_;
  s.fetching_ = true;
  if (s.continue_due_ && !s.head_sent_) {
    ResponseHead go_on;
    go_on.status = 100;
    const auto informed = co_await s.inform(go_on);
    if (!informed && !s.body_error_) s.body_error_ = informed.error();
  }
  Result<Chunk> chunk = Chunk{};
  const Time began = s.session_.loop().now();
  while (!poll(chunk)) {
    if (!s.tunnel_) {
      s.session_.loop().wheel().arm(s.read_alarm_, s.session_.loop().now() + s.snapshot_->conf->http.body_timeout);
    }
    co_await s.in_ready_;
    s.session_.loop().wheel().cancel(s.read_alarm_);
  }
  const conf::Http& http = s.snapshot_->conf->http;
  if (chunk && !chunk->last && s.upload_is_paced_ &&
      s.upload_pace_.too_slow(s.session_.loop().now() - began, s.session_.data_in - s.in_before_, http.min_rate,
                              http.min_rate_grace)) {
    chunk = s.body_error_ = Errc::timed_out;
  }
  s.fetching_ = false;
  if (s.fetch_ended_.waiting()) {
    s.fetch_ended_.notify();
    s.session_.wake();
  }
  co_return chunk;
}

// The client may send again what the handler has taken: RFC 9113 5.2 tied to back-pressure.
void ServerStream::give_window_back() noexcept {
  if (unacknowledged_ == 0) return;
  nghttp2_session_consume(session_.nghttp(), id_, std::exchange(unacknowledged_, 0));
  session_.wake();
}

void ServerStream::on_read_stalled() noexcept {
  if (!body_error_) body_error_ = Errc::timed_out;
  in_ready_.notify();
  session_.wake();
}

net::Task<void> ServerStream::stop_upload() {
  while (fetching_) {
    if (!body_error_) body_error_ = Errc::cancelled;
    in_ready_.notify();
    session_.wake();
    co_await fetch_ended_;
  }
}

}  // namespace genkan::http::h2
