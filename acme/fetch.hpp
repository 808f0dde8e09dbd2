// One HTTPS request to the CA, on a connection of its own: resolve, connect, verify, ask, read. Everything is bounded:
// head, body, time. A few requests per certificate and month need no kept connections.
#pragma once

#include <memory>
#include <string>

#include "acme/exchange.hpp"
#include "acme/message.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace genkan::acme {

struct FetchLimits {
  std::size_t max_head = 32 * 1024;
  std::size_t max_fields = 100;
  std::size_t max_body = 256 * 1024;
  Duration connect = std::chrono::seconds(5);  // each address
  Duration total = std::chrono::seconds(60);
};

class Fetcher {
 public:
  Fetcher(net::Loop& loop, net::Resolver& resolver, FetchLimits limits = {})
      : loop_(loop), resolver_(resolver), limits_(limits) {}

  // The final answer, or why there is none in `why`. On the loop.
  net::Task<Result<Answer>> fetch(std::shared_ptr<const net::TlsClient> tls, Send::Form form, std::string url,
                                  std::string body, std::string* why);
  // Ends what is under way, and everything after it, with Errc::cancelled.
  void cancel() noexcept;

 private:
  net::Task<Result<std::unique_ptr<net::Transport>>> open(Url url, Time deadline, std::string* why);
  net::Task<Result<Answer>> ask(net::Transport& transport, Send::Form form, std::string text, std::string* why);

  net::Loop& loop_;
  net::Resolver& resolver_;
  const FetchLimits limits_;
  net::Transport* current_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace genkan::acme
