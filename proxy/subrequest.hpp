// A request of our own that goes through a handler beside the client's: to ask for permission, or as a shadow. It owns
// all its text, so it may outlive the client's request.
#pragma once

#include <memory>
#include <string>

#include "http/handler.hpp"
#include "net/block.hpp"
#include "net/wheel.hpp"

namespace genkan::proxy {

class Subrequest final : private http::Informer, private net::Timer {
 public:
  // A copy of what the rules see of `original`, without content. The configuration is kept alive.
  explicit Subrequest(const http::Request& original);
  ~Subrequest();
  Subrequest(const Subrequest&) = delete;

  void set_target(std::string path, std::string query, bool has_query);
  void set_method(http::Method method, std::string text);
  // Content from memory.
  void set_content(std::string content);
  http::Request& request() noexcept { return request_; }
  // Ends it: what handlers left with the request hears how it went.
  void finish(int status, bool complete) noexcept;
  // The client of the original went away: whoever waits hears of it. `informer` must outlive this.
  void follow(http::Informer* informer) noexcept { outer_ = informer; }
  // Without a client: it is given up then.
  void expire_at(Time due) noexcept;
  void give_up() noexcept { on_timer(); }

 private:
  net::Task<Result<void>> inform(const http::ResponseHead& head) override;
  void on_gone(GoneListener* listener) noexcept override;
  bool gone() const noexcept override { return expired_ || (outer_ && outer_->gone()); }
  void on_timer() noexcept override;

  http::Informer* outer_ = nullptr;
  GoneListener* listener_ = nullptr;
  bool expired_ = false;
  http::Request request_;
  base::Endpoint client_, local_;
  std::string client_text_, method_, path_, query_, host_, authority_, scheme_, route_, target_;
  http::BodyPtr content_;
  std::size_t own_bytes_ = 0;
  net::HeldBytes held_;
};

}  // namespace genkan::proxy
