// The origin side: kept HTTP/1.1 connections to backends, one pool per worker, and one exchange over one of them.
// The connection is the response's body: releasing it puts it back, or closes it when anything is off.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/message.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "net/transport.hpp"

namespace genkan::http {

struct OriginLimits {
  Duration connect_timeout = std::chrono::seconds(2);
  Duration response_timeout = std::chrono::seconds(30);  // from the end of the request to the response head
  Duration body_timeout = std::chrono::seconds(30);      // without progress, either way
  Duration idle_timeout = std::chrono::seconds(50);
  Duration tunnel_timeout = std::chrono::hours(1);  // after a change of protocols: without a byte either way
  std::size_t idle_connections = 1024;              // kept per backend
  std::size_t max_head = 64 * 1024;
  std::size_t max_fields = 200;
  bool h2 = false;  // the backend speaks HTTP/2, and is known to
};

// How an exchange failed: what decides about a retry and about the status for the client.
struct OriginFailure {
  enum class Stage { connect, send, head };
  Stage stage = Stage::connect;
  Error error;
  bool reused = false;         // on a kept connection, before any byte of the answer: a new one may well work
  bool content_lost = false;   // content of the request was read that can't be read again
  bool clients_fault = false;  // the request's content broke or the client left
};

class OriginConnection;
namespace h2 {
class OriginSession;
}

class OriginPool {
 public:
  explicit OriginPool(net::Loop& loop);
  ~OriginPool();  // nothing may be in use

  struct Answer {
    Response response;  // head == nullptr: it failed
    OriginFailure failure;
    bool ok() const noexcept { return response.head != nullptr; }
  };

  // The first run of the request's content, kept over the tries of one request: a retry can send it again when it is
  // all.
  struct Replay {
    bool polled = false;
    Chunk first;
  };

  // Sends the request (its fields are written as they stand, Host and framing fields aside) and waits for the final
  // head. `target` and `host` may differ from the client's. `key` names the backend for keeping connections. With
  // `fresh` no kept connection is used. Cancelled when the client goes away. What is passed by reference must live
  // until it ends.
  net::Task<Answer> exchange(Request& request, const base::Endpoint& to, std::string_view target, std::string_view host,
                             const OriginLimits& limits, Replay& replay, bool fresh);

  std::size_t idle() const noexcept;
  void close_idle();  // reload, drain
  // HTTP/2 connections end after their last request from now on, so that nothing is left on the loop.
  void retire();

 private:
  friend class OriginConnection;
  struct Sweeper;
  std::unique_ptr<OriginConnection> take_idle(const base::Endpoint& to, bool sure);
  void give_back(std::unique_ptr<OriginConnection> connection);
  void dispose(OriginConnection& connection) noexcept;
  void sweep();

  net::Task<Answer> exchange_h2(Request& request, base::Endpoint to, std::string_view target, std::string_view host,
                                const OriginLimits& limits, Replay& replay, bool fresh);
  struct Opening;
  Opening* find_opening(const base::Endpoint& to) const;
  h2::OriginSession* find_h2(const base::Endpoint& to) const;
  void forget(h2::OriginSession& session);

  struct Hash {
    std::size_t operator()(const base::Endpoint& e) const noexcept;
  };
  net::Loop& loop_;
  std::unordered_map<base::Endpoint, std::vector<std::unique_ptr<OriginConnection>>, Hash>
      idle_;  // last used at the back
  std::unique_ptr<Sweeper> sweeper_;
  std::vector<h2::OriginSession*> h2_;  // open ones; they own themselves
  std::vector<Opening*> openings_;
  bool retired_ = false;
};

}  // namespace genkan::http
