#include "net/transport.hpp"

#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/slab.hpp"

namespace genkan::net {
namespace {

Error last_error() noexcept { return {errno, boost::system::system_category()}; }
bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

Slab& slab() {
  static_assert(alignof(Transport) <= 8);
  static Slab all(sizeof(Transport));
  return all;
}

}  // namespace

void* Transport::operator new(std::size_t) { return slab().take(); }
void Transport::operator delete(void* at) noexcept { slab().give(at); }

Transport::Transport(Loop& loop, base::UniqueFd fd, base::Endpoint peer) : loop_(loop), peer_(std::move(peer)) {
  socket_.fd = std::move(fd);
  if (!loop_.watch(socket_.fd.get(), *this)) failed_ = last_error();
}

Transport::Transport(Loop& loop, base::UniqueFd fd, base::Endpoint peer, Pollable& from, std::uint32_t events)
    : loop_(loop), peer_(std::move(peer)) {
  socket_.fd = std::move(fd);
  if (!loop_.rewatch(socket_.fd.get(), from, *this, false)) failed_ = last_error();
  socket_.note(events);
}

Transport::~Transport() { close(); }

base::UniqueFd Transport::hand_over(Pollable& to) noexcept {
  loop_.wheel().cancel(*this);
  loop_.rewatch(socket_.fd.get(), *this, to, true);
  failed_ = Errc::cancelled;
  return std::move(socket_.fd);
}

bool Transport::Op::ready() noexcept {
  finished_ = attempt();
  if (!finished_) return false;
  return --transport_.burst_ > 0;  // else: done, but let others run first
}

void Transport::Op::await_suspend(std::coroutine_handle<> h) noexcept {
  handle_ = h;
  transport_.burst_ = kBurst;
  if (finished_) {
    transport_.loop_.defer(h);
  } else {
    transport_.suspend(*this);
  }
}

void Transport::suspend(Op& op) noexcept {
  op.keep();
  waiting(op.side_) = &op;
  const Time now = loop_.now();
  const bool reading = op.side_ == Op::Side::read;
  const Duration timeout = reading ? read_timeout_ : write_timeout_;
  op.deadline_ = timeout == Duration::max() ? Time::max() : now + timeout;
  if (reading) op.deadline_ = std::min(op.deadline_, read_deadline_);
  arm();
}

// The timer stays where it is when it fires early enough already: moving a deadline later costs nothing.
void Transport::arm() noexcept {
  Time due = Time::max();
  if (reader_) due = std::min(due, reader_->deadline_);
  if (writer_) due = std::min(due, writer_->deadline_);
  if (sleeper_) due = std::min(due, read_deadline_);
  if (due == Time::max()) return;
  if (!armed() || due < this->due()) loop_.wheel().arm(*this, due);
}

void Transport::on_timer() noexcept {
  const Time now = std::max(loop_.now(), Clock::now());
  if (sleeper_ && read_deadline_ <= now) return std::exchange(sleeper_, nullptr)->on_wake();
  for (Op** slot : {&reader_, &writer_}) {
    Op* op = *slot;
    if (!op || op->deadline_ > now) continue;
    op->error_ = Errc::timed_out;
    *slot = nullptr;
    loop_.defer(op->handle_);
  }
  arm();
}

void Transport::on_ready(std::uint32_t events) noexcept {
  const bool was_up = !socket_.broken;
  socket_.note(events);
  std::array<std::coroutine_handle<>, 2> done{};
  if (reader_ && reader_->attempt()) done[0] = std::exchange(reader_, nullptr)->handle_;
  if (writer_) {
    const auto before = bytes_out_;
    if (writer_->attempt()) {
      done[1] = std::exchange(writer_, nullptr)->handle_;
    } else if (bytes_out_ != before && write_timeout_ != Duration::max()) {
      writer_->deadline_ = loop_.now() + write_timeout_;  // progress
    }
  }
  if (was_up && socket_.broken && hangup_) std::exchange(hangup_, nullptr)->on_hangup();
  if (sleeper_ && !read_would_block()) return std::exchange(sleeper_, nullptr)->on_wake();
  // From here on `this` may be gone.
  if (done[1]) loop_.defer(done[1]);
  if (done[0]) done[0].resume();
}

ssize_t Transport::receive(char* data, std::size_t size, Error& error) noexcept {
  if (tls_) {
    TlsWant want = TlsWant::nothing;
    const ssize_t n = tls_->read(socket_, data, size, want, error);
    if (n > 0) bytes_in_ += static_cast<std::uint64_t>(n);
    return n;
  }
  const ssize_t n = socket_.receive(data, size);
  if (n > 0) bytes_in_ += static_cast<std::uint64_t>(n);
  if (n < 0 && !would_block()) error = last_error();
  return n;
}

bool Transport::ReadSome::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_) {
    error_ = t.failed_;
    return true;
  }
  const ssize_t n = t.receive(data_, size_, error_);
  if (n >= 0) {
    count_ = static_cast<std::size_t>(n);
    return true;
  }
  return static_cast<bool>(error_);
}

bool Transport::read_now(char* data, std::size_t size, Result<std::size_t>& out) noexcept {
  ReadSome op(*this, data, size);
  if (!static_cast<Op&>(op).attempt()) return false;
  out = op.await_resume();
  return true;
}

bool Transport::Readable::attempt() noexcept {
  if (transport_.failed_) {
    error_ = transport_.failed_;
    return true;
  }
  return !transport_.read_would_block();
}

bool Transport::Handshake::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_) {
    error_ = t.failed_;
    return true;
  }
  TlsWant want = TlsWant::nothing;
  return t.tls_->handshake(t.socket_, want, error_) || error_;
}

void Transport::Write::consume(std::size_t n) noexcept {
  transport_.bytes_out_ += n;
  const std::size_t from_head = std::min(n, head_.size());
  head_.remove_prefix(from_head);
  body_.remove_prefix(n - from_head);
}

bool Transport::Write::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_ || t.write_failed_) {
    error_ = t.failed_ ? t.failed_ : t.write_failed_;
    return true;
  }
  if (t.tls_) return attempt_tls();
  while (!head_.empty() || !body_.empty()) {
    ssize_t n = 0;
    if (head_.empty()) {
      n = t.socket_.send(body_.data(), body_.size());
    } else if (body_.empty()) {
      n = t.socket_.send(head_.data(), head_.size());
    } else {
      const std::array<::iovec, 2> parts{::iovec{const_cast<char*>(head_.data()), head_.size()},
                                         ::iovec{const_cast<char*>(body_.data()), body_.size()}};
      n = t.socket_.send(parts.data(), 2);
    }
    if (n < 0) {
      if (would_block()) return false;
      error_ = t.write_failed_ = last_error();
      return true;
    }
    consume(static_cast<std::size_t>(n));
  }
  return true;
}

bool Transport::SendFile::attempt() noexcept {
  Transport& t = transport_;
  if (t.failed_ || t.write_failed_) {
    error_ = t.failed_ ? t.failed_ : t.write_failed_;
    return true;
  }
  if (!t.socket_.write_ready) return false;
  auto offset = static_cast<::off_t>(at_);
  ssize_t n = 0;
  do {
    n = ::sendfile(t.socket_.fd.get(), fd_, &offset, size_);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    sent_ = static_cast<std::size_t>(n);
    t.bytes_out_ += sent_;
    return true;
  }
  if (n < 0 && would_block()) {
    t.socket_.write_ready = false;
    return false;
  }
  if (n == 0) {  // the file has become shorter
    error_ = make_error_code(Errc::end_of_stream);
  } else {
    error_ = t.write_failed_ = last_error();
  }
  return true;
}

// Head and body share a record where that makes one less; else the copy is not worth it. All of them leave together.
bool Transport::Write::attempt_tls() noexcept {
  constexpr std::size_t kRecord = 16 * 1024;
  constexpr auto records = [](std::size_t size) { return (size + kRecord - 1) / kRecord; };
  Transport& t = transport_;
  std::array<char, kRecord> joined;
  while (!head_.empty() || !body_.empty()) {
    const std::size_t all = head_.size() + body_.size();
    std::string_view next = head_.empty() ? body_ : head_;
    if (!head_.empty() && head_.size() < kRecord && records(all) < records(head_.size()) + records(body_.size())) {
      const std::size_t more = std::min(body_.size(), kRecord - head_.size());
      std::memcpy(joined.data(), head_.data(), head_.size());
      std::memcpy(joined.data() + head_.size(), body_.data(), more);
      next = {joined.data(), head_.size() + more};
    }
    next = next.substr(0, kRecord);
    if (next.size() < all) t.tls_->more_follows();
    TlsWant want = TlsWant::nothing;
    const ssize_t n = t.tls_->write(t.socket_, next.data(), next.size(), want, error_);
    if (n < 0) {
      if (error_) t.write_failed_ = error_;
      return static_cast<bool>(error_);
    }
    consume(static_cast<std::size_t>(n));
  }
  return true;
}

void Transport::Write::keep() noexcept {
  if (head_.empty()) return;
  kept_.assign(head_);
  head_ = kept_;
}

void Transport::sleep(SleepListener* listener) noexcept {
  sleeper_ = listener;
  arm();
}

void Transport::read_deadline(Time t) noexcept {
  read_deadline_ = t;
  if (sleeper_) arm();
  if (!reader_) return;
  reader_->deadline_ = t;
  if (read_timeout_ != Duration::max()) reader_->deadline_ = std::min(t, loop_.now() + read_timeout_);
  arm();
}

void Transport::cancel_read() noexcept {
  if (!reader_) return;
  reader_->error_ = Errc::cancelled;
  loop_.defer(std::exchange(reader_, nullptr)->handle_);
}

void Transport::cancel() noexcept {
  if (!failed_) failed_ = Errc::cancelled;
  for (Op** slot : {&reader_, &writer_}) {
    if (!*slot) continue;
    (*slot)->error_ = failed_;
    loop_.defer(std::exchange(*slot, nullptr)->handle_);
  }
}

bool Transport::still_open() const noexcept {
  char byte = 0;
  return !socket_.hung_up && ::recv(socket_.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block();
}

void Transport::shutdown_write() noexcept {
  if (!socket_.fd) return;
  if (tls_) tls_->close_notify(socket_);
  ::shutdown(socket_.fd.get(), SHUT_WR);
}

void Transport::close() noexcept {
  if (!socket_.fd) return;
  if (tls_ && !failed_ && !write_failed_) tls_->close_notify(socket_);
  loop_.wheel().cancel(*this);
  loop_.unwatch(socket_.fd.get(), *this);
  socket_.fd.reset();
  if (!failed_) failed_ = Errc::cancelled;
}

void Transport::reset() noexcept {
  if (!socket_.fd) return;
  const ::linger now{1, 0};
  ::setsockopt(socket_.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  if (!failed_) failed_ = Errc::cancelled;  // no close_notify: the stream did not end
  close();
}

base::Endpoint Transport::local() const noexcept {
  ::sockaddr_storage address{};
  ::socklen_t length = sizeof address;
  if (::getsockname(socket_.fd.get(), reinterpret_cast<::sockaddr*>(&address), &length) != 0) return {};
  return base::Endpoint::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&address));
}

}  // namespace genkan::net
