#include "net/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "net/block.hpp"

namespace genkan::net {
namespace {

constexpr std::size_t kKeep = 16;  // unused ones of a thread

struct Kept {
  base::UniqueFd in, out;
};
thread_local std::vector<Kept> kept;

}  // namespace

Pipe Pipe::take() noexcept {
  Pipe pipe;
  if (!kept.empty()) {
    pipe.in_ = std::move(kept.back().in);
    pipe.out_ = std::move(kept.back().out);
    kept.pop_back();
  } else {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return pipe;
    pipe.out_.reset(ends[0]);
    pipe.in_.reset(ends[1]);
    ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kSize));  // refused: it stays at 64 KiB
  }
  pipe.counted_ = true;
  Buffers::add(static_cast<std::ptrdiff_t>(kSize));
  return pipe;
}

Pipe::Pipe(Pipe&& other) noexcept
    : in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      held_(std::exchange(other.held_, 0)),
      counted_(std::exchange(other.counted_, false)) {}

Pipe& Pipe::operator=(Pipe&& other) noexcept {
  std::swap(in_, other.in_);
  std::swap(out_, other.out_);
  std::swap(held_, other.held_);
  std::swap(counted_, other.counted_);
  return *this;
}

Pipe::~Pipe() {
  if (counted_) Buffers::add(-static_cast<std::ptrdiff_t>(kSize));
  if (in_ && held_ == 0 && kept.size() < kKeep) kept.push_back({std::move(in_), std::move(out_)});
}

long Pipe::fill(int socket, std::size_t most) noexcept {
  ssize_t n = 0;
  do {
    n = ::splice(socket, nullptr, in_.get(), nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  if (n > 0) held_ += static_cast<std::size_t>(n);
  return n;
}

long Pipe::drain(int socket) noexcept {
  ssize_t n = 0;
  do {
    n = ::splice(out_.get(), nullptr, socket, nullptr, held_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  if (n > 0) held_ -= static_cast<std::size_t>(n);
  return n;
}

}  // namespace genkan::net
