// `genkan status` and `genkan queue ...`: what a running genkan says of itself, for a terminal or as JSON.
#include <sysexits.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <cstdio>

#include "app/admin_client.hpp"
#include "app/commands.hpp"
#include "base/text.hpp"
#include "conf/reader.hpp"

namespace genkan::app {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  if (!v || v->is_null()) return "-";
  return v->is_string() ? std::string(v->get_string()) : json::serialize(*v);
}

double number_of(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  if (!v || !v->is_number()) return 0;
  return v->to_number<double>();
}

const json::array* array_of(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v ? v->if_array() : nullptr;
}

// Colours say nothing that the words do not.
std::string coloured(const std::string& state) {
  if (!::isatty(STDOUT_FILENO)) return state;
  const bool good = state == "up" || state == "yes";
  return (good ? "\033[32m" : "\033[31m") + state + "\033[0m";
}

void print_pools(const json::object& all) {
  const json::array* pools = array_of(all, "pools");
  if (!pools || pools->empty()) return;
  std::printf("\n%-16s %-24s %-12s %9s %8s %9s %9s  %s\n", "POOL", "BACKEND", "STATE", "IN FLIGHT", "REQ/S", "P50 MS",
              "P99 MS", "WHY");
  for (const auto& pool : *pools) {
    const json::array* backends = array_of(pool.as_object(), "backends");
    if (!backends) continue;
    for (const auto& row : *backends) {
      const json::object& b = row.as_object();
      const std::string state = text_of(b, "state");
      std::printf("%-16s %-24s %s%*s %9.0f %8.1f %9.2f %9.2f  %s\n", text_of(pool.as_object(), "name").c_str(),
                  text_of(b, "name").c_str(), coloured(state).c_str(),
                  static_cast<int>(state.size() < 12 ? 12 - state.size() : 0), "", number_of(b, "inflight"),
                  number_of(b, "requests_per_second"), number_of(b, "p50_ms"), number_of(b, "p99_ms"),
                  text_of(b, "reason").c_str());
    }
  }
}

void print_nodes(const json::object& all) {
  const json::array* nodes = array_of(all, "nodes");
  if (!nodes || nodes->empty()) return;
  std::printf("\n%-20s %8s %8s %10s\n", "NODE", "AGE S", "LOAD", "CPU IDLE %");
  for (const auto& row : *nodes) {
    const json::object& n = row.as_object();
    std::printf("%-20s %8.1f %8.2f %10.0f\n", text_of(n, "name").c_str(), number_of(n, "age_seconds"),
                number_of(n, "load"), number_of(n, "cpu_idle") * 100);
  }
}

void print_status(const json::object& all) {
  const json::value* is_ready = all.if_contains("ready");
  const bool ready = is_ready && is_ready->is_bool() && is_ready->get_bool();
  std::printf("genkan %s on %s, up %.0f s, ready: %s %s\n", text_of(all, "version").c_str(),
              text_of(all, "node").c_str(), number_of(all, "uptime_seconds"), coloured(ready ? "yes" : "no").c_str(),
              ready ? "" : text_of(all, "ready_why").c_str());
  print_nodes(all);
  print_pools(all);
  if (const json::value* queue = all.if_contains("queue"); queue && queue->is_object()) {
    const json::object& q = queue->get_object();
    std::printf("\nMail: %.0f waiting, the oldest for %.0f s\n", number_of(q, "depth"), number_of(q, "oldest_seconds"));
  }
}

void print_queue(const json::object& answer) {
  const json::array* items = array_of(answer, "items");
  if (!items) return;
  for (const auto& row : *items) {
    const json::object& item = row.as_object();
    std::printf("%-18s %-8s %8.0f  %-24s <%s>\n", text_of(item, "id").c_str(), text_of(item, "state").c_str(),
                number_of(item, "size"), text_of(item, "arrived").c_str(), text_of(item, "sender").c_str());
    const json::array* recipients = array_of(item, "recipients");
    if (!recipients) continue;
    for (const auto& r : *recipients) {
      std::printf("    <%s> %s %s\n", text_of(r.as_object(), "address").c_str(),
                  text_of(r.as_object(), "status").c_str(), text_of(r.as_object(), "reply").c_str());
    }
  }
  if (const json::value* more = answer.if_contains("more"); more && more->is_bool() && more->get_bool())
    std::puts("... more");
  if (items->empty()) std::puts("The queue is empty.");
}

// As Postfix's qshape: a row for each destination, a column for each age.
void print_shape(const json::object& queue) {
  const json::array* bounds = array_of(queue, "age_minutes");
  const json::array* rows = array_of(queue, "destinations");
  if (!bounds || !rows) return;
  std::printf("%-32s %8s", "destination (minutes)", "total");
  for (const auto& bound : *bounds) std::printf(" %6lld", static_cast<long long>(bound.as_int64()));
  std::puts("   more");
  for (const auto& row : *rows) {
    const json::object& one = row.as_object();
    const json::array* ages = array_of(one, "ages");
    if (!ages) continue;
    std::int64_t total = 0;
    for (const auto& n : *ages) total += n.to_number<std::int64_t>();
    std::printf("%-32s %8lld", text_of(one, "name").c_str(), static_cast<long long>(total));
    for (const auto& n : *ages) std::printf(" %6lld", static_cast<long long>(n.to_number<std::int64_t>()));
    std::puts("");
  }
}

// A call changes a part of a huge queue only and says where to go on.
int change_queue(const std::string& file, const std::string& verb, json::object arguments, bool as_json) {
  double changed = 0;
  for (;;) {
    int status = EX_OK;
    const auto value = fetch(file, "POST", "/api/v1/actions/queue_" + verb, json::serialize(arguments), status);
    if (!value) return status;
    const json::object& answer = value->get_object();
    changed += number_of(answer, "changed");
    const json::value* more = answer.if_contains("more");
    if (!more || !more->is_bool() || !more->get_bool()) break;
    arguments["after"] = text_of(answer, "next");
  }
  std::printf(as_json ? "{\"changed\":%.0f}\n" : "%.0f changed\n", changed);
  return EX_OK;
}

}  // namespace

int command_status(const std::string& file, bool as_json) {
  int status = EX_OK;
  const auto value = fetch(file, "GET", "/api/v1/status", "", status);
  if (!value) return status;
  if (as_json) {
    std::printf("%s\n", json::serialize(*value).c_str());
  } else {
    print_status(value->get_object());
  }
  return EX_OK;
}

int command_queue_shape(const std::string& file, bool as_json) {
  int status = EX_OK;
  const auto value = fetch(file, "GET", "/api/v1/queue", "", status);
  if (!value) return status;
  if (as_json) {
    std::printf("%s\n", json::serialize(*value).c_str());
  } else {
    print_shape(value->get_object());
  }
  return EX_OK;
}

int command_queue(const std::string& file, const std::string& verb, const QueueFilter& filter, bool as_json) {
  json::object arguments;
  const auto say_which = [&](const char* name, const std::string& text) {
    if (!text.empty()) arguments[name] = text;
  };
  say_which("id", filter.id);
  say_which("destination", filter.destination);
  say_which("sender", filter.sender);
  say_which("recipient", filter.recipient);
  say_which("state", filter.state);
  say_which("older", filter.older);
  if (filter.all) arguments["all"] = "yes";
  if (verb != "list" && verb != "show") return change_queue(file, verb, std::move(arguments), as_json);
  int status = EX_OK;
  const auto value = fetch(file, "POST", "/api/v1/actions/queue_" + verb, json::serialize(arguments), status);
  if (!value) return status;
  if (as_json) {
    std::printf("%s\n", json::serialize(*value).c_str());
  } else if (verb == "list") {
    print_queue(value->get_object());
  } else if (verb == "show") {
    const json::object& o = value->get_object();
    std::printf("%s\n\n%s\n", json::serialize(o.at("item")).c_str(), text_of(o, "header").c_str());
  }
  return EX_OK;
}

}  // namespace genkan::app
