// One c-ares channel on a loop: sends questions, waits for answers, asks the next name server when one fails. Its
// sockets are edge-triggered here, so after every step all of them are polled until none has anything to say.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "net/dns_message.hpp"
#include "net/loop.hpp"

struct ares_channeldata;

namespace genkan::net::dns {

class Channel final : private Timer {
 public:
  // The message of an answer that has records, valid during the call; or Errc::not_found, timed_out, unavailable,
  // cancelled. Called once for each query, on the loop, perhaps before query() returns; must not destroy the Channel.
  using Done = std::function<void(Result<Bytes> answer)>;

  // `servers`: "address:port"; empty: /etc/resolv.conf, read again when it has changed. Every server is asked within
  // `timeout`.
  Channel(Loop& loop, std::vector<std::string> servers, Duration timeout);
  ~Channel() override;  // outstanding queries are cancelled

  // `search`: a name without a dot is completed by the domains of /etc/resolv.conf.
  void query(const std::string& name, Type type, bool search, Done done);
  // Asks whether the server vouches for its answer (AD bit). `done` gets the message whatever it says, also that there
  // is nothing.
  void query_secure(const std::string& name, Type type, Done done);
  void cancel();  // all that is outstanding
  std::size_t outstanding() const noexcept { return outstanding_; }

 private:
  struct Query {
    Channel* channel;
    Done done;
  };
  struct Watched final : Pollable {
    explicit Watched(Channel& c) : channel(c) {}
    void on_ready(std::uint32_t) noexcept override { channel.pump(); }  // may destroy this
    Channel& channel;
    bool reads = false, writes = false;
  };

  void open();
  bool initialise(std::chrono::milliseconds per_try);
  void pump() noexcept;
  bool step() noexcept;
  void settle() noexcept;
  void prefer_another_server();
  void on_timer() noexcept override;
  static void on_socket(void* self, int fd, int readable, int writable);
  static void on_answer(void* query, int status, int timeouts, unsigned char* message, int length);

  Loop& loop_;
  const std::vector<std::string> servers_;
  const Duration timeout_;
  ::ares_channeldata* channel_ = nullptr;
  std::unordered_map<int, std::unique_ptr<Watched>> sockets_;
  std::size_t outstanding_ = 0;
  bool slow_ = false;  // a server did not answer in time: when nothing is outstanding, another comes first
  Time next_look_{};
  std::int64_t resolv_conf_ns_ = -1;
};

}  // namespace genkan::net::dns
