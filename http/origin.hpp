// The origin side: connections to backends, plain or TLS, kept in one pool per worker, and one exchange over one of
// them. The connection is the response's body: releasing it puts it back, or closes it when anything is off.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/message.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace genkan::http {

// Where a connection leads, and all that must be alike for one to be used again.
struct OriginTo {
  base::Endpoint address;
  std::shared_ptr<const net::TlsClient> tls;  // null: plain
  std::string tls_name;
  std::string preface;  // sent first (a PROXY header): the connection then serves that client alone
  std::atomic<std::uint32_t>* pending = nullptr;  // where connections being opened are counted; no part of the identity
  bool operator==(const OriginTo& o) const noexcept {
    return address == o.address && tls == o.tls && tls_name == o.tls_name && preface == o.preface;
  }
};

struct OriginLimits {
  Duration connect_timeout = std::chrono::seconds(2);
  Duration response_timeout = std::chrono::seconds(30);  // from the end of the request to the response head
  Duration body_timeout = std::chrono::seconds(30);      // without progress, either way
  Duration idle_timeout = std::chrono::seconds(50);
  Duration tunnel_timeout = std::chrono::hours(1);  // after a change of protocols: without a byte either way
  std::size_t idle_connections = 1024;              // kept per backend
  std::size_t max_head = 64 * 1024;
  std::size_t max_fields = 200;
  bool h2 = false;                // the backend speaks HTTP/2, and is known to
  bool settle = false;            // HTTP/2 or HTTP/1.1, by ALPN
  std::uint32_t max_pending = 0;  // connections being opened, all workers; 0: no limit
};

// How an exchange failed: what decides about a retry and about the status for the client.
struct OriginFailure {
  enum class Stage { connect, send, head };
  Stage stage = Stage::connect;
  Error error;
  bool reused = false;         // on a kept connection, before any byte of the answer: a new one may well work
  bool content_lost = false;   // content of the request was read that can't be read again
  bool clients_fault = false;  // the request's content broke or the client left
  bool busy = false;           // max_pending: the backend was not asked
  std::string why;             // for people, where the error alone says too little
};

class OriginConnection;
namespace h2 {
class OriginSession;
}

class OriginPool {
 public:
  static constexpr std::size_t kShort = 16 * 1024;

  explicit OriginPool(net::Loop& loop);
  ~OriginPool();  // nothing may be in use

  struct Answer {
    Response response;  // head == nullptr: it failed
    OriginFailure failure;
    bool short_and_cut = false;  // the content is at most kShort bytes, and a part of them is not here yet
    bool ok() const noexcept { return response.head != nullptr; }
  };

  // The first run of the request's content, kept over the tries of one request: a retry can send it again when it is
  // all.
  struct Replay {
    bool polled = false;
    Chunk first;
  };

  // Sends the request (its fields are written as they stand, Host and framing fields aside) and waits for the final
  // head. `target` and `host` may differ from the client's. With
  // `fresh` no kept connection is used. Cancelled when the client goes away. What is passed by reference must live
  // until it ends.
  net::Task<Answer> exchange(Request& request, const OriginTo& to, std::string_view target, std::string_view host,
                             const OriginLimits& limits, Replay& replay, bool fresh);

  // Opens connections in the background until `count` unused ones are there (HTTP/2: one connection).
  void warm(const OriginTo& to, const OriginLimits& limits, std::size_t count);

  std::size_t idle() const noexcept;
  void close_idle();  // reload, drain
  // HTTP/2 connections end after their last request from now on, so that nothing is left on the loop.
  void retire();

 private:
  friend class OriginConnection;
  struct Sweeper;
  // What is known of a backend: one entry for each, without preface.
  struct Known {
    std::shared_ptr<net::TlsSessions> sessions;
    bool spoken = false, h2 = false;  // settled by ALPN: how
    std::size_t warming = 0;
  };
  // The connections to one place that nobody uses.
  struct Shelf {
    explicit Shelf(OriginTo place) : to(std::move(place)) {}
    ~Shelf();
    Shelf(const Shelf&) = delete;
    const OriginTo to;
    OriginConnection* top = nullptr;  // owned; the last used, which knows the one before it
    std::size_t unused = 0;
    std::size_t connections = 0;  // those in use too: they come back here
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const OriginTo& to) const noexcept;
    std::size_t operator()(const std::unique_ptr<Shelf>& shelf) const noexcept { return (*this)(shelf->to); }
  };
  struct Same {
    using is_transparent = void;
    static const OriginTo& to(const OriginTo& to) noexcept { return to; }
    static const OriginTo& to(const std::unique_ptr<Shelf>& shelf) noexcept { return shelf->to; }
    bool operator()(const auto& a, const auto& b) const noexcept { return to(a) == to(b); }
  };
  Shelf& shelf(const OriginTo& to);
  static std::unique_ptr<OriginConnection> take_top(Shelf& shelf) noexcept;
  // Closes the unused ones whose time is over at `now`, and those that their backend has ended.
  static void clear(Shelf& shelf, Time now) noexcept;
  std::unique_ptr<ResponseHead> take_head();
  void give_head(std::unique_ptr<ResponseHead> head);
  std::unique_ptr<OriginConnection> take_idle(const OriginTo& to, bool sure);
  void give_back(std::unique_ptr<OriginConnection> connection);
  void dispose(OriginConnection& connection) noexcept;
  void sweep();

  // A connection that is ready for the first request; null: `failure` says why.
  net::Task<std::unique_ptr<net::Transport>> open(OriginTo to, OriginLimits limits, OriginFailure& failure);
  net::Task<bool> shake_hands(net::Transport& transport, OriginTo to, OriginLimits limits, OriginFailure& failure);
  net::Task<Answer> exchange_h1(std::unique_ptr<OriginConnection> connection, Request& request, const OriginTo& to,
                                std::string_view target, std::string_view host, const OriginLimits& limits,
                                Replay& replay, bool fresh);
  net::Task<Answer> exchange_h2(Request& request, OriginTo to, std::string_view target, std::string_view host,
                                const OriginLimits& limits, Replay& replay, bool fresh);
  net::Task<void> warm_one(OriginTo to, OriginLimits limits);
  struct Opening;
  Opening* find_opening(const OriginTo& to) const;
  h2::OriginSession* find_h2(const OriginTo& to) const;
  h2::OriginSession* add_h2(std::unique_ptr<net::Transport> transport, OriginTo to, const OriginLimits& limits);
  void forget(h2::OriginSession& session);
  Known& known(const OriginTo& to);

  net::Loop& loop_;
  // One look into a table finds a place among thousands, and the rest of what is kept of it follows from there.
  boost::unordered_flat_set<std::unique_ptr<Shelf>, Hash, Same> shelves_;
  std::vector<std::unique_ptr<ResponseHead>>
      heads_;                     // for the next answers: those of the last ones, still in the caches
  std::size_t private_idle_ = 0;  // those of one client alone
  std::unordered_map<OriginTo, Known, Hash> known_;
  std::unique_ptr<Sweeper> sweeper_;
  std::vector<h2::OriginSession*> h2_;  // open ones; they own themselves
  std::vector<Opening*> openings_;
  bool retired_ = false;
};

}  // namespace genkan::http
