// One exchange with a backend over HTTP/2: sends a request, waits for the head, and is the response's body then. As
// OriginConnection is for HTTP/1.1.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h2/alarm.hpp"
#include "http/h2/origin_session.hpp"
#include "http/origin.hpp"
#include "net/block.hpp"

namespace genkan::http::h2 {

class OriginStream final : public Body, private Informer::GoneListener {
 public:
  OriginStream(OriginSession& session, Request& request, const OriginLimits& limits);
  ~OriginStream() override;

  net::Task<bool> exchange(std::string_view target, std::string_view host, OriginPool::Replay& replay,
                           OriginFailure& failure);
  ResponseHead* head() noexcept { return &head_; }
  bool short_and_cut() const noexcept {
    return length_ && *length_ > 0 && *length_ <= OriginPool::kShort && !in_ended_ && in_.size() < *length_;
  }
  void abandon() noexcept { release(); }  // instead of an answer

  // Body: the answer's content.
  bool poll(Result<Chunk>& out) override;
  net::Task<Result<Chunk>> fetch() override;
  std::optional<std::uint64_t> length() const override { return length_; }
  const Fields* trailers() const override { return trailers_.entries() ? &trailers_ : nullptr; }
  void release() noexcept override;

  // --- from nghttp2's callbacks, by the session ---
  void begin_head(bool trailers);
  bool add_field(std::string_view name, std::string_view value, bool trailer);
  bool head_complete(bool trailers);
  void take_data(std::string_view data);
  void end_of_answer();
  void closed(std::uint32_t code, bool untouched) noexcept;
  ssize_t more_content(std::size_t room, std::uint32_t& flags);
  void give_content(char* to, std::size_t size);
  std::int32_t id() const noexcept { return id_; }
  OriginStream *after = nullptr, *before = nullptr;  // in the session's list

 private:
  struct Part {
    std::uint32_t name_at, value_at, value_size;
    std::uint16_t name_size;
  };
  void on_client_gone() noexcept override;
  bool submit(std::string_view target, std::string_view host, std::optional<std::uint64_t> length, bool content);
  static net::Task<void> upload(OriginStream& self, Body* body);
  net::Task<bool> wait_for_head(OriginFailure& failure);
  bool fail(OriginFailure& failure, Error error) noexcept;
  void give_window_back() noexcept;
  void arm(Duration timeout) noexcept;
  void on_timeout() noexcept;
  void destroy() noexcept { delete this; }

  OriginSession& session_;
  Request* request_;
  OriginLimits limits_;
  std::int32_t id_ = -1;

  std::string text_;  // of the head that is being received, then of the final one
  std::vector<Part> parts_;
  std::string interim_text_;
  ResponseHead head_, interim_;
  std::vector<int> pending_interims_;
  Fields trailers_;
  std::optional<std::uint64_t> length_;
  std::size_t field_bytes_ = 0;
  int interims_ = 0;
  bool have_head_ = false, have_interim_ = false, bad_ = false;

  std::string in_, current_;
  net::HeldBytes held_;  // of both
  std::size_t unacknowledged_ = 0;
  bool in_ended_ = false;
  Error closed_;
  bool untouched_ = false;  // the backend has done nothing for this request
  bool clients_fault_ = false, timed_out_ = false;
  Signal arrived_;  // a head, content, the end

  std::string_view out_;
  const Fields* out_trailers_ = nullptr;
  bool out_last_ = false, deferred_ = false, uploading_ = false, released_ = false, upload_done_ = false;
  Signal taken_;
  Alarm<OriginStream> alarm_{*this, &OriginStream::on_timeout};
};

}  // namespace genkan::http::h2
