#include "vip/view.hpp"

#include "base/text.hpp"

namespace genkan::vip {
namespace {

std::string json_text(std::string_view text) { return base::json_quote(text); }

std::string transitions_json(const View::Router& router) {
  std::string out = "[";
  for (auto moved = router.history.rbegin(); moved != router.history.rend(); ++moved) {
    if (out.size() > 1) out += ',';
    out += "{\"at\":" + json_text(base::rfc3339(moved->at)) + ",\"from\":" + json_text(name_of(moved->what.from)) +
           ",\"to\":" + json_text(name_of(moved->what.to)) + ",\"reason\":" + json_text(name_of(moved->what.reason)) +
           '}';
  }
  return out + ']';
}

std::string adverts_json(const RouterMessage& report) {
  std::string out = "{\"sent\":" + std::to_string(report.sent) + ",\"received\":" + std::to_string(report.received) +
                    ",\"send_errors\":" + std::to_string(report.send_errors) + ",\"dropped\":{";
  bool first = true;
  for (std::size_t i = 1; i < report.dropped.size(); ++i) {
    if (report.dropped[i] == 0) continue;
    if (!first) out += ',';
    first = false;
    out += json_text(name_of(static_cast<Drop>(i))) + ':' + std::to_string(report.dropped[i]);
  }
  return out + "}}";
}

std::string active_json(const RouterMessage& report) {
  const base::IpAddress peer{report.active_peer};
  if (report.active_priority == 0) return "null";
  return "{\"address\":" + json_text(peer.text()) + ",\"priority\":" + std::to_string(report.active_priority) +
         ",\"interval_ms\":" + std::to_string(report.active_interval * 10) + '}';
}

std::string router_json(const View::Router& router, bool alive, bool lost) {
  const auto& o = router.options;
  const auto& r = router.last;
  std::string out = "{\"name\":" + json_text(o.name);
  out += ",\"address\":" + json_text(o.address.text()) + ",\"interface\":" + json_text(o.interface);
  out += ",\"vrid\":" + std::to_string(o.vrid);
  out += ",\"state\":" + json_text(lost ? "lost" : name_of(r.state));
  out += ",\"usable\":" + std::string(alive && r.usable != 0 ? "true" : "false");
  out += ",\"priority\":" + std::to_string(r.priority) + ",\"configured_priority\":" + std::to_string(o.priority);
  out += ",\"interval_ms\":" + std::to_string(o.interval * 10);
  out += ",\"preempt\":" + std::string(o.preempt ? "true" : "false");
  out += ",\"checksum\":" + json_text(name_of(r.checksum));
  out += ",\"held_on\":" + json_text(r.on_tun != 0 ? "tun" : "interface");
  out += ",\"last_active_peer\":" + active_json(r) + ",\"adverts\":" + adverts_json(r);
  out += ",\"transition_count\":" + std::to_string(router.transitions);
  return out + ",\"transitions\":" + transitions_json(router) + '}';
}

}  // namespace

void View::take(const TransitionMessage& message) {
  if (message.index >= routers.size()) return;
  auto& router = routers[message.index];
  ++router.transitions;
  router.last.state = message.to;
  const auto at = WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(message.wall_ns)));
  router.history.push_back({at, {message.from, message.to, message.reason}});
  if (router.history.size() > kKeptTransitions) router.history.pop_front();
}

void View::take(const RouterMessage& message) {
  if (message.index >= routers.size()) return;
  routers[message.index].last = message;
  routers[message.index].reported = true;
}

std::string View::json() const {
  std::string out = "{\"guardian\":{\"pid\":" + std::to_string(guardian_pid);
  out += ",\"alive\":" + std::string(alive ? "true" : "false");
  out += ",\"realtime\":" + std::string(realtime ? "true" : "false");
  out += ",\"memory_locked\":" + std::string(locked ? "true" : "false") + '}';
  out += ",\"service_level\":" + (level < 0 ? std::string("null") : std::to_string(level)) + ",\"routers\":[";
  for (std::size_t i = 0; i < routers.size(); ++i) {
    if (i > 0) out += ',';
    out += router_json(routers[i], alive, !alive && !planned);
  }
  return out + "]}";
}

}  // namespace genkan::vip
