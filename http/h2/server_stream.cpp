#include "http/h2/server_stream.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "http/h1/framing.hpp"
#include "http/h2/priority.hpp"
#include "http/h2/server_session.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::size_t kMaxTrailers = 16 * 1024;
constexpr std::uint64_t kProgress = 1024;  // bytes within body_timeout, else the client does not really read

bool no_content(int status) noexcept { return status / 100 == 1 || status == 204 || status == 304; }

ssize_t read_content(nghttp2_session* nghttp, std::int32_t id, std::uint8_t*, std::size_t room, std::uint32_t* flags,
                     nghttp2_data_source*, void*) {
  auto* stream = static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(nghttp, id));
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return stream->more_content(room, *flags);
}

}  // namespace

ServerStream::ServerStream(ServerSession& session, std::int32_t id, SnapshotPtr snapshot)
    : session_(session),
      id_(id),
      snapshot_(std::move(snapshot)),
      began_(session.loop().now()),
      request_(session.loop()),
      body_(*this),
      in_ready_(session.ready()),
      fetch_ended_(session.ready()),
      sent_(session.ready()) {}

ServerStream::~ServerStream() { give_window_back(); }

// --- what nghttp2 tells ---

bool ServerStream::add_field(std::string_view name, std::string_view value, bool trailer) {
  if (!trailer) return head_.add(name, value, snapshot_->conf->http);
  trailer_bytes_ += name.size() + value.size();
  if (trailer_bytes_ > kMaxTrailers || name.empty() || name.front() == ':') return false;
  if (!h1::forbidden_in_trailers(name)) trailers_.add(name, value);
  return true;
}

void ServerStream::take_data(std::string_view data) {
  in_.append(data);
  held_.set(in_.size() + current_.size());
  received_ += data.size();
  session_.data_in += data.size();
  in_ready_.notify();
}

void ServerStream::end_of_request() {
  in_ended_ = true;
  in_ready_.notify();
}

void ServerStream::end_was_sent() noexcept {
  end_sent_ = true;
  sent_.notify();
}

void ServerStream::closed(Error error) noexcept {
  if (closed_ || (end_sent_ && in_ended_)) return;
  closed_ = error;
  if (!body_error_ && !in_ended_) body_error_ = error;
  in_ready_.notify();
  sent_.notify();
  if (gone_) std::exchange(gone_, nullptr)->on_client_gone();
}

ssize_t ServerStream::more_content(std::size_t room, std::uint32_t& flags) {
  if (out_.empty() && !out_last_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t n = std::min(room, out_.size());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (out_last_ && n == out_.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out_trailers_) {
      Block& block = session_.block();
      block.clear();
      block.add_trailers(*out_trailers_);
      if (block.size() > 0 && nghttp2_submit_trailer(session_.nghttp(), id_, block.data(), block.size()) == 0) {
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      }
      out_trailers_ = nullptr;
    }
  }
  return static_cast<ssize_t>(n);
}

void ServerStream::give_content(char* to, std::size_t size) {
  if (size > 0) std::memcpy(to, out_.data(), size);
  out_.remove_prefix(size);
  sent_since_ += size;
  session_.data_out += size;
  const conf::Http& http = snapshot_->conf->http;
  const Time now = session_.loop().now();
  const std::uint64_t bytes = session_.data_out - out_before_;
  if (!tunnel_ && !out_.empty() &&
      download_pace_.too_slow(now - offered_at_, bytes, http.min_rate, http.min_rate_grace)) {
    too_slow_ = true;
    sent_.notify();
  }
  offered_at_ = now;
  if (sent_since_ >= kProgress && write_alarm_.armed()) arm_write();
  if (out_.empty() && !out_last_) sent_.notify();
}

// --- the request ---

net::Task<void> ServerStream::serve(std::unique_ptr<ServerStream> self) {
  ServerStream& s = *self;
  Request& r = s.request_;
  Outcome outcome;
  if (!s.closed_) {
    Response response;
    int status = s.begin();
    if (status == 0) {
      auto made = co_await s.snapshot_->handler->handle(r);
      if (made) {
        response = std::move(*made);
      } else {
        status = s.status_of(made.error());
      }
    }
    if (status != 0 && status != 499) response = s.refusal(status);
    if (status == 499) {
      outcome.status = 499;
      s.finish(nullptr, outcome);
    } else {
      co_await s.answer(std::move(response), outcome);
    }
    if (s.fetching_) co_await s.stop_upload();
  }
  s.end_stream(outcome);
  s.session_.stream_ended(s, outcome.complete && outcome.status < 400);  // who only earns errors earns no more of them
}

// --- the response ---

net::Task<Result<void>> ServerStream::inform(const ResponseHead& head) {
  if (closed_) co_return closed_;
  if (head_sent_ || head.status == 101) co_return Result<void>();
  if (head.status == 100 && !std::exchange(continue_due_, false)) co_return Result<void>();
  const std::string status = std::to_string(head.status);
  Block& block = session_.block();
  block.clear();
  block.add(":status", status);
  block.add(head.fields, false);
  nghttp2_submit_headers(session_.nghttp(), NGHTTP2_FLAG_NONE, id_, nullptr, block.data(), block.size(), nullptr);
  session_.wake();
  co_return Result<void>();
}

// The backend's answer to the upgrade, as RFC 8441 5 has it. A 2xx that is no change of protocols must not look like
// one.
void ServerStream::translate_switch(Response& response) {
  ResponseHead& head = *response.head;
  if (tunnel_ && head.status == 101) {
    head.status = 200;
    head.reason = {};
    head.fields.remove("Sec-WebSocket-Accept");
  } else if (head.status == 101 || (tunnel_ && head.status / 100 == 2)) {
    Response page = error_page(request_, 502, "The server that should answer did not change the protocol.");
    response.body.reset();
    response = std::move(page);
  }
}

net::Task<void> ServerStream::answer(Response response, Outcome& outcome) {
  translate_switch(response);
  outcome.status = response.head->status;
  const auto sent = co_await send(response, outcome);
  session_.loop().wheel().cancel(write_alarm_);
  outcome.complete = sent.has_value();
  if (!sent) {
    outcome.error = sent.error();
    if (!head_sent_) outcome.status = 499;
  }
  finish(response.head, outcome);
  gone_ = nullptr;
  out_ = {};
  // From here on nghttp2 finds nobody to ask for content: what it pointed into is gone.
  if (!end_sent_) nghttp2_session_set_stream_user_data(session_.nghttp(), id_, nullptr);
  response.body.reset();
}

// RFC 9218 8: what the backend says of its answer counts more than what the client asked for.
void ServerStream::merge_priorities(const ResponseHead& head) {
  const auto answered = head.fields.get("Priority");
  if (!answered) return;
  Priority priority;
  if (const auto asked = request_.fields.get("Priority")) merge_priority(*asked, priority);
  merge_priority(*answered, priority);
  const nghttp2_extpri wanted{priority.urgency, priority.incremental};
  nghttp2_session_change_extpri_stream_priority(session_.nghttp(), id_, &wanted, 0);
}

bool ServerStream::submit_head(const ResponseHead& head, std::optional<std::uint64_t> length, bool content) {
  char digits[24];
  Block& block = session_.block();
  block.clear();
  const std::string_view status(digits,
                                static_cast<std::size_t>(std::to_chars(digits, digits + 4, head.status).ptr - digits));
  block.add(":status", status);
  const bool keeps_length = !length && !content && (request_.method == Method::head || head.status == 304);
  block.add(head.fields, keeps_length);
  if (!head.fields.has(FieldId::date)) block.add("date", session_.loop().http_date());
  if (!head.fields.has(FieldId::server)) block.add("server", snapshot_->conf->http.server_name);
  char length_digits[24];
  if (length) {
    const auto end = std::to_chars(length_digits, length_digits + sizeof length_digits, *length).ptr;
    block.add("content-length", {length_digits, static_cast<std::size_t>(end - length_digits)});
  }
  nghttp2_data_provider provider{};
  provider.read_callback = read_content;
  merge_priorities(head);
  head_sent_ =
      nghttp2_submit_response(session_.nghttp(), id_, block.data(), block.size(), content ? &provider : nullptr) == 0;
  session_.wake();
  return head_sent_;
}

net::Task<Result<void>> ServerStream::send(Response& response, Outcome& outcome) {
  if (closed_) co_return closed_;
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
    const auto again = co_await send(response, outcome);
    co_return again;
  }
  std::optional<std::uint64_t> length;
  if (body) {
    length = body->length();
    if (!length && have && first->last && !body->trailers()) length = first->data.size();
  } else if (!no_content(head.status) && request_.method != Method::head) {
    length = 0;
  }
  const bool content = body && !(have && first->last && first->data.empty() && !body->trailers());
  if (have && content) {
    offered_at_ = session_.loop().now();
    out_ = first->data;
    out_last_ = first->last;
    outcome.body_bytes = out_.size();
    if (out_last_) out_trailers_ = body->trailers();
  }
  if (!submit_head(head, length, content)) co_return Errc::cancelled;
  if (content) {
    const auto done = co_await send_content(*body, outcome);
    co_return done;
  }
  while (!end_sent_ && !closed_) {
    arm_write();
    co_await sent_;
  }
  if (!end_sent_) co_return closed_;
  co_return Result<void>();
}

net::Task<Result<void>> ServerStream::send_content(Body& body, Outcome& outcome) {
  for (;;) {
    while (!closed_ && !end_sent_ && !too_slow_ && (out_last_ || !out_.empty())) {
      arm_write();
      co_await sent_;
    }
    if (end_sent_) co_return Result<void>();
    if (too_slow_) {
      session_.server().metrics().h2_stalled.add();
      reset_stream(NGHTTP2_CANCEL);
      co_return Errc::timed_out;
    }
    session_.loop().wheel().cancel(write_alarm_);
    Result<Chunk> next = Chunk{};
    if (!closed_ && !body.poll(next)) next = co_await body.fetch();
    out_ = {};
    if (closed_) co_return closed_;
    if (!next) {
      outcome.content_broken = true;
      reset_stream(NGHTTP2_INTERNAL_ERROR);
      co_return next.error();
    }
    offered_at_ = session_.loop().now();
    out_ = next->data;
    out_last_ = next->last;
    if (out_last_) out_trailers_ = body.trailers();
    outcome.body_bytes += out_.size();
    if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session_.nghttp(), id_);
    session_.wake();
  }
}

void ServerStream::arm_write() noexcept {
  sent_since_ = 0;
  session_.loop().wheel().arm(write_alarm_, session_.loop().now() + snapshot_->conf->http.body_timeout);
}

// The client opens no window, or by single bytes.
void ServerStream::on_write_stalled() noexcept {
  session_.server().metrics().h2_stalled.add();
  if (!closed_) closed_ = Errc::timed_out;
  reset_stream(NGHTTP2_CANCEL);
  sent_.notify();
  session_.wake();
}

void ServerStream::reset_stream(std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.nghttp(), NGHTTP2_FLAG_NONE, id_, code);
  session_.wake();
}

void ServerStream::finish(const ResponseHead* head, Outcome& outcome) {
  outcome.duration = Clock::now() - request_.started;
  request_.attachment.finish(outcome);
  if (snapshot_->observer) snapshot_->observer->finished(request_, head, outcome);
}

// Leaves nothing open with nghttp2: the rest of a content that nobody wants is refused (RFC 9113 8.1).
void ServerStream::end_stream(const Outcome& outcome) {
  if (!in_.empty()) {
    unacknowledged_ += in_.size();
    in_.clear();
    held_.set(current_.size());
  }
  give_window_back();
  if (closed_) return;
  if (!end_sent_) {
    reset_stream(outcome.status == 499 ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
  } else if (!in_ended_) {
    reset_stream(NGHTTP2_NO_ERROR);
  }
}

}  // namespace genkan::http::h2
