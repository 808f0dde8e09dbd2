#include "webmail/events.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace genkan::webmail {

namespace {

constexpr Duration kBeat = std::chrono::seconds(1);           // other programs may change the Maildir
constexpr Duration kGlance = std::chrono::milliseconds(100);  // whether delivery said that there is mail
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

// The first line is said only when it is known how things stood then: what changes after it is told.
bool EventBody::poll(Result<http::Chunk>&) { return false; }

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
    const auto delivered = setup_.share.delivered();
    auto job = [this] {
      auto states = setup_.service.states(setup_.who, setup_.types, unix_now());
      Seen seen;
      seen.over = !states.has_value();
      if (states) seen.states = std::move(*states);
      return seen;
    };
    auto seen = co_await setup_.pool.run(request_.loop, job);
    bool something = look(std::move(seen));
    if (!started_) {
      started_ = true;
      text_ = something ? ": open\n\n" + text_ : ": open\n\n";
      something = true;
    }
    if (something && last_) co_return http::Chunk{text_, true};
    if (something) co_return http::Chunk{text_, false};
    const Time next = request_.loop.now() + kBeat;
    while (request_.loop.now() < next && setup_.share.delivered() == delivered)
      co_await net::sleep_for(request_.loop, kGlance);
  }
}

}  // namespace genkan::webmail
