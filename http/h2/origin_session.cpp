#include "http/h2/origin_session.hpp"

#include <array>
#include <new>

#include "http/h2/origin_stream.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::int32_t kStreamWindow = 256 * 1024;
constexpr std::int32_t kConnectionWindow =
    16 * 1024 * 1024;                       // shared by all clients of the worker: one must not stop others
constexpr std::uint32_t kMaxStreams = 256;  // where the backend names no limit, or a larger one

}  // namespace

struct OriginSession::Callbacks {
  static OriginSession& of(void* user) noexcept { return *static_cast<OriginSession*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    OriginStream* stream = of(user).find(frame->hd.stream_id);
    if (stream) stream->begin_head(frame->headers.cat == NGHTTP2_HCAT_HEADERS);
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    OriginStream* stream = of(user).find(frame->hd.stream_id);
    if (!stream) return 0;
    const bool late = frame->headers.cat == NGHTTP2_HCAT_HEADERS;  // trailers, or a head after interim ones
    return stream->add_field(view(name, name_size), view(value, value_size), late)
               ? 0
               : static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
  }
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                            const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    OriginSession& s = of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) s.leaving_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    OriginStream* stream = s.find(frame->hd.stream_id);
    if (!stream) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_complete(frame->headers.cat == NGHTTP2_HCAT_HEADERS)) {
      nghttp2_submit_rst_stream(s.nghttp(), NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->end_of_answer();
    return 0;
  }
  static int data_chunk(nghttp2_session* nghttp, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) {
    if (OriginStream* stream = of(user).find(id)) {
      stream->take_data(view(data, size));
    } else {
      nghttp2_session_consume(nghttp, id, size);
    }
    return 0;
  }
  static int stream_closed(nghttp2_session* nghttp, std::int32_t id, std::uint32_t code, void* user) {
    OriginStream* stream = of(user).find(id);
    if (!stream) return 0;
    nghttp2_session_set_stream_user_data(nghttp, id, nullptr);
    stream->closed(code, code == NGHTTP2_REFUSED_STREAM);  // also what nghttp2 says of streams above GOAWAY's last
    return 0;
  }
  // A request that nghttp2 could not send any more: it was given up, or the connection is going.
  static int frame_not_sent(nghttp2_session* nghttp, const nghttp2_frame* frame, int why, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto* stream = static_cast<OriginStream*>(nghttp2_session_get_stream_user_data(nghttp, frame->hd.stream_id));
    if (stream) stream->closed(NGHTTP2_REFUSED_STREAM, true);
    if (why != NGHTTP2_ERR_STREAM_CLOSING) of(user).leaving_ = true;
    return 0;
  }
  static int send_content(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
                          nghttp2_data_source*, void* user) {
    OriginSession& s = of(user);
    OriginStream* stream = s.find(frame->hd.stream_id);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    char* room = s.content_room(head, size);
    if (!room) return NGHTTP2_ERR_WOULDBLOCK;
    stream->give_content(room, size);
    return 0;
  }

  static const nghttp2_session_callbacks* table() {
    static const CallbacksPtr all = [] {
      CallbacksPtr c = make_callbacks();
      nghttp2_session_callbacks_set_on_begin_headers_callback(c.get(), begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(c.get(), header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(c.get(), invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c.get(), frame_received);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c.get(), data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c.get(), stream_closed);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(c.get(), frame_not_sent);
      nghttp2_session_callbacks_set_send_data_callback(c.get(), send_content);
      return c;
    }();
    return all.get();
  }
  static const nghttp2_option* options() {
    static const OptionPtr all = [] {
      OptionPtr o = make_option();
      nghttp2_option_set_no_auto_window_update(o.get(), 1);
      nghttp2_option_set_peer_max_concurrent_streams(o.get(), 100);  // until its SETTINGS are here
      return o;
    }();
    return all.get();
  }
};

OriginSession::OriginSession(std::unique_ptr<net::Transport> transport, OriginTo to, const OriginLimits& limits)
    : Pump(*transport),
      to_(std::move(to)),
      limits_(limits),
      owned_(std::move(transport)),
      streams_ended_(owned_->loop()) {
  nghttp2_session* made = nullptr;
  nghttp2_mem memory = nghttp_.functions();
  if (nghttp2_session_client_new3(&made, Callbacks::table(), this, Callbacks::options(), &memory) != 0)
    throw std::bad_alloc();
  nghttp_.reset(made);
  start();
}

OriginSession::~OriginSession() = default;

void OriginSession::start() {
  const std::array<nghttp2_settings_entry, 4> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.max_head)},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  nghttp2_submit_settings(nghttp(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(nghttp(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

net::Task<void> OriginSession::run(std::unique_ptr<OriginSession> self, std::function<void(OriginSession&)> ended) {
  OriginSession& s = *self;
  s.transport_.read_timeout(Duration::max());
  s.transport_.write_timeout(s.limits_.body_timeout);
  s.set_deadline();
  s.start_writer();
  net::Yield turn(s.loop());
  co_await turn;  // who opened it puts a stream in first: a connection that has broken already would end without it
  co_await s.read_loop();
  s.leaving_ = s.ended_ = true;
  ended(s);
  s.end_streams();
  while (s.live_ > 0) co_await s.streams_ended_;
  co_await s.stop_writer();
  s.transport_.close();
}

bool OriginSession::takes_streams() const noexcept {
  if (leaving_ || failed() || transport_.peer_closed()) return false;
  const std::uint32_t most = std::min(
      kMaxStreams, nghttp2_session_get_remote_settings(nghttp_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  return live_ < most && nghttp2_session_check_request_allowed(nghttp_.get());
}

void OriginSession::received(std::string_view data) {
  const ssize_t n = nghttp2_session_mem_recv(nghttp(), reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  if (n < 0) {
    leaving_ = true;
    terminate(error_code_of(static_cast<int>(n)));
  }
  resume_ready();
  wake();
}

bool OriginSession::finished() const noexcept {
  if (!nghttp2_session_want_read(nghttp_.get()) && !nghttp2_session_want_write(nghttp_.get())) return true;
  return leaving_ && live_ == 0;
}

void OriginSession::retire() noexcept {
  leaving_ = true;
  wake();
}

void OriginSession::set_deadline() noexcept {
  transport_.read_deadline(live_ > 0 || ended_ ? Time::max() : loop().now() + limits_.idle_timeout);
}

void OriginSession::enter(OriginStream& stream) noexcept {
  stream.after = first_;
  if (first_) first_->before = &stream;
  first_ = &stream;
  ++live_;
  set_deadline();
}

void OriginSession::leave(OriginStream& stream) noexcept {
  (stream.before ? stream.before->after : first_) = stream.after;
  if (stream.after) stream.after->before = stream.before;
  --live_;
  // Also where its HEADERS still wait to be sent: nghttp2 knows no stream of that number yet, but keeps the pointer.
  if (stream.id() > 0) nghttp2_session_set_stream_user_data(nghttp(), stream.id(), nullptr);
  set_deadline();
  if (live_ == 0) {
    streams_ended_.notify();
    wake();
  }
}

void OriginSession::end_streams() noexcept {
  for (OriginStream* s = first_; s;) std::exchange(s, s->after)->closed(NGHTTP2_INTERNAL_ERROR, false);
  resume_ready();
  wake();
}

OriginStream* OriginSession::find(std::int32_t id) noexcept {
  return static_cast<OriginStream*>(nghttp2_session_get_stream_user_data(nghttp(), id));
}

}  // namespace genkan::http::h2
