// One HTTP/1.1 connection of a client.
//
//   idle --bytes--> head --400/408/414/431/501/505--> closing
//                    |
//                    v
//                 handler --response--> send --keep--> idle
//                                         `--close or broken--> closing
//
// What must stay true: nothing malformed reaches a handler; after an error of framing the connection closes; a body
// that broke on its way is never ended cleanly; a response is complete or visibly not.
#pragma once

#include <memory>
#include <optional>

#include "http/h1/reader.hpp"
#include "http/h1/writer.hpp"
#include "http/min_rate.hpp"
#include "http/server.hpp"
#include "net/task.hpp"

namespace genkan::http::h1 {

class ServerSession final : public Session, private Informer, private net::Transport::HangupListener {
 public:
  ServerSession(Server& server, net::Transport& transport, const Entrance& entrance, base::Endpoint local,
                ConnectionTimes times, std::uint64_t served);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;

  // Until the connection has ended, or has become quiet: then it waits for its next request without a session.
  net::Task<void> run();
  bool quiet() const noexcept { return quiet_; }
  std::uint64_t served() const noexcept { return served_; }
  void drain() noexcept override;
  void cancel() noexcept override;

 private:
  // The request's content as handlers pull it. At most one fetch is outstanding.
  class RequestBody final : public Body {
   public:
    explicit RequestBody(ServerSession& session) : session_(session) {}
    bool poll(Result<Chunk>& out) override;
    net::Task<Result<Chunk>> fetch() override;
    std::uint64_t movable() const noexcept override;
    net::Task<Result<std::size_t>> move(net::Pipe& pipe) override;
    std::optional<std::uint64_t> length() const override;
    const Fields* trailers() const override { return session_.reader_.trailers(); }
    void release() noexcept override {}

   private:
    ServerSession& session_;
  };

  // What comes of the client after a change of protocols (RFC 9110 7.8): bytes, to the end of the connection.
  class TunnelBody final : public Body {
   public:
    explicit TunnelBody(ServerSession& session) : session_(session) {}
    bool poll(Result<Chunk>& out) override;
    net::Task<Result<Chunk>> fetch() override;
    std::optional<std::uint64_t> length() const override { return std::nullopt; }
    void release() noexcept override {}

   private:
    ServerSession& session_;
  };

  enum class Next { keep, close, linger };

  bool becomes_quiet(Error error) const noexcept;
  bool begin_wait();  // false: nothing more is wanted of this client
  bool receive_head(Result<std::string_view>& head);
  void begin_request(const char* base);
  net::Task<Next> serve_one(Result<std::string_view> head);
  int take_request(std::string_view head);
  int check_request(const RequestLine& line);  // 0, or the status to refuse with
  void check_upgrade();
  int status_of_failure(Error error);
  Response refusal(int status);
  bool may_keep() const;
  std::string_view whole_answer(Response& response, bool keep, Outcome& outcome);
  net::Task<Next> settle(bool keep);
  net::Task<Result<void>> send(Response& response, bool& keep, Outcome& outcome);
  net::Task<Result<void>> send_body(Body& body, bool chunked, Result<Chunk> next, std::string_view head,
                                    Outcome& outcome);
  net::Task<Result<void>> send_moved(Body& body, std::uint64_t left, Outcome& outcome);
  net::Task<Result<void>> send_file(Body& body, FilePart file, std::string_view head, Outcome& outcome);
  net::Task<Result<void>> send_tunnel(const ResponseHead& head, Body& body, Outcome& outcome);
  bool write_head(HeadWriter& out, const ResponseHead& head, std::optional<std::uint64_t> length, bool chunked,
                  bool keep);
  net::Task<void> stop_upload();
  net::Task<void> linger();
  bool note_body(const Result<Chunk>& chunk);
  bool dawdles(Pace& pace, Time began, std::uint64_t bytes) const noexcept;
  void finish(const ResponseHead* head, Outcome& outcome);

  net::Task<Result<void>> inform(const ResponseHead& head) override;
  void on_gone(GoneListener* listener) noexcept override { gone_ = listener; }
  bool gone() const noexcept override { return transport_.broken(); }
  void on_hangup() noexcept override;

  Server& server_;
  net::Transport& transport_;
  const Entrance& entrance_;
  base::Endpoint client_, local_;
  std::string client_text_;
  Reader reader_;
  RequestBody body_;
  TunnelBody tunnel_;
  UsualFields usual_;
  Request request_;
  SnapshotPtr snapshot_;  // of the request in work
  std::string path_store_, host_store_;
  GoneListener* gone_ = nullptr;
  std::optional<Result<Chunk>> polled_;  // content that whole_answer() took and send() sends
  Pace upload_pace_, download_pace_;
  Error body_error_;  // what broke the request's content
  net::Event fetch_ended_;
  bool fetching_ = false;  // a body fetch is outstanding
  bool idle_ = true;
  bool quiet_ = false;
  bool returning_;             // quiet until now: what it waited for is here
  bool keep_alive_ = true;     // as the request asks
  bool continue_due_ = false;  // the client waits for a 100
  bool informing_ = false;
  bool head_sent_ = false;
  bool tunnelling_ = false;
  std::uint64_t served_;
  Time wait_until_{};      // for the next request
  ConnectionTimes times_;  // until the first request has taken them
  Time head_began_{};
};

}  // namespace genkan::http::h1
