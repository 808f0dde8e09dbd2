// One HTTP/2 connection of a client (RFC 9113). nghttp2 does framing, HPACK and the states; here is what moves bytes,
// starts streams, and ends what a client may not do.
//
//   read -> gate (closed streams, floods) -> nghttp2 -> streams begin, go on, end
//   streams answer -> nghttp2 -> one write for all that is ready in this round of the loop -> streams go on
//
// What must stay true: nothing is resumed while nghttp2 is at work; output is taken from nghttp2 only when the last
// write is through, so a client that does not read holds one buffer and its windows; what a client can make grow is
// bounded by the windows, the number of streams, and the gate's budget.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h2/alarm.hpp"
#include "http/h2/gate.hpp"
#include "http/h2/nghttp.hpp"
#include "http/h2/server_stream.hpp"
#include "http/server.hpp"
#include "net/transport.hpp"

namespace genkan::http::h2 {

class ServerSession final : public Session {
 public:
  ServerSession(Server& server, net::Transport& transport, const Entrance& entrance, base::Endpoint local);
  ~ServerSession() override;
  ServerSession(const ServerSession&) = delete;

  net::Task<void> run();
  void drain() noexcept override;
  void cancel() noexcept override;

  // --- for streams
  // -----------------------------------------------------------------------------------------------------
  nghttp2_session* nghttp() noexcept { return nghttp_.get(); }
  Server& server() noexcept { return server_; }
  net::Transport& transport() noexcept { return transport_; }
  net::Loop& loop() noexcept { return transport_.loop(); }
  ReadyList& ready() noexcept { return ready_; }
  Block& block() noexcept { return block_; }
  const base::Endpoint& client() const noexcept { return client_; }
  std::string_view client_text() const noexcept { return client_text_; }
  const base::Endpoint& local() const noexcept { return local_; }
  void wake() { work_.notify(); }  // there may be something to send
  void stream_ended(ServerStream& stream, bool useful) noexcept;

 private:
  struct Callbacks;
  friend struct Callbacks;

  void start();
  static net::Task<void> write_loop(ServerSession& self);
  net::Task<void> read_loop();
  net::Task<void> linger();
  void receive(std::string_view data);
  std::string_view gather();
  bool resume_ready();
  void begin_streams();
  void set_deadline() noexcept;
  void terminate(std::uint32_t code);
  void end_connection() noexcept;
  void count_flood();
  void begin_drain() noexcept;
  void finish_drain() noexcept;
  bool finished() const noexcept;
  bool begin_stream(std::int32_t id);
  ServerStream* find(std::int32_t id) noexcept;
  void note_sent(const nghttp2_frame& frame);

  Server& server_;
  net::Transport& transport_;
  const Entrance& entrance_;
  base::Endpoint client_, local_;
  std::string client_text_;
  SnapshotPtr snapshot_;
  SessionPtr nghttp_;
  FrameGate gate_;
  ReadyList ready_, resuming_;
  Block block_;
  char* out_ = nullptr;  // while gather() is at work: where content goes
  std::size_t out_size_ = 0;

  ServerStream* first_ = nullptr;  // all streams with a coroutine
  std::size_t live_ = 0;
  std::vector<std::unique_ptr<ServerStream>> opening_;  // their heads are not whole yet
  std::vector<std::unique_ptr<ServerStream>> fresh_;    // to be started
  std::uint64_t served_ = 0;
  Time idle_since_{}, block_since_{};

  net::Event work_, room_, writer_ended_, streams_ended_;
  bool writing_ = false, over_ = false, writer_done_ = false, failed_ = false, lingering_ = false;
  enum class Drain : std::uint8_t { no, announced, final_ } drain_ = Drain::no;
  Alarm<ServerSession> drain_alarm_{*this, &ServerSession::finish_drain};
};

}  // namespace genkan::http::h2
