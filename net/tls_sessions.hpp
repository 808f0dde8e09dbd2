// Sessions of one server under one TlsClient, to be resumed: a handshake then costs no signature. One loop's. A session
// of TLS 1.3 is used once (RFC 8446 C.4), one of TLS 1.2 until it ends.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

struct ssl_session_st;  // OpenSSL's SSL_SESSION

namespace genkan::net {

class TlsSessions {
 public:
  static constexpr std::size_t kMost = 8;  // the newest; servers give two or so with each handshake

  TlsSessions() = default;
  void put(::ssl_session_st* session);  // takes it
  struct Free {
    void operator()(::ssl_session_st* session) const noexcept;
  };
  using Session = std::unique_ptr<::ssl_session_st, Free>;
  Session take();  // null: there is none
  std::size_t size() const noexcept { return sessions_.size(); }

 private:
  std::vector<Session> sessions_;
};

}  // namespace genkan::net
