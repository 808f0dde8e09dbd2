// Server-sent events of JMAP (RFC 8620 7.3): a body that looks once a second whether a state has changed,
// and within a tenth of one when local delivery brought mail.
#pragma once

#include <memory>
#include <string>

#include "base/telemetry.hpp"
#include "http/message.hpp"
#include "net/offload.hpp"
#include "webmail/service.hpp"

namespace genkan::webmail {

class EventBody final : public http::Body {
 public:
  struct Setup {
    net::Offload& pool;
    Service& service;
    base::Telemetry& telemetry;
    Identity who;
    Accounts::Share share;
    std::string types, last_id;
    bool close_after_state = false;
    std::chrono::seconds ping{0};  // 0: none
  };
  EventBody(http::Request& request, Setup setup);

  bool poll(Result<http::Chunk>& out) override;
  net::Task<Result<http::Chunk>> fetch() override;
  std::optional<std::uint64_t> length() const override { return {}; }

 private:
  struct Seen {
    bool over = false;  // logged out, or the mailbox can't be read
    std::string states;
  };
  // True: `text_` has something to send.
  bool look(Result<Seen> seen);
  bool ended() const;

  http::Request& request_;
  Setup setup_;
  std::string text_, last_id_;
  Time next_ping_;
  bool started_ = false, last_ = false;
};

}  // namespace genkan::webmail
