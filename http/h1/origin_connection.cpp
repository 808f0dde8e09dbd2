#include "http/h1/origin_connection.hpp"

#include <charconv>
#include <string>

#include "base/text.hpp"
#include "http/h1/writer.hpp"

namespace genkan::http {
namespace {

using Stage = OriginFailure::Stage;

constexpr std::size_t kJoin = 4 * 1024;
constexpr int kMaxInterims = 16;
constexpr Duration kContinueWait = std::chrono::seconds(1);  // RFC 9110 10.1.1: not for an indefinite period

// RFC 9110 8.6: these get a length even when it is zero.
bool expects_content(Method m) noexcept { return m == Method::post || m == Method::put || m == Method::patch; }

}  // namespace

OriginConnection::OriginConnection(OriginPool& pool, OriginPool::Shelf& shelf,
                                   std::unique_ptr<net::Transport> transport)
    : pool_(pool), shelf_(shelf), transport_(std::move(transport)), reader_(*transport_) {
  ++shelf_.connections;
}

OriginConnection::~OriginConnection() {
  if (request_ && request_->informer) request_->informer->on_gone(nullptr);
  --shelf_.connections;
}

void OriginConnection::begin(Request& request, const OriginLimits& limits) {
  request_ = &request;
  if (!head_) head_ = pool_.take_head();
  limits_ = limits;
  upload_error_ = {};
  interims_ = 0;
  keep_ = chunked_ = between_ = uploading_ = await_continue_ = released_ = clients_fault_ = answered_ = tunnel_ = false;
  idle_timeout = limits.idle_timeout;
  idle_limit = limits.idle_connections;
  reader_.begin();
  transport_->write_timeout(limits.body_timeout);
  transport_->read_timeout(Duration::max());
  transport_->read_deadline(Time::max());
  if (request.informer) request.informer->on_gone(this);
}

void OriginConnection::on_client_gone() noexcept {
  clients_fault_ = true;
  transport_->cancel();
}

bool OriginConnection::fail(OriginFailure& failure, Stage stage, Error error) noexcept {
  failure.stage = stage;
  failure.error = error;
  failure.reused = failure.reused && !answered_ && error != Errc::timed_out;
  failure.clients_fault = clients_fault_;
  return false;
}

// The request head, in the scratch; empty when it does not fit. Decides the request's framing.
std::string_view OriginConnection::write_head(std::string_view target, std::string_view host, bool whole,
                                              const Chunk& first) {
  Request& r = *request_;
  h1::HeadWriter out(transport_->loop().scratch());
  out.put(r.method_text);
  out.put(" ");
  out.put(target);
  out.put(" HTTP/1.1\r\n");
  out.field("Host", host);
  std::uint64_t skip =
      Fields::bit(FieldId::host) | Fields::bit(FieldId::content_length) | Fields::bit(FieldId::transfer_encoding);
  if (!r.expects_continue) skip |= Fields::bit(FieldId::expect);
  out.fields(r.fields, skip);
  if (!r.upgrade.empty()) {
    out.put(r.fields.has(FieldId::te) ? "Connection: Upgrade, TE\r\n" : "Connection: Upgrade\r\n");
    out.field("Upgrade", r.upgrade);
  } else if (r.fields.has(FieldId::te)) {
    out.put("Connection: TE\r\n");  // RFC 9110 10.1.4
  }
  chunked_ = false;
  if (r.body) {
    auto length = r.body->length();
    if (!length && whole && !r.body->trailers()) length = first.data.size();
    if (length) {
      out.put("Content-Length: ");
      out.number(*length);
      out.put("\r\n");
    } else {
      out.put("Transfer-Encoding: chunked\r\n");
      chunked_ = true;
    }
  } else if (expects_content(r.method)) {
    out.put("Content-Length: 0\r\n");
  }
  out.end();
  return out.overflow() || out.room() < kJoin + 32 ? std::string_view() : out.text();
}

std::string_view OriginConnection::whole_request(std::string_view target, std::string_view host) {
  if (request_->body) return {};
  return write_head(target, host, true, Chunk{{}, true});
}

bool OriginConnection::sent(const Result<void>& written, OriginFailure& failure) noexcept {
  if (!written) return fail(failure, Stage::send, written.error());
  transport_->read_deadline(transport_->loop().now() + limits_.response_timeout);
  return true;
}

net::Task<bool> OriginConnection::send(std::string_view target, std::string_view host, OriginPool::Replay& replay,
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
      co_return fail(failure, Stage::send, polled.error());
    }
    if (have) {
      first = *polled;
      replay.polled = true;
      replay.first = first;
    }
  }
  const bool whole = have && first.last;
  failure.content_lost = replay.polled && !replay.first.last;
  std::string_view text = write_head(target, host, whole, first);
  if (text.empty()) co_return fail(failure, Stage::send, Errc::too_large);
  std::string_view content = first.data;
  if (chunked_ && !content.empty()) {
    std::span<char> scratch = transport_->loop().scratch();
    char* at = std::to_chars(scratch.data() + text.size(), scratch.data() + text.size() + 20, content.size(), 16).ptr;
    *at++ = '\r', *at++ = '\n';
    text = {scratch.data(), static_cast<std::size_t>(at - scratch.data())};
    between_ = true;
  }
  if (!content.empty() && content.size() <= kJoin) {
    std::span<char> scratch = transport_->loop().scratch();
    content.copy(scratch.data() + text.size(), content.size());
    text = {scratch.data(), text.size() + content.size()};
    content = {};
  }
  const auto sent = co_await transport_->write(text, content);
  if (!sent) co_return fail(failure, Stage::send, sent.error());
  if (whole) {
    if (chunked_) {  // trailers are there, or the length was unknown
      const Fields* trailers = r.body->trailers();
      std::string tail = between_ ? "\r\n0\r\n" : "0\r\n";
      append_trailers(tail, trailers);
      const auto ended = co_await transport_->write(tail);
      if (!ended) co_return fail(failure, Stage::send, ended.error());
    }
    transport_->read_deadline(transport_->loop().now() + limits_.response_timeout);
    co_return true;
  }
  if (r.expects_continue && !replay.polled) {
    await_continue_ = true;
    transport_->read_deadline(transport_->loop().now() + kContinueWait);
  } else {
    failure.content_lost = true;
    start_upload();
  }
  co_return true;
}

void OriginConnection::append_trailers(std::string& tail, const Fields* trailers) {
  if (trailers) {
    trailers->each([&](std::string_view name, std::string_view value, FieldId) {
      if (!h1::forbidden_in_trailers(name)) tail.append(name).append(": ").append(value).append("\r\n");
    });
  }
  tail += "\r\n";
}

void OriginConnection::start_upload() {
  await_continue_ = false;
  uploading_ = true;
  transport_->read_deadline(Time::max());
  net::spawn(transport_->loop(), upload(*this, request_->body));
}

// Content that need not be read, as long as it comes in pieces for which that pays. False: the upload is over.
net::Task<bool> OriginConnection::upload_moved(OriginConnection& self, Body* body, std::uint64_t left) {
  net::Transport& transport = *self.transport_;
  net::Pipe pipe = net::Pipe::take();
  int small = 0;
  while (pipe && left > 0 && small < net::Pipe::kSmallInARow) {
    const auto n = co_await body->move(pipe);
    if (self.released_) co_return false;
    if (!n) {
      self.upload_error_ = n.error();
      self.clients_fault_ = true;
      transport.cancel();
      co_return false;
    }
    left -= *n;
    small = *n < net::Pipe::kSmall ? small + 1 : 0;
    const auto sent = co_await transport.drain(pipe);
    if (!sent) {
      self.upload_error_ = sent.error();
      co_return false;
    }
  }
  co_return true;
}

// Runs beside receive(). When the connection was released meanwhile, it ends it.
net::Task<void> OriginConnection::upload(OriginConnection& self, Body* body) {
  net::Transport& transport = *self.transport_;
  char prefix[32];
  Result<Chunk> chunk = Chunk{};
  bool done = false, moved = self.chunked_ || self.tunnel_;
  while (!done && !self.released_) {
    if (!body->poll(chunk)) {
      const std::uint64_t movable = !moved && transport.splices() ? body->movable() : 0;
      if (movable > 0) {
        moved = true;  // it is tried once
        const bool goes_on = co_await upload_moved(self, body, movable);
        if (!goes_on) break;
        continue;
      }
      chunk = co_await body->fetch();
    }
    if (self.released_) break;
    self.active_ = transport.loop().now();
    if (!chunk) {
      self.upload_error_ = chunk.error();
      self.clients_fault_ = true;
      transport.cancel();  // the origin sees a reset: release() closes it so
      break;
    }
    done = chunk->last;
    std::string_view before;
    if (self.chunked_ && !chunk->data.empty()) {
      char* at = prefix;
      if (self.between_) *at++ = '\r', *at++ = '\n';
      at = std::to_chars(at, prefix + 24, chunk->data.size(), 16).ptr;
      *at++ = '\r', *at++ = '\n';
      before = {prefix, static_cast<std::size_t>(at - prefix)};
      self.between_ = true;
    }
    if (!before.empty() || !chunk->data.empty()) {
      const auto sent = co_await transport.write(before, chunk->data);
      if (!sent) {
        self.upload_error_ = sent.error();  // an early answer may still be read
        break;
      }
    }
  }
  if (done && self.chunked_ && !self.upload_error_ && !self.released_) {
    std::string tail = self.between_ ? "\r\n0\r\n" : "0\r\n";
    append_trailers(tail, body->trailers());
    const auto sent = co_await transport.write(tail);
    if (!sent) self.upload_error_ = sent.error();
  }
  self.uploading_ = false;
  if (self.released_) {
    self.pool_.dispose(self);
    co_return;
  }
  if (self.tunnel_) {
    if (done) transport.shutdown_write();
    co_return;
  }
  transport.read_deadline(transport.loop().now() + self.limits_.response_timeout);
}

net::Task<bool> OriginConnection::receive(OriginFailure& failure) {
  const h1::HeadLimits limits{limits_.max_head, limits_.max_fields};
  Result<std::string_view> head = std::string_view();
  for (;;) {
    while (!reader_.poll_head(limits, head)) {
      const std::span<char> free = reader_.room(limits);
      if (free.empty()) {
        head = Errc::too_large;
        break;
      }
      const auto n = co_await transport_->read_some(free.data(), free.size());
      if (!n || *n == 0) {
        head = n ? make_error_code(Errc::end_of_stream) : n.error();
        break;
      }
      reader_.received(*n);
    }
    if (!head) {
      answered_ = answered_ || reader_.has_buffered();
      if (head.error() == Errc::timed_out && await_continue_) {
        failure.content_lost = true;
        start_upload();
        continue;
      }
      co_return fail(failure, Stage::head, head.error());
    }
    answered_ = true;
    const Step step = take_head(*head, failure);
    if (step != Step::interim) co_return step == Step::done;
    if (request_->informer) {
      const auto informed = co_await request_->informer->inform(*head_);
      after_interim(informed, failure);
    } else {
      after_interim({}, failure);
    }
  }
}

OriginConnection::Step OriginConnection::take_head(std::string_view head, OriginFailure& failure) {
  h1::StatusLine line;
  head_->fields.clear(head.data());
  const bool parsed = h1::parse_response(head, line, head_->fields) == h1::HeadError::none;
  h1::Framing framing;
  if (!parsed || line.status < 100 || line.status > 599 || (line.status == 101 && !accepts_switch(line)) ||
      !h1::response_framing(head_->fields, line.status, line.minor_version, request_->method, framing)) {
    fail(failure, Stage::head, Errc::malformed);
    return Step::failed;
  }
  head_->status = line.status;
  head_->reason = line.reason;
  head_->minor_version = line.minor_version;
  const bool keeps = h1::keeps_alive(head_->fields, line.minor_version);
  h1::remove_hop_by_hop(head_->fields);
  if (line.status == 101) {
    begin_tunnel();
    return Step::done;
  }
  if (line.status < 200) {
    if (++interims_ <= kMaxInterims) return Step::interim;
    fail(failure, Stage::head, Errc::malformed);
    return Step::failed;
  }
  keep_ = keeps && framing.kind != h1::Framing::Kind::until_close && !await_continue_;
  await_continue_ = false;
  reader_.begin_body(framing);
  transport_->read_deadline(Time::max());
  transport_->read_timeout(limits_.body_timeout);
  return Step::done;
}

// RFC 9110 7.8: only to what was asked for.
bool OriginConnection::accepts_switch(const h1::StatusLine& line) const {
  if (request_->upgrade.empty() || !request_->tunnel || line.minor_version == 0) return false;
  bool same = false;
  head_->fields.each_element(FieldId::upgrade,
                             [&](std::string_view e) { same = same || base::iequals(e, request_->upgrade); });
  return same;
}

void OriginConnection::begin_tunnel() {
  tunnel_ = true;
  keep_ = chunked_ = false;
  reader_.begin_body({h1::Framing::Kind::until_close});
  transport_->read_deadline(Time::max());
  transport_->read_timeout(Duration::max());
  net::Loop& loop = transport_->loop();
  active_ = loop.now();
  loop.wheel().arm(tunnel_alarm_, active_ + limits_.tunnel_timeout);
  uploading_ = true;
  net::spawn(loop, upload(*this, request_->tunnel));
}

void OriginConnection::on_tunnel_idle() noexcept {
  net::Loop& loop = transport_->loop();
  if (!tunnel_ || released_) return;
  if (const Time due = active_ + limits_.tunnel_timeout; due > loop.now()) {
    loop.wheel().arm(tunnel_alarm_, due);
  } else {
    transport_->cancel();
  }
}

void OriginConnection::after_interim(const Result<void>& informed, OriginFailure& failure) {
  clients_fault_ = clients_fault_ || !informed;
  if (head_->status == 100 && await_continue_) {
    failure.content_lost = true;
    start_upload();
  }
  reader_.begin();
}

std::optional<std::uint64_t> OriginConnection::length() const {
  const h1::Framing f = reader_.framing();
  if (f.kind == h1::Framing::Kind::length) return f.length;
  if (f.kind == h1::Framing::Kind::none) return 0;
  return std::nullopt;
}

// What there is to read is looked at: TLS's own messages (tickets, new keys) are no reason to close, and a connection
// that was never read from seems to have something.
bool OriginConnection::reusable() noexcept {
  if (!transport_->peer_closed() && !transport_->read_would_block()) {
    char byte = 0;
    Result<std::size_t> n = std::size_t{0};
    if (transport_->read_now(&byte, 1, n)) return false;  // the end, an error, or an answer that nobody asked for
  }
  return !transport_->peer_closed() && transport_->read_would_block();
}

bool OriginConnection::short_and_cut() const noexcept {
  const h1::Framing f = reader_.framing();
  return !tunnel_ && f.kind == h1::Framing::Kind::length && f.length <= OriginPool::kShort &&
         reader_.buffered() < f.length;
}

void OriginConnection::abandon() noexcept {
  if (!uploading_) transport_->reset();
  keep_ = false;
  release();
}

void OriginConnection::release() noexcept {
  if (request_ && request_->informer) request_->informer->on_gone(nullptr);
  request_ = nullptr;
  if (uploading_) {  // the uploader still runs: it ends the connection
    released_ = true;
    transport_->cancel();
    return;
  }
  const bool whole = keep_ && !upload_error_ && reader_.body_done() && !reader_.has_buffered();
  if (whole && reusable()) {
    reader_.trim();
    pool_.give_head(std::move(head_));
    pool_.give_back(std::unique_ptr<OriginConnection>(this));
  } else {
    pool_.dispose(*this);
  }
}

}  // namespace genkan::http
