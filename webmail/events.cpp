#include "webmail/events.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace genkan::webmail {

namespace {

constexpr Duration kBeat = std::chrono::seconds(1);
constexpr Duration kQuiet = std::chrono::seconds(20);  // a comment at least so often: finds out that the client left

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(WallClock::now().time_since_epoch()).count();
}

std::string id_of(const std::string& states) {
  const auto digest = base::sha256(states);
  return base::base64url({reinterpret_cast<const char*>(digest.data()), 12});
}

}  // namespace

EventBody::EventBody(http::Request& request, Setup setup)
    : request_(request), setup_(std::move(setup)), last_id_(setup_.last_id), next_ping_(request.loop.now()) {
  next_ping_ += setup_.ping.count() > 0 ? Duration(setup_.ping) : kQuiet;
}

// A first line at once, so that the client knows that the stream is open.
bool EventBody::poll(Result<http::Chunk>& out) {
  if (started_) return false;
  started_ = true;
  text_ = ": open\n\n";
  out = http::Chunk{text_, false};
  return true;
}

bool EventBody::ended() const {
  std::string why;
  return (request_.informer && request_.informer->gone()) || !setup_.telemetry.status.ready(why);
}

bool EventBody::look(Result<Seen> seen) {
  text_.clear();
  if (!seen) return false;  // the pool is full: look again
  if (seen->over) {
    last_ = true;
    return true;
  }
  const auto id = id_of(seen->states);
  const bool changed = !last_id_.empty() && id != last_id_;
  last_id_ = id;
  if (changed) {
    text_ = "event: state\nid: " + id + "\ndata: " + seen->states + "\n\n";
    last_ = setup_.close_after_state;
    return true;
  }
  const Time now = request_.loop.now();
  if (now < next_ping_) return false;
  const auto seconds = setup_.ping.count();
  text_ = seconds > 0 ? "event: ping\ndata: {\"interval\":" + std::to_string(seconds) + "}\n\n" : ": quiet\n\n";
  next_ping_ = now + (seconds > 0 ? Duration(setup_.ping) : kQuiet);
  return true;
}

net::Task<Result<http::Chunk>> EventBody::fetch() {
  for (;;) {
    if (last_ || ended()) co_return http::Chunk{{}, true};
    auto job = [this] {
      auto states = setup_.service.states(setup_.who, setup_.types, unix_now());
      Seen seen;
      seen.over = !states.has_value();
      if (states) seen.states = std::move(*states);
      return seen;
    };
    auto seen = co_await setup_.pool.run(request_.loop, job);
    const bool something = look(std::move(seen));
    if (something && last_) co_return http::Chunk{text_, true};
    if (something) co_return http::Chunk{text_, false};
    co_await net::sleep_for(request_.loop, kBeat);
  }
}

}  // namespace genkan::webmail
