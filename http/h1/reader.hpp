// Reads messages off a transport: heads into a Block with a floor, so that the head's views live as long as the
// message, and content after it. One per connection and direction; server and origin side share it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/body.hpp"
#include "http/h1/chunked.hpp"
#include "http/h1/framing.hpp"
#include "http/h1/parser.hpp"
#include "net/block.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::http::h1 {

class Reader {
 public:
  explicit Reader(net::Transport& transport) : transport_(transport) {}

  // --- heads -----------------------------------------------------------------------------------------------------
  // Begins a message: what was received beyond the last one moves to the front.
  void begin();
  bool has_buffered() const noexcept { return at_ < end_; }
  std::size_t buffered() const noexcept { return end_ - at_; }
  // Skips empty lines before a request line (RFC 9112 2.2): false when something else or nothing is there.
  void skip_empty_lines() noexcept;
  // Waits for a whole head. Errc::end_of_stream (nothing, or half a head), Errc::too_large, Errc::malformed,
  // Errc::exhausted (too many fields), Errc::timed_out.
  net::Task<Result<std::string_view>> read_head(HeadLimits limits);
  // The same in three steps, for those who wait without a frame of their own: poll_head(); false: receive into room()
  // and say received(). An empty room: Errc::too_large.
  bool poll_head(const HeadLimits& limits, Result<std::string_view>& out);
  std::span<char> room(const HeadLimits& limits);
  void received(std::size_t n) noexcept;
  bool seen_line() const noexcept { return scanner_.lines() > 0; }  // of the head that is being read
  // Gives the buffer back when it is empty: an idle connection holds none.
  void trim() noexcept;

  // --- content ---------------------------------------------------------------------------------------------------
  void begin_body(Framing framing) noexcept;
  bool poll_body(Result<Chunk>& out);
  net::Task<Result<Chunk>> fetch_body();
  // Content that need not be read (Body::movable): nothing of it may be buffered.
  std::uint64_t movable() const noexcept;
  net::Task<Result<std::size_t>> move(net::Pipe& pipe);
  bool body_done() const noexcept { return done_; }
  std::uint64_t body_left() const noexcept { return framing_.kind == Framing::Kind::length ? left_ : 0; }
  Framing framing() const noexcept { return framing_; }
  const Fields* trailers() const noexcept { return decoder_.trailers(); }
  std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  // What the chunk under way has announced beyond that.
  std::uint64_t chunk_left() const noexcept { return framing_.kind == Framing::Kind::chunked ? decoder_.left() : 0; }

  // Raw bytes beyond the head (tunnels): what is buffered.
  std::string_view take_buffered() noexcept;

 private:
  bool make_room(std::size_t max_bytes);
  bool from_buffer(Result<Chunk>& out);
  void room_for_body();

  net::Transport& transport_;
  net::Block block_, body_block_;  // body_block_: content that does not fit behind the head
  std::size_t start_ = 0;          // of this message, in block_
  std::size_t at_ = 0, end_ = 0;   // unread bytes in active()
  bool in_body_block_ = false;
  HeadScanner scanner_;
  Framing framing_;
  ChunkedDecoder decoder_;
  std::uint64_t left_ = 0, body_bytes_ = 0;
  bool done_ = true;

  char* active() noexcept { return in_body_block_ ? body_block_.data() : block_.data(); }
};

}  // namespace genkan::http::h1
