// Transport: one byte stream, plain or TLS, over TCP or a Unix socket, on one loop. Operations are plain awaiters
// without a frame: they try the system call first and suspend only when it would block, then also arm their deadline.
// At most one read and one write are outstanding, and they may be outstanding together.
//
//   auto n = co_await t.read_some(buffer, size);   // Result<size_t>, 0 is the end of the stream
//   auto w = co_await t.write(head, body);         // Result<void>, all of it
//
// A failed or cancelled Transport fails every later operation. Destroy it only when nothing is outstanding: cancel()
// and let the coroutines unwind.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/pipe.hpp"
#include "net/socket.hpp"
#include "net/tls_stream.hpp"

namespace genkan::net {

class Transport final : private Pollable, private Timer {
 public:
  Transport(Loop& loop, base::UniqueFd fd, base::Endpoint peer);
  // Of a descriptor that `from` watched until now, to which the system said `events`.
  Transport(Loop& loop, base::UniqueFd fd, base::Endpoint peer, Pollable& from, std::uint32_t events);
  ~Transport();

  class Op {
   public:
    void await_suspend(std::coroutine_handle<> h) noexcept;

   protected:
    friend class Transport;
    enum class Side : std::uint8_t { read, write };
    Op(Transport& t, Side side) : transport_(t), side_(side) {}
    virtual ~Op() = default;
    virtual bool attempt() noexcept = 0;  // true: finished, error_ or the result is set
    virtual void keep() noexcept {}       // before a suspension: take what will not stay valid
    bool ready() noexcept;                // for await_ready
    Transport& transport_;
    std::coroutine_handle<> handle_;
    Error error_;
    Time deadline_{};
    Side side_;
    bool finished_ = false;
  };

  class [[nodiscard]] ReadSome final : public Op {
   public:
    ReadSome(Transport& t, char* data, std::size_t size) : Op(t, Side::read), data_(data), size_(size) {}
    bool await_ready() noexcept { return ready(); }
    Result<std::size_t> await_resume() const noexcept {
      if (error_) return error_;
      return count_;
    }

   private:
    bool attempt() noexcept override;
    char* data_;
    std::size_t size_, count_ = 0;
  };

  // Until read_some would not suspend (bytes, end or error): wait without holding a buffer.
  class [[nodiscard]] Readable final : public Op {
   public:
    explicit Readable(Transport& t) : Op(t, Side::read) {}
    bool await_ready() noexcept { return ready(); }
    Result<void> await_resume() const noexcept {
      if (error_) return error_;
      return {};
    }

   private:
    bool attempt() noexcept override;
  };

  class [[nodiscard]] Write final : public Op {
   public:
    Write(Transport& t, std::string_view head, std::string_view body) : Op(t, Side::write), head_(head), body_(body) {}
    bool await_ready() noexcept { return ready(); }
    Result<void> await_resume() const noexcept {
      if (error_) return error_;
      return {};
    }

   private:
    bool attempt() noexcept override;
    bool attempt_tls() noexcept;
    void keep() noexcept override;
    void consume(std::size_t n) noexcept;
    std::string_view head_, body_;
    std::string kept_;
  };

  // What goes of `size` bytes of a file, at least one: sendfile(2), plain connections only. The file's pages should be
  // in memory: this thread waits for a disk otherwise.
  class [[nodiscard]] SendFile final : public Op {
   public:
    SendFile(Transport& t, int fd, std::uint64_t at, std::size_t size)
        : Op(t, Side::write), fd_(fd), at_(at), size_(size) {}
    bool await_ready() noexcept { return ready(); }
    Result<std::size_t> await_resume() const noexcept {
      if (error_) return error_;
      return sent_;
    }

   private:
    bool attempt() noexcept override;
    const int fd_;
    const std::uint64_t at_;
    const std::size_t size_;
    std::size_t sent_ = 0;
  };

  // What is there, at most `size` bytes and no more than the pipe takes: the count, 0 is the end of the stream. And all
  // that a pipe holds. Plain connections only; splices() says whether this is one.
  class [[nodiscard]] FillPipe final : public Op {
   public:
    FillPipe(Transport& t, Pipe& pipe, std::size_t size) : Op(t, Side::read), pipe_(pipe), size_(size) {}
    bool await_ready() noexcept { return ready(); }
    Result<std::size_t> await_resume() const noexcept {
      if (error_) return error_;
      return count_;
    }

   private:
    bool attempt() noexcept override;
    Pipe& pipe_;
    std::size_t size_, count_ = 0;
  };

  class [[nodiscard]] DrainPipe final : public Op {
   public:
    DrainPipe(Transport& t, Pipe& pipe) : Op(t, Side::write), pipe_(pipe) {}
    bool await_ready() noexcept { return ready(); }
    Result<void> await_resume() const noexcept {
      if (error_) return error_;
      return {};
    }

   private:
    bool attempt() noexcept override;
    Pipe& pipe_;
  };

  class [[nodiscard]] Handshake final : public Op {
   public:
    explicit Handshake(Transport& t) : Op(t, Side::read) {}
    bool await_ready() noexcept { return ready(); }
    Result<void> await_resume() const noexcept {
      if (error_) return error_;
      return {};
    }

   private:
    bool attempt() noexcept override;
  };

  ReadSome read_some(char* data, std::size_t size) noexcept { return {*this, data, size}; }
  // What is there now, without an operation; false: nothing is.
  bool read_now(char* data, std::size_t size, Result<std::size_t>& out) noexcept;
  Readable readable() noexcept { return Readable(*this); }
  // `head` may lie in the loop's scratch: what is left of it is copied when the write suspends. `body` must stay.
  Write write(std::string_view head, std::string_view body = {}) noexcept { return {*this, head, body}; }
  SendFile send_file(int fd, std::uint64_t at, std::size_t size) noexcept { return {*this, fd, at, size}; }
  FillPipe fill(Pipe& pipe, std::size_t size) noexcept { return {*this, pipe, size}; }
  DrainPipe drain(Pipe& pipe) noexcept { return {*this, pipe}; }
  bool splices() const noexcept { return !tls_ && !socket_.pushed_back; }
  Handshake handshake(std::unique_ptr<TlsStream> tls) noexcept {
    tls_ = std::move(tls);
    return Handshake(*this);
  }
  // Goes on with a handshake that early data overtook.
  Handshake finish_handshake() noexcept { return Handshake(*this); }
  // Hands bytes back that were read too far: the next read, or the TLS handshake, begins with them.
  void unread(std::string_view bytes) { socket_.push_back(bytes); }

  // The earlier of an absolute time and a time without progress. The absolute one holds for an outstanding read too.
  void read_deadline(Time t) noexcept;
  Time read_deadline() const noexcept { return read_deadline_; }
  void read_timeout(Duration d) noexcept { read_timeout_ = d; }
  void write_timeout(Duration d) noexcept { write_timeout_ = d; }

  void cancel() noexcept;          // outstanding and later operations fail with Errc::cancelled
  void cancel_read() noexcept;     // only the outstanding read
  void shutdown_write() noexcept;  // close_notify and FIN
  void close() noexcept;           // nothing may be outstanding; TLS: with close_notify unless failed
  void reset() noexcept;           // close with RST: the peer must not take what it got for complete

  bool peer_closed() const noexcept { return socket_.hung_up; }  // FIN, RST or error was seen
  bool still_open() const noexcept;  // asks the kernel: neither closed nor a byte waiting. For idle plain connections
  bool broken() const noexcept { return socket_.broken; }  // RST, or closed both ways
  bool read_would_block() const noexcept {
    return !socket_.read_ready && !socket_.pushed_back && !(tls_ && tls_->pending());
  }
  // Called once, on the loop, when the connection breaks (a FIN alone is not that); must not destroy the Transport.
  struct HangupListener {
    virtual void on_hangup() noexcept = 0;

   protected:
    ~HangupListener() = default;
  };
  void on_hangup(HangupListener* listener) noexcept { hangup_ = listener; }
  // For a connection that may be quiet for long, and for which nobody waits meanwhile. Called once, on the loop, when
  // read_some() would not suspend any more, or when the read deadline has passed; may destroy the Transport.
  struct SleepListener {
    virtual void on_wake() noexcept = 0;

   protected:
    ~SleepListener() = default;
  };
  void sleep(SleepListener* listener) noexcept;  // only while read_would_block(), and nothing is outstanding

  base::UniqueFd hand_over(Pollable& to) noexcept;  // watched for reading alone; likewise

  static void* operator new(std::size_t size);
  static void operator delete(void* at) noexcept;

  Loop& loop() noexcept { return loop_; }
  const base::Endpoint& peer() const noexcept { return peer_; }
  void set_peer(base::Endpoint peer) { peer_ = std::move(peer); }  // from a PROXY header
  base::Endpoint local() const noexcept;
  const TlsStream* tls() const noexcept { return tls_.get(); }
  int fd() const noexcept { return socket_.fd.get(); }
  std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  std::uint64_t bytes_out() const noexcept { return bytes_out_; }

 private:
  void on_ready(std::uint32_t events) noexcept override;
  void on_timer() noexcept override;
  void suspend(Op& op) noexcept;
  void arm() noexcept;
  Op*& waiting(Op::Side side) noexcept { return side == Op::Side::read ? reader_ : writer_; }
  ssize_t receive(char* data, std::size_t size, Error& error) noexcept;  // -1 without error: would block

  static constexpr int kBurst = 64;  // operations in a row before others get a turn

  Loop& loop_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  Op* reader_ = nullptr;
  Op* writer_ = nullptr;
  Time read_deadline_ = Time::max();
  Duration read_timeout_ = Duration::max();
  Duration write_timeout_ = Duration::max();
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  Error failed_, write_failed_;  // a write that failed leaves what the peer said last readable
  int burst_ = kBurst;
  HangupListener* hangup_ = nullptr;
  SleepListener* sleeper_ = nullptr;
  base::Endpoint peer_;
};

}  // namespace genkan::net
