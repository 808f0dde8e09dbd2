// Request and response as handlers see them, whatever protocol carried them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "http/body.hpp"
#include "http/fields.hpp"

namespace genkan::net {
class Loop;
class TlsStream;
}  // namespace genkan::net

namespace genkan::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, patch, options, trace, connect, purge, other };
Method method_of(std::string_view text) noexcept;  // case-sensitive, RFC 9110 9.1
constexpr bool is_safe(Method m) noexcept {
  return m == Method::get || m == Method::head || m == Method::options || m == Method::trace;
}
constexpr bool is_idempotent(Method m) noexcept { return is_safe(m) || m == Method::put || m == Method::delete_; }

struct ResponseHead {
  int status = 0;
  std::string_view reason;  // as the origin sent it, or empty: ours
  int minor_version = 1;    // of the message as received
  int major_version = 1;    // likewise
  Fields fields;
};

// Small: moves through the chain of handlers cheaply. `head` belongs to the body (an origin's connection) or to the
// request (Request::reply); it lives until the body is released and the request ends.
struct Response {
  ResponseHead* head = nullptr;
  BodyPtr body;  // null: no content
};

// Sends an interim response (1xx) to the client, where the client may see one. Set by the server.
class Informer {
 public:
  virtual net::Task<Result<void>> inform(const ResponseHead& head) = 0;
  // Called once when the client goes away while its request is being handled. On the loop; must not end the request.
  struct GoneListener {
    virtual void on_client_gone() noexcept = 0;

   protected:
    ~GoneListener() = default;
  };
  virtual void on_gone(GoneListener* listener) noexcept = 0;
  virtual bool gone() const noexcept = 0;

 protected:
  ~Informer() = default;
};

// What happened to a request, once, after its last byte (or the failure).
struct Outcome {
  int status = 0;  // 499: the client left before a head was sent
  std::uint64_t body_bytes = 0;
  bool complete = false;        // the client got everything
  bool content_broken = false;  // not the client failed but the content that was being sent
  Error error;                  // why not
  Duration duration{};
};

// Something that a handler leaves with a request until the request has ended, in place, without an allocation.
// T has `void finished(const Outcome&) noexcept`; it is destroyed right after. One at a time: a new one replaces it.
class Attachment {
 public:
  Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment() { clear(); }

  template <class T>
  T& emplace(T value) {
    static_assert(sizeof(T) <= kSize);
    static_assert(alignof(T) <= alignof(std::max_align_t));
    clear();
    T* made = ::new (static_cast<void*>(store_)) T(std::move(value));
    end_ = [](void* at, const Outcome* outcome) noexcept {
      T* object = static_cast<T*>(at);
      if (outcome) object->finished(*outcome);
      object->~T();
    };
    return *made;
  }
  void finish(const Outcome& outcome) noexcept {
    if (end_) std::exchange(end_, nullptr)(store_, &outcome);
  }
  void clear() noexcept {
    if (end_) std::exchange(end_, nullptr)(store_, nullptr);
  }

 private:
  static constexpr std::size_t kSize = 96;
  void (*end_)(void*, const Outcome*) noexcept = nullptr;
  alignas(std::max_align_t) std::byte store_[kSize];
};

// Fields that a handler adds alike to every request of a connection, kept from one to the next.
struct UsualFields {
  std::uint64_t maker = 0;  // of the handler that made them
  int minor_version = 1;
  std::string authority;
  Fields fields;
};

// Filled by the server, refined by handlers on the way. One per request in flight; used again for the next one.
struct Request {
  explicit Request(net::Loop& l) : loop(l) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  net::Loop& loop;

  Method method = Method::get;
  std::string_view method_text;
  std::string_view target;  // as received
  std::string_view path;    // normalised, percent-encoding kept where it matters (http/target.hpp); rules see this
  std::string_view query;   // without '?', or empty
  bool has_query = false;
  std::string_view scheme;     // "http" or "https"
  std::string_view host;       // authority without port, lower case
  std::string_view authority;  // as received
  int minor_version = 1;       // of HTTP/1, or 1 for HTTP/2
  std::string_view protocol;   // "HTTP/1.1", "HTTP/2.0" for logs
  Fields fields;
  Body* body = nullptr;  // null: no content; owned by the server
  bool expects_continue = false;
  // A change of protocols that the client asks for and that is passed on (RFC 9110 7.8, RFC 8441), in lower case; or
  // empty. With it `tunnel`: the client's bytes once the answer is 101; the answer's body is then the origin's.
  std::string_view upgrade;
  Body* tunnel = nullptr;
  Informer* informer = nullptr;

  const base::Endpoint* client = nullptr;  // after a PROXY header: the real one
  std::string_view client_text;            // its address, or "unix"
  const base::Endpoint* local = nullptr;
  const net::TlsStream* tls = nullptr;  // null: plain
  bool early_data = false;              // it came before the handshake was over (0-RTT), and is served nonetheless
  Time started{};
  WallTime started_wall{};

  UsualFields* usual = nullptr;  // the connection's, all of whose requests are of one client; null: none are kept

  // The target to ask a backend for: what the rules saw, path and query.
  std::string_view origin_target();

  // A local answer: clears and returns the head that goes with this request.
  ResponseHead& reply_head(int status);
  Response reply(int status);  // no content
  Response reply(int status, std::string_view content_type, std::string text);
  bool is_own(const ResponseHead* head) const noexcept { return head == &reply_head_; }  // a local answer's

  // For the log and metrics, set by handlers; text lives as long as the configuration or the request.
  std::string_view route, backend, cache_result;
  int route_row = -1;       // of the table
  Duration accept_time{};   // from the accept to the handshake or the first byte; first request of a connection only
  Duration tls_time{};      // of the handshake; likewise
  Duration head_time{};     // from the head's first byte to its last
  Duration connect_time{};  // of all connections to backends that were opened for it
  Duration wait_time{};     // until a backend was chosen
  Duration backend_time{};  // until the origin's head was there
  int tries = 0;
  std::shared_ptr<const void> keep_alive;  // the configuration snapshot that the views above point into
  Attachment attachment;

 private:
  ResponseHead reply_head_;
  std::string target_store_;
};

std::string_view reason_phrase(int status) noexcept;  // RFC 9110 15; "Unknown" else

// A short page for people, in the client's format (HTML, or JSON when Accept asks for it).
Response error_page(Request& request, int status, std::string_view what);

}  // namespace genkan::http
