#include "http/h2/pump.hpp"

#include <cstring>
#include <span>
#include <utility>

#include "net/block.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::size_t kBatch = 128 * 1024;  // written at once
constexpr std::size_t kFrame = 16 * 1024 + 9 + 256;
constexpr std::size_t kMaxQueue = 512;  // frames that wait while the peer does not read: then we read no more either

}  // namespace

Pump::Pump(net::Transport& transport)
    : transport_(transport), work_(transport.loop()), room_(transport.loop()), writer_ended_(transport.loop()) {}

void Pump::start_writer() {
  writer_done_ = false;
  net::spawn(loop(), write_loop(*this));
  wake();
}

// A buffer is held only while there is something to read.
net::Task<void> Pump::read_loop() {
  net::Block block;
  while (!ending_) {
    const auto ready = co_await transport_.readable();
    if (!ready) {
      if (ready.error() == Errc::timed_out) {
        terminate(NGHTTP2_NO_ERROR);
      } else if (ready.error() != Errc::cancelled || !ending_) {
        failed_ = true;
      }
      break;
    }
    if (!block) block = net::Block(net::Block::kSmall);
    const auto n = co_await transport_.read_some(block.data(), block.size());
    if (!n || *n == 0) {
      failed_ = failed_ || !ending_;
      break;
    }
    received({block.data(), *n});
    if (transport_.read_would_block()) {
      block = net::Block();
    } else if (*n == block.size() && block.size() < net::Block::kLarge) {
      block = net::Block(net::Block::kLarge);
    }
    while (writing_ && !failed_ && nghttp2_session_get_outbound_queue_size(nghttp_.get()) > kMaxQueue) {
      co_await room_;
    }
  }
}

// Takes what is ready of all streams, writes it, and lets the streams go on.
net::Task<void> Pump::write_loop(Pump& self) {
  for (;;) {
    co_await self.work_;
    for (;;) {
      const std::string_view out = self.failed_ ? std::string_view() : self.gather();
      if (!out.empty()) {
        self.writing_ = true;
        const auto sent = co_await self.transport_.write(out);
        self.writing_ = false;
        if (!sent) {
          self.failed_ = true;
          self.transport_.cancel();  // the reader ends too
        }
        self.room_.notify();
      }
      if (!self.resume_ready() && out.empty()) break;
    }
    if (self.over_) break;
    if (self.finished() && !self.ending_) {
      self.ending_ = true;
      self.transport_.cancel_read();
    }
  }
  self.writer_done_ = true;
  self.writer_ended_.notify();
}

net::Task<void> Pump::stop_writer() {
  over_ = true;
  wake();
  while (!writer_done_) co_await writer_ended_;
}

// Into the loop's scratch, which nobody else uses until the write suspends.
std::string_view Pump::gather() {
  out_ = loop().scratch().data();
  out_size_ = 0;
  while (out_size_ + kFrame <= kBatch) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(nghttp_.get(), &data);
    if (n < 0) {
      failed_ = true;
      transport_.cancel();
      return {};
    }
    if (n == 0) break;  // nothing more, or the batch is full of content
    std::memcpy(out_ + out_size_, data, static_cast<std::size_t>(n));
    out_size_ += static_cast<std::size_t>(n);
  }
  return {out_, out_size_};
}

// nghttp2 goes from content to content without returning: when the batch is full it is told to come again.
char* Pump::content_room(const std::uint8_t* head, std::size_t size) noexcept {
  if (out_size_ + 9 + size > kBatch) return nullptr;
  std::memcpy(out_ + out_size_, head, 9);
  char* at = out_ + out_size_ + 9;
  out_size_ += 9 + size;
  return at;
}

bool Pump::resume_ready() {
  if (ready_.empty()) return false;
  resuming_.swap(ready_);
  for (auto handle : resuming_) handle.resume();
  resuming_.clear();
  return true;
}

void Pump::terminate(std::uint32_t code) {
  nghttp2_session_terminate_session(nghttp_.get(), code);
  wake();
}

}  // namespace genkan::http::h2
