#include "http/h2/server_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "net/block.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::int32_t kStreamWindow = 256 * 1024;
constexpr std::int32_t kConnectionWindow = 1024 * 1024;  // the most that a connection's unread content may take
constexpr Duration kDrainWait = std::chrono::seconds(1);
constexpr Duration kQuiet = std::chrono::milliseconds(100);  // without a stream: then little memory is enough
constexpr Duration kLinger = std::chrono::seconds(2);
constexpr std::uint64_t kLingerBytes = 4u << 20;

// Errors of ours in a RST_STREAM that the client's own frames caused.
bool provoked(std::uint32_t code) noexcept {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL && code != NGHTTP2_INTERNAL_ERROR;
}

}  // namespace

// What nghttp2 calls. `user` is the session.
struct ServerSession::Callbacks {
  static ServerSession& of(void* user) noexcept { return *static_cast<ServerSession*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return of(user).begin_stream(frame->hd.stream_id) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    ServerSession& s = of(user);
    ServerStream* stream = s.find(frame->hd.stream_id);
    if (!stream) return 0;
    const bool trailer = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
    if (stream->add_field(view(name, name_size), view(value, value_size), trailer)) return 0;
    if (trailer) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    // A little too much is answered 431; a block that unpacks to far more is a bomb.
    if (stream->head_bytes() <= 4 * s.snapshot_->conf->http.max_head + 65536) return 0;
    s.server_.metrics().h2_bombs.add();
    s.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // RFC 9113 8.2.1: a field that is not well-formed makes the whole request malformed; nghttp2 would leave it out.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                            const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // RFC 9113 8.1.1: nghttp2 answers a malformed request with RST_STREAM; no handler and no log sees it.
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) of(user).server_.metrics().bad_requests.add();
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    ServerSession& s = of(user);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) {
      if (s.drain_ == Drain::announced) s.finish_drain();
      return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    ServerStream* stream = s.find(frame->hd.stream_id);
    if (!stream) return 0;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->end_of_request();
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      const auto at = std::find_if(s.opening_.begin(), s.opening_.end(), [&](auto& o) { return o.get() == stream; });
      if (at != s.opening_.end()) {
        s.fresh_.push_back(std::move(*at));
        s.opening_.erase(at);
      }
    }
    return 0;
  }

  static int data_chunk(nghttp2_session* nghttp, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) {
    if (ServerStream* stream = of(user).find(id)) {
      stream->take_data(view(data, size));
    } else {
      nghttp2_session_consume(nghttp, id, size);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* nghttp, std::int32_t id, std::uint32_t code, void* user) {
    ServerSession& s = of(user);
    s.gate_.forgive(static_cast<std::uint32_t>(id));
    ServerStream* stream = s.find(id);
    if (!stream) return 0;
    nghttp2_session_set_stream_user_data(nghttp, id, nullptr);
    if (std::erase_if(s.opening_, [&](auto& o) { return o.get() == stream; }) > 0) return 0;
    stream->closed(code == NGHTTP2_NO_ERROR ? make_error_code(Errc::end_of_stream) : make_error_code(Errc::cancelled));
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    of(user).note_sent(*frame);
    return 0;
  }

  static int send_content(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
                          nghttp2_data_source*, void* user) {
    ServerSession& s = of(user);
    ServerStream* stream = s.find(frame->hd.stream_id);
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
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c.get(), invalid_frame);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c.get(), frame_received);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c.get(), data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c.get(), stream_closed);
      nghttp2_session_callbacks_set_on_frame_send_callback(c.get(), frame_sent);
      nghttp2_session_callbacks_set_send_data_callback(c.get(), send_content);
      return c;
    }();
    return all.get();
  }

  static const nghttp2_option* options() {
    static const OptionPtr all = [] {
      OptionPtr o = make_option();
      nghttp2_option_set_no_auto_window_update(o.get(), 1);
      nghttp2_option_set_no_closed_streams(o.get(), 1);
      nghttp2_option_set_max_continuations(o.get(), 1000);  // the gate holds the limit
      nghttp2_option_set_stream_reset_rate_limit(o.get(), 100'000, 100'000);
      nghttp2_option_set_builtin_recv_extension_type(o.get(), NGHTTP2_PRIORITY_UPDATE);
      return o;
    }();
    return all.get();
  }
};

ServerSession::ServerSession(Server& server, net::Transport& transport, base::Endpoint local, ConnectionTimes times)
    : Pump(transport),
      server_(server),
      client_(transport.peer()),
      local_(std::move(local)),
      times_(times),
      snapshot_(server.snapshot()),
      gate_(snapshot_->conf->http.max_head),
      streams_ended_(transport.loop()) {
  client_text_ = client_.is_unix() ? std::string("unix") : client_.ip.text();
  nghttp2_session* made = nullptr;
  nghttp2_mem memory = nghttp_.functions();
  if (nghttp2_session_server_new3(&made, Callbacks::table(), this, Callbacks::options(), &memory) != 0)
    throw std::bad_alloc();
  nghttp_.reset(made);
  server_.metrics().h2_connections.add();
  server_.enter(*this);
}

ServerSession::~ServerSession() {
  server_.metrics().h2_connections.add(-1);
  server_.leave(*this);
}

void ServerSession::start() {
  const conf::Http& http = snapshot_->conf->http;
  const std::array<nghttp2_settings_entry, 5> settings{
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, http.h2_max_streams},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(http.max_head)},
       {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  nghttp2_submit_settings(nghttp_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(nghttp_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

net::Task<void> ServerSession::run() {
  start();
  transport_.read_timeout(Duration::max());
  transport_.write_timeout(snapshot_->conf->http.body_timeout);
  set_deadline();
  start_writer();
  if (server_.draining()) begin_drain();
  co_await read_loop();
  end_connection();
  while (live_ > 0) co_await streams_ended_;
  co_await stop_writer();
  if (!failed()) co_await linger();
}

bool ServerSession::finished() const noexcept {
  if (!nghttp2_session_want_read(nghttp_.get()) && !nghttp2_session_want_write(nghttp_.get())) return true;
  return drain_ == Drain::final_ && live_ == 0 && fresh_.empty();
}

void ServerSession::received(std::string_view data) {
  if (gate_.error()) return;  // the end is on its way
  const std::size_t good = gate_.look(data, loop().now());
  if (good > 0) {
    const ssize_t n = nghttp2_session_mem_recv(nghttp_.get(), reinterpret_cast<const std::uint8_t*>(data.data()), good);
    if (n < 0) terminate(error_code_of(static_cast<int>(n)));
  }
  if (gate_.error()) {
    count_flood();
    terminate(gate_.error());
  }
  begin_streams();
  resume_ready();
  set_deadline();
  wake();
}

void ServerSession::begin_streams() {
  while (!fresh_.empty()) {
    auto fresh = std::exchange(fresh_, {});
    for (auto& stream : fresh) {
      ServerStream& s = *stream;
      s.after = first_;
      if (first_) first_->before = &s;
      first_ = &s;
      ++live_;
      net::spawn(loop(), ServerStream::serve(std::move(stream)));
    }
  }
  const std::uint64_t most = snapshot_->conf->http.requests_per_connection;
  if (most && served_ >= most) begin_drain();
}

// Without streams the connection is idle, whatever PINGs come; a header block must become whole.
void ServerSession::set_deadline() noexcept {
  const conf::Http& http = snapshot_->conf->http;
  const Time now = loop().now();
  Time due = Time::max();
  if (live_ > 0) {
    idle_since_ = {};
  } else {
    if (idle_since_ == Time{}) idle_since_ = now;
    if (!quiet_alarm_.armed()) loop().wheel().arm(quiet_alarm_, now + kQuiet);
    due = idle_since_ + (served_ == 0 ? http.head_timeout : http.idle_timeout);
  }
  if (!gate_.in_header_block()) {
    block_since_ = {};
  } else {
    if (block_since_ == Time{}) block_since_ = now;
    due = std::min<Time>(due, block_since_ + http.head_timeout);
  }
  transport_.read_deadline(due);
}

// What comes next finds all as it was.
void ServerSession::on_quiet() noexcept {
  if (live_ > 0) return;
  if (const Time due = idle_since_ + kQuiet; due > loop().now()) return loop().wheel().arm(quiet_alarm_, due);
  usual_ = {};
  opening_.shrink_to_fit();
  fresh_.shrink_to_fit();
  gate_.trim();
  if (opening_.empty() && fresh_.empty() && !sending()) nghttp_.fold();
}

void ServerSession::count_flood() {
  const Flood kind = gate_.flood();
  if (kind == Flood::none) return;
  server_.metrics().h2_floods[static_cast<std::size_t>(kind)]->add();
  server_.telemetry().log.warning("an HTTP/2 client was sent away: it floods",
                                  {{"peer", client_.text()}, {"kind", flood_name(kind)}});
}

void ServerSession::end_connection() noexcept {
  for (ServerStream* s = first_; s;) std::exchange(s, s->after)->closed(Errc::cancelled);
  for (auto& stream : opening_) nghttp2_session_set_stream_user_data(nghttp_.get(), stream->id(), nullptr);
  opening_.clear();
  resume_ready();
  wake();
}

bool ServerSession::begin_stream(std::int32_t id) {
  // Streams that were reset may still be unwinding: they count, or resets could start work without end.
  const std::size_t busy = live_ + fresh_.size() + opening_.size();
  if (busy >= 2 * static_cast<std::size_t>(snapshot_->conf->http.h2_max_streams)) {
    nghttp2_submit_rst_stream(nghttp_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    server_.metrics().h2_refused.add();
    return false;
  }
  if (snapshot_ != server_.snapshot()) snapshot_ = server_.snapshot();  // reloaded
  auto stream = std::make_unique<ServerStream>(*this, id, snapshot_);
  nghttp2_session_set_stream_user_data(nghttp_.get(), id, stream.get());
  opening_.push_back(std::move(stream));
  ++served_;
  return true;
}

// The fields of a head come one after the other.
ServerStream* ServerSession::find(std::int32_t id) noexcept {
  if (!opening_.empty() && opening_.back()->id() == id) return opening_.back().get();
  return static_cast<ServerStream*>(nghttp2_session_get_stream_user_data(nghttp_.get(), id));
}

void ServerSession::note_sent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
      if (frame.hd.type == NGHTTP2_DATA && frame.hd.length > 0) gate_.content_sent();
      if (frame.hd.type == NGHTTP2_DATA && frame.hd.length >= 512) gate_.useful(2);
      if (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) {
        if (ServerStream* stream = find(frame.hd.stream_id)) stream->end_was_sent();
      }
      return;
    case NGHTTP2_RST_STREAM:
      if (provoked(frame.rst_stream.error_code) && !gate_.made_reset(loop().now())) {
        count_flood();
        terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      }
      return;
    default:
      return;
  }
}

void ServerSession::stream_ended(ServerStream& stream, bool useful) noexcept {
  (stream.before ? stream.before->after : first_) = stream.after;
  if (stream.after) stream.after->before = stream.before;
  --live_;
  if (nghttp2_session_get_stream_user_data(nghttp_.get(), stream.id()) == &stream) {
    nghttp2_session_set_stream_user_data(nghttp_.get(), stream.id(), nullptr);
  }
  if (useful) gate_.useful(2);
  set_deadline();
  if (live_ == 0) {
    streams_ended_.notify();
    wake();
  }
}

// RFC 9113 6.8: first a GOAWAY that stops nothing, so that requests on their way are still served; the last one names
// what was taken, a round trip later.
void ServerSession::begin_drain() noexcept {
  if (drain_ != Drain::no) return;
  drain_ = Drain::announced;
  nghttp2_submit_shutdown_notice(nghttp_.get());
  nghttp2_submit_ping(nghttp_.get(), NGHTTP2_FLAG_NONE, nullptr);
  loop().wheel().arm(drain_alarm_, loop().now() + kDrainWait);
  wake();
}

void ServerSession::finish_drain() noexcept {
  if (drain_ != Drain::announced) return;
  drain_ = Drain::final_;
  loop().wheel().cancel(drain_alarm_);
  nghttp2_submit_goaway(nghttp_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(nghttp_.get()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  wake();
}

void ServerSession::drain() noexcept { begin_drain(); }

void ServerSession::cancel() noexcept { transport_.cancel(); }

// The client should read our GOAWAY before the socket goes (as RFC 9112 9.6).
net::Task<void> ServerSession::linger() {
  transport_.shutdown_write();
  transport_.read_timeout(Duration::max());
  transport_.read_deadline(loop().now() + kLinger);
  std::uint64_t total = 0;
  net::Block sink(net::Block::kSmall);
  while (total < kLingerBytes) {
    const auto n = co_await transport_.read_some(sink.data(), sink.size());
    if (!n || *n == 0) co_return;
    total += *n;
  }
}

}  // namespace genkan::http::h2
