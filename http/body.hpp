// Body: the content of a message, pulled by whoever sends it on. poll() gives what is at hand, so that a head and its
// first bytes leave in one send; fetch() waits. A broken body is an error, never a clean end: whoever relays it must
// not end cleanly either.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/fields.hpp"
#include "net/pipe.hpp"
#include "net/task.hpp"

namespace genkan::http {

struct Chunk {
  std::string_view data;  // valid until the next poll or fetch, or the body's end
  bool last = false;      // nothing comes after this (data may still be non-empty)
};

struct FilePart {
  int fd = -1;
  std::uint64_t at = 0, size = 0;
};

class Body {
 public:
  // True: `out` is set (bytes, the end, or an error). False: nothing at hand, fetch() would wait.
  virtual bool poll(Result<Chunk>& out) = 0;
  // Only after poll() said no. Never an empty chunk unless it is the last.
  virtual net::Task<Result<Chunk>> fetch() = 0;
  // The whole content as a part of a file, for those who can send it without reading it; asked once, before the first
  // poll(). The descriptor stays open as long as the body. False: there is none, poll() gives the content.
  virtual bool as_file(FilePart& out) {
    static_cast<void>(out);
    return false;
  }
  // Brings a piece of that file into memory, so that sending it does not wait for a disk.
  virtual net::Task<Result<void>> warm(FilePart piece) {
    static_cast<void>(piece);
    co_return Result<void>();
  }
  // Content that comes over a plain connection need not be read to be sent on. How much of it could go so from here to
  // the end; 0: none, or too little. Asked after poll() said no.
  virtual std::uint64_t movable() const noexcept { return 0; }
  // Instead of fetch(): moves some of that into the pipe, at least one byte. They count as read.
  virtual net::Task<Result<std::size_t>> move(net::Pipe& pipe) {
    static_cast<void>(pipe);
    co_return Errc::cancelled;
  }
  // All of the content's bytes, when known before it is read.
  virtual std::optional<std::uint64_t> length() const = 0;
  // After the last chunk: the trailer section, or null.
  virtual const Fields* trailers() const { return nullptr; }
  // The owner is done with it, read to the end or not. An origin's connection goes back to its pool, or is closed.
  virtual void release() noexcept { delete this; }

 protected:
  virtual ~Body() = default;
};

struct BodyRelease {
  void operator()(Body* body) const noexcept { body->release(); }
};
using BodyPtr = std::unique_ptr<Body, BodyRelease>;

// A body in memory that it owns.
class TextBody final : public Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  bool poll(Result<Chunk>& out) override {
    out = Chunk{done_ ? std::string_view() : std::string_view(text_), true};
    done_ = true;
    return true;
  }
  net::Task<Result<Chunk>> fetch() override { co_return Chunk{{}, true}; }
  std::optional<std::uint64_t> length() const override { return text_.size(); }

 private:
  std::string text_;
  bool done_ = false;
};

}  // namespace genkan::http
