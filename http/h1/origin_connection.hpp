// One HTTP/1.1 connection to a backend.
//
//   idle -> send -> head (1xx passed on) -> content -> idle | closed
//            `-> upload, on its own, while the head is awaited: an origin may answer early
//
// What must stay true: a connection returns to the pool only when the request was sent whole, the answer read whole,
// and nothing came after it; when the client's content breaks, the origin sees a reset and never a clean end.
#pragma once

#include <memory>

#include "http/h1/reader.hpp"
#include "http/h2/alarm.hpp"
#include "http/origin.hpp"

namespace genkan::http {

class OriginConnection final : public Body, private Informer::GoneListener {
 public:
  OriginConnection(OriginPool& pool, OriginPool::Shelf& shelf, std::unique_ptr<net::Transport> transport);
  ~OriginConnection() override;

  void begin(Request& request, const OriginLimits& limits);
  // A request without content as it goes out, in the scratch: write it, then sent(). Empty: call send(). It is the
  // common case, and needs no frame.
  std::string_view whole_request(std::string_view target, std::string_view host);
  bool sent(const Result<void>& written, OriginFailure& failure) noexcept;
  net::Task<bool> send(std::string_view target, std::string_view host, OriginPool::Replay& replay,
                       OriginFailure& failure);
  net::Task<bool> receive(OriginFailure& failure);
  net::Transport& transport() noexcept { return *transport_; }
  ResponseHead* head() noexcept { return head_.get(); }

  // Body: the answer's content.
  bool poll(Result<Chunk>& out) override {
    if (tunnel_) active_ = transport_->loop().now();
    return reader_.poll_body(out);
  }
  net::Task<Result<Chunk>> fetch() override { return reader_.fetch_body(); }
  std::uint64_t movable() const noexcept override { return reader_.movable(); }
  net::Task<Result<std::size_t>> move(net::Pipe& pipe) override { return reader_.move(pipe); }
  std::optional<std::uint64_t> length() const override;
  const Fields* trailers() const override { return reader_.trailers(); }
  void release() noexcept override;
  bool short_and_cut() const noexcept;
  void abandon() noexcept;  // instead of an answer: the origin must not take the request for complete

  bool still_open() const noexcept { return transport_->still_open(); }
  bool reusable() noexcept;  // an idle one: the origin has neither closed nor said anything
  Time idle_since{};
  Duration idle_timeout{};
  std::size_t idle_limit = 0;
  OriginConnection* below = nullptr;  // on the shelf, while nobody uses it
  OriginPool::Shelf& shelf() const noexcept { return shelf_; }

 private:
  enum class Step { interim, done, failed };

  void on_client_gone() noexcept override;
  bool accepts_switch(const h1::StatusLine& line) const;
  void begin_tunnel();
  void on_tunnel_idle() noexcept;
  std::string_view write_head(std::string_view target, std::string_view host, bool whole, const Chunk& first);
  static void append_trailers(std::string& tail, const Fields* trailers);
  void start_upload();
  static net::Task<void> upload(OriginConnection& self, Body* body);
  static net::Task<bool> upload_moved(OriginConnection& self, Body* body, std::uint64_t left);
  Step take_head(std::string_view head, OriginFailure& failure);
  void after_interim(const Result<void>& informed, OriginFailure& failure);
  bool fail(OriginFailure& failure, OriginFailure::Stage stage, Error error) noexcept;

  OriginPool& pool_;
  OriginPool::Shelf& shelf_;
  std::unique_ptr<net::Transport> transport_;
  h1::Reader reader_;
  std::unique_ptr<ResponseHead> head_;  // while it is used
  Request* request_ = nullptr;
  OriginLimits limits_;
  Error upload_error_;
  int interims_ = 0;
  bool keep_ = false;
  bool chunked_ = false;  // the request's framing
  bool between_ = false;  // a chunk's data was sent, its CRLF is due
  bool uploading_ = false;
  bool await_continue_ = false;
  bool released_ = false;
  bool clients_fault_ = false;
  bool answered_ = false;  // a byte of the answer was seen
  bool tunnel_ = false;    // the protocol was changed: bytes both ways
  Time active_{};          // when the tunnel last carried something
  h2::Alarm<OriginConnection> tunnel_alarm_{*this, &OriginConnection::on_tunnel_idle};
};

}  // namespace genkan::http
