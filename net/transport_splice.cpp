// Transport's part in moving bytes through a pipe (net/pipe.hpp).
#include <cerrno>

#include "net/transport.hpp"

namespace genkan::net {
namespace {

Error last_error() noexcept { return {errno, boost::system::system_category()}; }
bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

// A short count says nothing about what waits: the pipe is full when its slots are, whatever they hold. So a socket is
// empty only once the system says so.
bool Transport::FillPipe::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_) {
    error_ = t.failed_;
    return true;
  }
  if (!t.socket_.read_ready) return false;
  const long n = pipe_.fill(t.socket_.fd.get(), size_);
  if (n >= 0) {
    count_ = static_cast<std::size_t>(n);
    t.bytes_in_ += count_;
    return true;
  }
  if (would_block()) {
    t.socket_.read_ready = false;
    return false;
  }
  error_ = last_error();
  return true;
}

bool Transport::DrainPipe::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_ || t.write_failed_) {
    error_ = t.failed_ ? t.failed_ : t.write_failed_;
    return true;
  }
  while (pipe_.held() > 0) {
    if (!t.socket_.write_ready) return false;
    const long n = pipe_.drain(t.socket_.fd.get());
    if (n > 0) {
      t.bytes_out_ += static_cast<std::uint64_t>(n);
    } else if (n < 0 && would_block()) {
      t.socket_.write_ready = false;
    } else {
      if (n == 0) errno = EIO;  // it held some
      error_ = t.write_failed_ = last_error();
      return true;
    }
  }
  return true;
}

}  // namespace genkan::net
