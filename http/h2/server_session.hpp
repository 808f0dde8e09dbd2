// One HTTP/2 connection of a client (RFC 9113). nghttp2 does framing, HPACK and the states; here is what starts
// streams, and ends what a client may not do.
//
//   bytes -> gate (closed streams, floods) -> nghttp2 -> streams begin, go on, end
//
// What must stay true: what a client can make grow is bounded by the windows, the number of streams, and the gate's
// budget; a client that does not read holds one buffer and its windows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h2/alarm.hpp"
#include "http/h2/gate.hpp"
#include "http/h2/pump.hpp"
#include "http/h2/server_stream.hpp"
#include "http/server.hpp"
#include "net/transport.hpp"

namespace genkan::http::h2 {

class ServerSession final : public Session, public Pump {
 public:
  ServerSession(Server& server, net::Transport& transport, base::Endpoint local, ConnectionTimes times);
  ~ServerSession() override;
  ServerSession(const ServerSession&) = delete;

  net::Task<void> run();
  void drain() noexcept override;
  void cancel() noexcept override;

  // --- for streams ---
  Server& server() noexcept { return server_; }
  const base::Endpoint& client() const noexcept { return client_; }
  std::string_view client_text() const noexcept { return client_text_; }
  const base::Endpoint& local() const noexcept { return local_; }
  // Bytes of content that came and left, of all streams: what a client is measured by ([http] min_rate).
  std::uint64_t data_in = 0, data_out = 0;
  UsualFields& usual() noexcept { return usual_; }
  ConnectionTimes take_times() noexcept { return std::exchange(times_, {}); }
  void stream_ended(ServerStream& stream, bool useful) noexcept;

 private:
  struct Callbacks;
  friend struct Callbacks;

  void start();
  net::Task<void> linger();
  void received(std::string_view data) override;
  void begin_streams();
  void set_deadline() noexcept;
  void end_connection() noexcept;
  void count_flood();
  void begin_drain() noexcept;
  void finish_drain() noexcept;
  void on_quiet() noexcept;
  bool finished() const noexcept override;
  bool begin_stream(std::int32_t id);
  ServerStream* find(std::int32_t id) noexcept;
  void note_sent(const nghttp2_frame& frame);

  Server& server_;
  base::Endpoint client_, local_;
  ConnectionTimes times_;  // until the first request has taken them
  std::string client_text_;
  UsualFields usual_;
  SnapshotPtr snapshot_;
  FrameGate gate_;

  ServerStream* first_ = nullptr;  // all streams with a coroutine
  std::size_t live_ = 0;
  std::vector<std::unique_ptr<ServerStream>> opening_;  // their heads are not whole yet
  std::vector<std::unique_ptr<ServerStream>> fresh_;    // to be started
  std::uint64_t served_ = 0;
  Time idle_since_{}, block_since_{};

  net::Event streams_ended_;
  enum class Drain : std::uint8_t { no, announced, final_ } drain_ = Drain::no;
  Alarm<ServerSession> drain_alarm_{*this, &ServerSession::finish_drain};
  Alarm<ServerSession> quiet_alarm_{*this, &ServerSession::on_quiet};
};

}  // namespace genkan::http::h2
