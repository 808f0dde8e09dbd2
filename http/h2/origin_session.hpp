// One HTTP/2 connection to a backend, shared by many requests of its worker (RFC 9113, the client's side).
//
//   opening -> open: takes streams -> leaving (GOAWAY, retire, an error): takes none, ends after its last
//
// What must stay true: a stream that the backend did not work on (REFUSED_STREAM, or above GOAWAY's last) says so, so
// that the request may be sent again; the window opens only when the client has taken the bytes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/address.hpp"
#include "http/h2/pump.hpp"
#include "http/origin.hpp"

namespace genkan::http::h2 {

class OriginStream;

class OriginSession final : public Pump {
 public:
  OriginSession(std::unique_ptr<net::Transport> transport, OriginTo to, const OriginLimits& limits);
  ~OriginSession() override;

  // Runs until the connection has ended and nobody uses it. `ended` is called last.
  static net::Task<void> run(std::unique_ptr<OriginSession> self, std::function<void(OriginSession&)> ended);

  bool takes_streams() const noexcept;
  const OriginTo& to() const noexcept { return to_; }
  void retire() noexcept;  // ends after the last stream

  // --- for streams ---
  void enter(OriginStream& stream) noexcept;
  void leave(OriginStream& stream) noexcept;

 private:
  struct Callbacks;
  friend struct Callbacks;
  void received(std::string_view data) override;
  bool finished() const noexcept override;
  void start();
  void set_deadline() noexcept;
  void end_streams() noexcept;
  OriginStream* find(std::int32_t id) noexcept;

  OriginTo to_;
  OriginLimits limits_;
  std::unique_ptr<net::Transport> owned_;
  OriginStream* first_ = nullptr;
  std::size_t live_ = 0;
  bool leaving_ = false, ended_ = false;
  net::Event streams_ended_;
};

}  // namespace genkan::http::h2
