// Handler: everything that answers a request is one, and a layer (access, cache, compression) is one that holds the
// next.
#pragma once

#include "http/message.hpp"
#include "net/task.hpp"

namespace genkan::http {

class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;  // a layer given a layer must wrap it, not copy it
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  // An error means that nothing sensible can be sent: the server answers 500 when nothing was sent, and logs it.
  // Expected failure (no backend, refused) is a Response. On the request's loop. The request outlives the returned
  // body.
  virtual net::Task<Result<Response>> handle(Request& request) = 0;
};

// Hears of each request once, after its last byte. On the request's loop.
class Observer {
 public:
  virtual void finished(const Request& request, const ResponseHead* head, const Outcome& outcome) noexcept = 0;

 protected:
  ~Observer() = default;
};

}  // namespace genkan::http
