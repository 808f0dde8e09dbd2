#include "http/h1/reader.hpp"

#include <algorithm>
#include <cstring>

namespace genkan::http::h1 {
namespace {

constexpr std::uint64_t kWorthMoving = 64 * 1024;
constexpr std::size_t kMinBodyRoom = 4 * 1024;  // less than this behind the head: content gets a block of its own

}  // namespace

void Reader::begin() {
  if (in_body_block_) {
    const std::size_t left = end_ - at_;
    if (left > 0) {
      if (!block_ || block_.size() < left) block_ = net::Block(left);
      std::memcpy(block_.data(), body_block_.data() + at_, left);
    }
    start_ = at_ = 0;
    end_ = left;
    in_body_block_ = false;
    body_block_ = net::Block();
  } else if (at_ == end_) {
    start_ = at_ = end_ = 0;
  } else {
    start_ = at_;  // pipelined: parsed where it is
  }
  scanner_.reset();
  done_ = true;
  framing_ = {};
}

void Reader::trim() noexcept {
  if (at_ == end_ && !in_body_block_) {
    block_ = net::Block();
    start_ = at_ = end_ = 0;
  }
}

void Reader::skip_empty_lines() noexcept {
  while (end_ - at_ >= 2 && block_.data()[at_] == '\r' && block_.data()[at_ + 1] == '\n') at_ += 2;
  start_ = at_;
}

bool Reader::poll_head(const HeadLimits& limits, Result<std::string_view>& out) {
  if (at_ == end_) return false;
  const std::string_view data(block_.data() + start_, end_ - start_);
  switch (scanner_.scan(data, limits.max_fields)) {
    case HeadScanner::State::complete: {
      if (scanner_.end() > limits.max_bytes) {
        out = Errc::too_large;
        return true;
      }
      at_ = start_ + scanner_.end();
      out = data.substr(0, scanner_.end());
      return true;
    }
    case HeadScanner::State::malformed:
      out = Errc::malformed;
      return true;
    case HeadScanner::State::too_many:
      out = Errc::exhausted;
      return true;
    case HeadScanner::State::more:
      break;
  }
  if (data.size() >= limits.max_bytes) {
    out = Errc::too_large;
    return true;
  }
  return false;
}

bool Reader::make_room(std::size_t max_bytes) {
  if (!block_) block_ = net::Block(net::Block::kSmall);
  if (end_ < block_.size()) return true;
  if (start_ > 0) {
    std::memmove(block_.data(), block_.data() + start_, end_ - start_);
    end_ -= start_;
    at_ -= start_;
    start_ = 0;
    return true;
  }
  if (end_ >= max_bytes) return false;
  net::Block bigger(std::min(std::max(block_.size() * 4, net::Block::kSmall), max_bytes + net::Block::kSmall));
  std::memcpy(bigger.data(), block_.data(), end_);
  block_ = std::move(bigger);
  return true;
}

std::span<char> Reader::room(const HeadLimits& limits) {
  if (!make_room(limits.max_bytes)) return {};
  return {block_.data() + end_, block_.size() - end_};
}

void Reader::received(std::size_t n) noexcept {
  end_ += n;
  if (start_ == at_ && scanner_.end() == 0) skip_empty_lines();
}

net::Task<Result<std::string_view>> Reader::read_head(HeadLimits limits) {
  Result<std::string_view> out = std::string_view();
  for (;;) {
    if (poll_head(limits, out)) co_return out;
    const std::span<char> free = room(limits);
    if (free.empty()) co_return Errc::too_large;
    const auto n = co_await transport_.read_some(free.data(), free.size());
    if (!n) co_return n.error();
    if (*n == 0) co_return Errc::end_of_stream;
    received(*n);
  }
}

void Reader::begin_body(Framing framing) noexcept {
  framing_ = framing;
  left_ = framing.length;
  body_bytes_ = 0;
  done_ = framing.kind == Framing::Kind::none;
  if (framing.kind == Framing::Kind::chunked) decoder_.reset();
}

// Content from what is buffered. False: more must be received.
bool Reader::from_buffer(Result<Chunk>& out) {
  const std::string_view data(active() + at_, end_ - at_);
  switch (framing_.kind) {
    case Framing::Kind::none:
      break;
    case Framing::Kind::length: {
      if (data.empty()) return false;
      const auto part = data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, data.size())));
      at_ += part.size();
      left_ -= part.size();
      done_ = left_ == 0;
      body_bytes_ += part.size();
      out = Chunk{part, done_};
      return true;
    }
    case Framing::Kind::until_close: {
      if (data.empty()) return false;
      at_ = end_;
      body_bytes_ += data.size();
      out = Chunk{data, false};
      return true;
    }
    case Framing::Kind::chunked: {
      std::string_view in = data, part;
      const auto state = decoder_.next(in, part);
      at_ = end_ - in.size();
      if (state == ChunkedDecoder::State::more) return false;
      if (state == ChunkedDecoder::State::malformed) {
        out = Errc::malformed;
        return true;
      }
      body_bytes_ += part.size();
      done_ = state == ChunkedDecoder::State::end;
      if (!done_ && !in.empty()) {  // often the end is here already: saves a send
        std::string_view rest = in, none;
        if (decoder_.next(rest, none) == ChunkedDecoder::State::end) {
          done_ = true;
          at_ = end_ - rest.size();
        } else if (!none.empty()) {
          decoder_.unread(none.size());
          at_ = end_ - (rest.size() + none.size());
        } else {
          at_ = end_ - rest.size();
        }
      }
      out = Chunk{part, done_};
      return true;
    }
  }
  out = Chunk{{}, true};
  return true;
}

bool Reader::poll_body(Result<Chunk>& out) {
  if (done_) {
    out = Chunk{{}, true};
    return true;
  }
  return from_buffer(out);
}

// Everything buffered was handed out: the room behind the head, or a block of its own when that is small.
void Reader::room_for_body() {
  if (in_body_block_) {
    at_ = end_ = 0;
    if (body_block_.size() < net::Block::kLarge && left_ > net::Block::kSmall)
      body_block_ = net::Block(net::Block::kLarge);
    return;
  }
  const std::size_t floor = start_ + scanner_.end();
  const bool large =
      framing_.kind == Framing::Kind::length ? left_ > net::Block::kSmall : body_bytes_ > net::Block::kLarge;
  if (!large && block_.size() - floor >= kMinBodyRoom) {
    at_ = end_ = floor;
    return;
  }
  body_block_ = net::Block(large ? net::Block::kLarge : net::Block::kSmall);
  in_body_block_ = true;
  at_ = end_ = 0;
}

std::uint64_t Reader::movable() const noexcept {
  if (framing_.kind != Framing::Kind::length || done_ || at_ < end_ || !transport_.splices()) return 0;
  return left_ >= kWorthMoving ? left_ : 0;
}

net::Task<Result<std::size_t>> Reader::move(net::Pipe& pipe) {
  const auto n =
      co_await transport_.fill(pipe, static_cast<std::size_t>(std::min<std::uint64_t>(left_, net::Pipe::kSize)));
  if (!n) co_return n.error();
  if (*n == 0) co_return Errc::end_of_stream;
  left_ -= *n;
  body_bytes_ += *n;
  done_ = left_ == 0;
  co_return *n;
}

net::Task<Result<Chunk>> Reader::fetch_body() {
  Result<Chunk> out = Chunk{};
  for (;;) {
    if (poll_body(out)) co_return out;
    room_for_body();
    const std::size_t room = (in_body_block_ ? body_block_.size() : block_.size()) - end_;
    const auto n = co_await transport_.read_some(active() + end_, room);
    if (!n) co_return n.error();
    if (*n == 0) {
      if (framing_.kind != Framing::Kind::until_close) co_return Errc::end_of_stream;
      done_ = true;
      co_return Chunk{{}, true};
    }
    end_ += *n;
  }
}

std::string_view Reader::take_buffered() noexcept {
  const std::string_view data(active() + at_, end_ - at_);
  at_ = end_;
  return data;
}

}  // namespace genkan::http::h1
