// The answer's side of a session: whole in one piece where that goes, else as its content comes.
#include <sys/uio.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "http/h1/framing.hpp"
#include "http/h1/session.hpp"

namespace genkan::http::h1 {
namespace {

constexpr std::size_t kJoin = 4 * 1024;  // a body up to this leaves in one piece with its head

constexpr std::size_t kFilePiece = 512 * 1024;

// Asks the kernel for a few bytes of the piece without waiting: where they are, their neighbours were read with them.
bool in_memory(const FilePart& piece) noexcept {
  constexpr std::uint64_t kStep = 128 * 1024;  // what the kernel reads ahead at a time
  char byte = 0;
  const ::iovec to{&byte, 1};
  for (std::uint64_t at = 0; at < piece.size; at += kStep) {
    if (::preadv2(piece.fd, &to, 1, static_cast<::off_t>(piece.at + at), RWF_NOWAIT) != 1) return false;
  }
  return ::preadv2(piece.fd, &to, 1, static_cast<::off_t>(piece.at + piece.size - 1), RWF_NOWAIT) == 1;
}

bool no_content(int status) noexcept { return status / 100 == 1 || status == 204 || status == 304; }

}  // namespace

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
  FilePart file;
  if (!have && length && !transport_.tls() && body->as_file(file)) {
    const auto done = co_await send_file(*body, file, writer.text(), outcome);
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

// The kernel moves the bytes; a piece that is not in memory is read elsewhere first, so that this thread never waits.
net::Task<Result<void>> ServerSession::send_file(Body& body, FilePart file, std::string_view head, Outcome& outcome) {
  const auto head_sent = co_await transport_.write(head);
  if (!head_sent) co_return head_sent.error();
  FilePart piece = file;
  while (file.size > 0) {
    piece.at = file.at;
    piece.size = std::min<std::uint64_t>(file.size, kFilePiece);
    if (!in_memory(piece)) {
      const auto warm = co_await body.warm(piece);
      if (!warm) {
        outcome.content_broken = true;
        co_return warm.error();
      }
    }
    const Time began = transport_.loop().now();
    const auto sent = co_await transport_.send_file(piece.fd, piece.at, static_cast<std::size_t>(piece.size));
    if (!sent) {
      outcome.content_broken = sent.error() == Errc::end_of_stream;
      co_return sent.error();
    }
    file.at += *sent;
    file.size -= *sent;
    outcome.body_bytes += *sent;
    if (file.size > 0 && dawdles(download_pace_, began, outcome.body_bytes)) co_return Errc::timed_out;
  }
  co_return Result<void>();
}

// Content that need not be read, as long as it comes in pieces for which that pays.
net::Task<Result<void>> ServerSession::send_moved(Body& body, std::uint64_t left, Outcome& outcome) {
  net::Pipe pipe = net::Pipe::take();
  int small = 0;
  while (pipe && left > 0 && small < net::Pipe::kSmallInARow) {
    const auto n = co_await body.move(pipe);
    if (!n) {
      outcome.content_broken = true;
      co_return n.error();
    }
    left -= *n;
    small = *n < net::Pipe::kSmall ? small + 1 : 0;
    const Time began = transport_.loop().now();
    const auto sent = co_await transport_.drain(pipe);
    if (!sent) co_return sent.error();
    outcome.body_bytes += *n;
    if (left > 0 && dawdles(download_pace_, began, outcome.body_bytes)) co_return Errc::timed_out;
  }
  co_return Result<void>();
}

// `head` lies in the scratch and leaves with the first bytes.
net::Task<Result<void>> ServerSession::send_body(Body& body, bool chunked, Result<Chunk> next, std::string_view head,
                                                 Outcome& outcome) {
  char prefix[32];
  std::string tail;
  bool between = false;  // a chunk's data was sent and its CRLF is due
  bool moved = chunked || !transport_.splices();
  if (next->data.empty() && !next->last) {
    const auto sent = co_await transport_.write(head);
    if (!sent) co_return sent.error();
    head = {};
  }
  for (;;) {
    if (next->data.empty() && !next->last) {
      bool polled = body.poll(next);
      if (const std::uint64_t movable = polled || moved ? 0 : body.movable(); movable > 0) {
        moved = true;  // it is tried once
        const auto sent = co_await send_moved(body, movable, outcome);
        if (!sent) co_return sent.error();
        polled = body.poll(next);
      }
      if (!polled) next = co_await body.fetch();
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

}  // namespace genkan::http::h1
