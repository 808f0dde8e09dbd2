#include "http/h2/origin_stream.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace genkan::http::h2 {
namespace {

using Stage = OriginFailure::Stage;

constexpr int kMaxInterims = 16;
constexpr std::size_t kMaxTrailers = 16 * 1024;

ssize_t read_content(nghttp2_session* nghttp, std::int32_t id, std::uint8_t*, std::size_t room, std::uint32_t* flags,
                     nghttp2_data_source*, void*) {
  auto* stream = static_cast<OriginStream*>(nghttp2_session_get_stream_user_data(nghttp, id));
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return stream->more_content(room, *flags);
}

}  // namespace

OriginStream::OriginStream(OriginSession& session, Request& request, const OriginLimits& limits)
    : session_(session), request_(&request), limits_(limits), arrived_(session.ready()), taken_(session.ready()) {
  session_.enter(*this);
  if (request.informer) request.informer->on_gone(this);
}

OriginStream::~OriginStream() {
  if (!in_.empty()) unacknowledged_ += in_.size();
  give_window_back();
  session_.leave(*this);
}

void OriginStream::on_client_gone() noexcept {
  clients_fault_ = true;
  if (!closed_) closed_ = Errc::cancelled;
  arrived_.notify();
  taken_.notify();
  session_.wake();
}

void OriginStream::arm(Duration timeout) noexcept {
  session_.loop().wheel().arm(alarm_, session_.loop().now() + timeout);
}

void OriginStream::on_timeout() noexcept {
  timed_out_ = true;
  if (!closed_) closed_ = Errc::timed_out;
  arrived_.notify();
  taken_.notify();
  session_.wake();
}

// --- the request ---

bool OriginStream::submit(std::string_view target, std::string_view host, std::optional<std::uint64_t> length,
                          bool content) {
  Request& r = *request_;
  Block& block = session_.block();
  block.clear();
  block.add(":method", r.method_text);
  block.add(":scheme", session_.transport().tls() ? "https" : "http");
  block.add(":authority", host);
  block.add(":path", target);
  block.add(r.fields, false);
  std::string digits;
  if (length) {
    digits = std::to_string(*length);
    block.add("content-length", digits);
  }
  nghttp2_data_provider provider{};
  provider.read_callback = read_content;
  id_ = nghttp2_submit_request(session_.nghttp(), nullptr, block.data(), block.size(), content ? &provider : nullptr,
                               this);
  session_.wake();
  return id_ > 0;
}

net::Task<bool> OriginStream::exchange(std::string_view target, std::string_view host, OriginPool::Replay& replay,
                                       OriginFailure& failure) {
  Request& r = *request_;
  Chunk first;
  bool have = r.body == nullptr;
  if (have) {
    first.last = true;
  } else if (replay.polled) {
    first = replay.first;
    have = true;
  } else if (!r.expects_continue) {
    Result<Chunk> polled = Chunk{};
    have = r.body->poll(polled);
    if (!polled) {
      clients_fault_ = true;
      co_return fail(failure, polled.error());
    }
    if (have) {
      first = *polled;
      replay.polled = true;
      replay.first = first;
    }
  }
  const bool whole = have && first.last;
  failure.content_lost = replay.polled && !replay.first.last;
  std::optional<std::uint64_t> length;
  if (r.body) length = r.body->length();
  const Fields* trailers = r.body && whole ? r.body->trailers() : nullptr;
  const bool content = r.body && !(whole && first.data.empty() && !trailers);
  if (have && content) {
    out_ = first.data;
    out_last_ = first.last;
    out_trailers_ = trailers;
  }
  failure.stage = Stage::send;
  if (!submit(target, host, length, content)) {
    untouched_ = true;
    co_return fail(failure, Errc::unavailable);
  }
  if (content && !whole) {
    failure.content_lost = true;  // from here on it is being read
    uploading_ = true;
    net::spawn(session_.loop(), upload(*this, r.body));
  } else {
    upload_done_ = true;
    arm(limits_.response_timeout);
  }
  const bool ok = co_await wait_for_head(failure);
  co_return ok;
}

// Runs beside the answer. A request whose content broke is reset, never ended.
net::Task<void> OriginStream::upload(OriginStream& self, Body* body) {
  Result<Chunk> next = Chunk{};
  while (!self.released_ && !self.closed_) {
    while (!self.released_ && !self.closed_ && (!self.out_.empty() || (self.out_last_ && !self.upload_done_))) {
      co_await self.taken_;
    }
    if (self.upload_done_ || self.released_ || self.closed_) break;
    if (!body->poll(next)) next = co_await body->fetch();
    if (self.released_ || self.closed_) break;
    if (!next) {
      self.clients_fault_ = true;
      self.closed_ = next.error();
      self.arrived_.notify();
      self.session_.wake();
      break;
    }
    self.out_ = next->data;
    self.out_last_ = next->last;
    if (next->last) self.out_trailers_ = body->trailers();
    if (std::exchange(self.deferred_, false)) nghttp2_session_resume_data(self.session_.nghttp(), self.id_);
    self.session_.wake();
    next = Chunk{};
  }
  self.uploading_ = false;
  self.out_ = {};
  if (self.released_) {
    self.destroy();
  } else if (!self.have_head_) {
    self.arm(self.limits_.response_timeout);
  }
}

ssize_t OriginStream::more_content(std::size_t room, std::uint32_t& flags) {
  if (closed_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
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

void OriginStream::give_content(char* to, std::size_t size) {
  if (size > 0) std::memcpy(to, out_.data(), size);
  out_.remove_prefix(size);
  if (!out_.empty()) return;
  if (out_last_) upload_done_ = true;
  taken_.notify();
}

// --- the answer ---

void OriginStream::begin_head(bool) {
  if (have_head_) return;
  text_.clear();
  parts_.clear();
  field_bytes_ = 0;
}

bool OriginStream::add_field(std::string_view name, std::string_view value, bool) {
  field_bytes_ += name.size() + value.size() + 4;
  if (have_head_) {
    if (field_bytes_ > kMaxTrailers) return false;
    trailers_.add(name, value);
    return true;
  }
  if (field_bytes_ > limits_.max_head || parts_.size() > limits_.max_fields || name.size() > 0xffff) {
    bad_ = true;
    return false;
  }
  if (name == ":status") {
    const auto status = base::parse_uint(value);
    head_.status = status && *status >= 100 && *status <= 599 ? static_cast<int>(*status) : 0;
    return head_.status != 0;
  }
  const auto at = static_cast<std::uint32_t>(text_.size());
  text_.append(name).append(value);
  parts_.push_back({at, static_cast<std::uint32_t>(at + name.size()), static_cast<std::uint32_t>(value.size()),
                    static_cast<std::uint16_t>(name.size())});
  return true;
}

// False: it can't be trusted.
bool OriginStream::head_complete(bool) {
  if (have_head_) return true;  // trailers
  field_bytes_ = 0;
  const bool interim = head_.status < 200;
  if (head_.status == 101 || (interim && ++interims_ > kMaxInterims)) return false;
  if (interim && have_interim_) return true;  // the one before has not been passed on yet: hints may be lost
  std::string& text = interim ? interim_text_ : text_;
  if (interim) interim_text_ = text_;
  ResponseHead& head = interim ? interim_ : head_;
  head.status = head_.status;
  head.major_version = 2;
  head.fields.clear(text.data());
  for (const Part& p : parts_) head.fields.add_parsed(p.name_at, p.name_size, p.value_at, p.value_size);
  if (interim) {
    have_interim_ = true;
  } else {
    have_head_ = true;
    if (const auto length = head.fields.get(FieldId::content_length)) {
      const auto n = base::parse_uint(*length);
      if (!n) return false;
      length_ = *n;
    }
    session_.loop().wheel().cancel(alarm_);
  }
  arrived_.notify();
  return true;
}

void OriginStream::take_data(std::string_view data) {
  in_.append(data);
  held_.set(in_.size() + current_.size());
  arrived_.notify();
}

void OriginStream::end_of_answer() {
  in_ended_ = true;
  arrived_.notify();
}

void OriginStream::closed(std::uint32_t, bool untouched) noexcept {
  if (!closed_ && !in_ended_) closed_ = Errc::end_of_stream;
  untouched_ = untouched_ || untouched;
  arrived_.notify();
  taken_.notify();
}

bool OriginStream::fail(OriginFailure& failure, Error error) noexcept {
  failure.error = error;
  failure.clients_fault = clients_fault_;
  if (untouched_) failure.stage = Stage::connect;  // RFC 9113 8.7: nothing was done, whatever the method
  failure.reused = failure.reused && !timed_out_ && !bad_;
  return false;
}

net::Task<bool> OriginStream::wait_for_head(OriginFailure& failure) {
  for (;;) {
    if (have_interim_) {
      if (request_->informer) {
        const auto informed = co_await request_->informer->inform(interim_);
        clients_fault_ = clients_fault_ || !informed;
      }
      have_interim_ = false;
      continue;
    }
    if (have_head_) {
      failure.stage = Stage::head;
      co_return true;
    }
    if (closed_ || in_ended_) {
      failure.stage = Stage::head;
      co_return fail(failure, closed_ ? closed_ : make_error_code(Errc::malformed));
    }
    co_await arrived_;
  }
}

bool OriginStream::poll(Result<Chunk>& out) {
  give_window_back();
  if (in_.empty() && !in_ended_) {
    if (!closed_) return false;
    out = closed_;
    return true;
  }
  current_.swap(in_);
  in_.clear();
  held_.set(current_.size());
  unacknowledged_ = current_.size();
  out = Chunk{current_, in_ended_};
  return true;
}

net::Task<Result<Chunk>> OriginStream::fetch() {
  Result<Chunk> chunk = Chunk{};
  while (!poll(chunk)) {
    arm(limits_.body_timeout);
    co_await arrived_;
    session_.loop().wheel().cancel(alarm_);
  }
  co_return chunk;
}

void OriginStream::give_window_back() noexcept {
  if (unacknowledged_ == 0) return;
  nghttp2_session_consume(session_.nghttp(), id_, std::exchange(unacknowledged_, 0));
  session_.wake();
}

// Whoever held the answer is done with it. What the backend still does for it is stopped.
void OriginStream::release() noexcept {
  if (request_ && request_->informer) request_->informer->on_gone(nullptr);
  request_ = nullptr;
  session_.loop().wheel().cancel(alarm_);
  if (id_ > 0 && (!in_ended_ || !upload_done_) && session_.nghttp()) {
    nghttp2_submit_rst_stream(session_.nghttp(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
    session_.wake();
  }
  if (uploading_) {  // the uploader still runs: it ends this; nghttp2 must not ask for content that may be gone
    released_ = true;
    out_ = {};
    nghttp2_session_set_stream_user_data(session_.nghttp(), id_, nullptr);
    taken_.notify();
    session_.wake();
    return;
  }
  destroy();
}

}  // namespace genkan::http::h2
