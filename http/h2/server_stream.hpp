// One request on an HTTP/2 connection: its coroutine calls the same handlers as HTTP/1.1, with the same Request,
// Response and Body.
//
//   head --refused--> error page --.
//    |                             v
//    `--> handler --response--> head, content, trailers --> ended
//              `-- the client resets, the connection ends: the handler's work is cancelled --> ended
//
// What must stay true: the client's window opens again only when the handler has taken the bytes; a content that broke
// ends in RST_STREAM; the object lives until its coroutine ends, whatever nghttp2 has closed before.
#pragma once

#include <memory>
#include <string>

#include "http/h2/alarm.hpp"
#include "http/h2/nghttp.hpp"
#include "http/h2/request_head.hpp"
#include "http/min_rate.hpp"
#include "http/server.hpp"
#include "net/block.hpp"
#include "net/task.hpp"

namespace genkan::http::h2 {

class ServerSession;

class ServerStream final : private Informer {
 public:
  ServerStream(ServerSession& session, std::int32_t id, SnapshotPtr snapshot);
  ~ServerStream();
  ServerStream(const ServerStream&) = delete;

  // From the free list that frames come from: there is one for each request.
  static void* operator new(std::size_t size) { return net::detail::allocate_frame(size); }
  static void operator delete(void* at, std::size_t size) noexcept { net::detail::free_frame(at, size); }

  static net::Task<void> serve(std::unique_ptr<ServerStream> self);

  // --- from nghttp2's callbacks, by the session; nothing is resumed inside them ---
  bool add_field(std::string_view name, std::string_view value, bool trailer);
  std::size_t head_bytes() const noexcept { return head_.bytes(); }
  void take_data(std::string_view data);
  void end_of_request();
  void end_was_sent() noexcept;       // our END_STREAM left
  void closed(Error error) noexcept;  // by nghttp2, or the connection ended
  ssize_t more_content(std::size_t room, std::uint32_t& flags);
  void give_content(char* to, std::size_t size);  // after more_content
  std::int32_t id() const noexcept { return id_; }
  bool request_ended() const noexcept { return in_ended_; }
  ServerStream *after = nullptr, *before = nullptr;  // in the session's list

 private:
  // The request's content as handlers pull it. At most one fetch is outstanding.
  class RequestBody final : public Body {
   public:
    explicit RequestBody(ServerStream& s) : s_(s) {}
    bool poll(Result<Chunk>& out) override;
    net::Task<Result<Chunk>> fetch() override;
    std::optional<std::uint64_t> length() const override { return s_.length_; }
    const Fields* trailers() const override { return s_.trailers_.entries() ? &s_.trailers_ : nullptr; }
    void release() noexcept override {}

   private:
    ServerStream& s_;
  };

  int begin();
  int framing();
  int begin_tunnel();
  void translate_switch(Response& response);
  int status_of(Error error) const noexcept;
  Response refusal(int status);
  net::Task<void> answer(Response response, Outcome& outcome);
  net::Task<Result<void>> send(Response& response, Outcome& outcome);
  net::Task<Result<void>> send_content(Body& body, Outcome& outcome);
  void merge_priorities(const ResponseHead& head);
  bool submit_head(const ResponseHead& head, std::optional<std::uint64_t> length, bool content);
  net::Task<void> stop_upload();
  void end_stream(const Outcome& outcome);
  void finish(const ResponseHead* head, Outcome& outcome);
  void reset_stream(std::uint32_t code);
  void give_window_back() noexcept;
  void arm_write() noexcept;
  void on_write_stalled() noexcept;
  void on_read_stalled() noexcept;

  net::Task<Result<void>> inform(const ResponseHead& head) override;
  void on_gone(GoneListener* listener) noexcept override { gone_ = listener; }
  bool gone() const noexcept override { return static_cast<bool>(closed_); }

  ServerSession& session_;
  const std::int32_t id_;
  SnapshotPtr snapshot_;
  const Time began_;  // the head's first byte
  RequestHead head_;
  net::HeldBytes head_held_;
  Request request_;
  GoneListener* gone_ = nullptr;
  Error closed_;  // set: nothing can be sent any more

  RequestBody body_;
  Fields trailers_;
  std::optional<std::uint64_t> length_;
  std::string in_, current_;        // received; being looked at by the handler
  net::HeldBytes held_;             // of both
  std::size_t unacknowledged_ = 0;  // bytes of current_ that the window does not know of yet
  std::uint64_t received_ = 0;
  std::size_t trailer_bytes_ = 0;
  Error body_error_;
  Signal in_ready_, fetch_ended_;
  bool in_ended_ = false, fetching_ = false, continue_due_ = false;

  std::string_view out_;  // of the chunk that is being sent
  const Fields* out_trailers_ = nullptr;
  Signal sent_;
  std::uint64_t sent_since_ = 0;
  bool out_last_ = false, deferred_ = false, head_sent_ = false, end_sent_ = false;
  bool tunnel_ = false;
  // Whether the client is too slow ([http] min_rate). One that is slow with many streams at once may be fast in all, so
  // the bytes are the connection's.
  Pace upload_pace_, download_pace_;
  std::uint64_t in_before_ = 0, out_before_ = 0;
  Time offered_at_{};  // since when the client could have taken what is offered
  bool upload_is_paced_ = false, too_slow_ = false;
  Alarm<ServerStream> write_alarm_{*this, &ServerStream::on_write_stalled};
  Alarm<ServerStream> read_alarm_{*this, &ServerStream::on_read_stalled};
};

}  // namespace genkan::http::h2
