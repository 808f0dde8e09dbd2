// Moves bytes between a transport and an nghttp2 session, for both sides of the protocol.
//
//   read -> received() -> nghttp2's callbacks -> streams that wait are resumed
//   wake() -> one write of all that is ready in this round of the loop -> streams go on
//
// What must stay true: nothing is resumed while nghttp2 is at work; output is taken from nghttp2 only when the last
// write is through.
#pragma once

#include <string_view>

#include "http/h2/nghttp.hpp"
#include "http/h2/session_memory.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::http::h2 {

class Pump {
 public:
  Pump(const Pump&) = delete;

  nghttp2_session* nghttp() noexcept { return nghttp_.get(); }
  net::Transport& transport() noexcept { return transport_; }
  net::Loop& loop() noexcept { return transport_.loop(); }
  ReadyList& ready() noexcept { return ready_; }
  Block& block() noexcept { return block_; }
  void wake() { work_.notify(); }  // there may be something to send, or somebody to resume

 protected:
  explicit Pump(net::Transport& transport);
  virtual ~Pump() = default;

  void start_writer();
  net::Task<void> read_loop();    // until the end of the connection, ours or the peer's
  net::Task<void> stop_writer();  // sends what is left, where that can be
  bool resume_ready();
  void terminate(std::uint32_t code);
  bool sending() const noexcept { return writing_; }
  bool failed() const noexcept { return failed_; }  // nothing can be sent any more

  virtual void received(std::string_view data) = 0;
  virtual bool finished() const noexcept = 0;  // all was said: the connection may end

  // For the send_data callback: room for a frame of content behind what is there, or null when the batch is full.
  char* content_room(const std::uint8_t* head, std::size_t size) noexcept;

  net::Transport& transport_;
  SessionOwner nghttp_;

 private:
  static net::Task<void> write_loop(Pump& self);
  std::string_view gather();

  ReadyList ready_, resuming_;
  Block block_;
  char* out_ = nullptr;  // while gather() is at work: where content goes
  std::size_t out_size_ = 0;
  net::Event work_, room_, writer_ended_;
  bool writing_ = false, over_ = false, writer_done_ = true, failed_ = false, ending_ = false;
};

}  // namespace genkan::http::h2
