#include "smtp/operate/queue_actions.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "cluster/flat_json.hpp"
#include "smtp/operate/queue_filter.hpp"

namespace genkan::smtp {
namespace {

using cluster::JsonObject;
using Arguments = QueueArguments;

constexpr std::size_t kListDefault = 100, kListMax = 1000;
constexpr std::size_t kMaxDestinations = 1000;  // shown; a public relay may have many
constexpr std::size_t kChangeMax = 10'000;      // items that one call holds, releases or deletes

std::string array_of(const std::vector<std::string>& rows) {
  std::string out = "[";
  for (const auto& row : rows) {
    if (out.size() > 1) out += ',';
    out += row;
  }
  return out + "]";
}

template <class Array>
std::string numbers(const Array& values) {
  std::vector<std::string> texts;
  for (const auto value : values) texts.push_back(std::to_string(value));
  return array_of(texts);
}

std::string time_text(std::int64_t seconds) { return base::rfc3339(WallTime(std::chrono::seconds(seconds))); }

std::string_view status_text(RecipientStatus status) {
  switch (status) {
    case RecipientStatus::pending:
      return "pending";
    case RecipientStatus::delivered:
      return "delivered";
    case RecipientStatus::failed:
      return "failed";
  }
  return "";
}

std::string recipients_json(const LoadedItem& item) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < item.meta().recipients.size(); ++i) {
    JsonObject row;
    row.text("address", item.meta().recipients[i].address);
    row.text("status", status_text(item.state.recipients[i].status));
    row.text("reply", item.state.recipients[i].reply);
    rows.push_back(std::move(row).done());
  }
  return array_of(rows);
}

std::string item_json(const ItemInfo& info, const Spool& spool) {
  JsonObject row;
  row.text("id", id_text(info.id));
  row.text("destination", info.destination);
  row.text("state", state_of(info));
  row.text("arrived", time_text(info.arrival_s));
  if (info.attempts != 0) row.text("next", time_text(info.next_s));
  row.number("attempts", info.attempts);
  row.number("size", info.size);
  if (const auto item = spool.load(info.id, false)) {
    row.text("sender", item->message->meta.envelope.sender);
    row.text("client", item->message->meta.origin.ip);
    row.raw("recipients", recipients_json(*item));
  }
  return std::move(row).done();
}

std::string queue_json(const Shared& shared) {
  struct Sum {
    std::uint64_t depth = 0, carriers = 0;
    bool paused = true;
    std::string last_error;
    AgeCounts ages{};
  };
  std::map<std::string, Sum> sums;
  for (const auto& [name, ages] : shared.ages.last()) sums[name].ages = ages;
  for (const auto* dispatcher : shared.dispatchers) {
    for (const auto& lane : dispatcher->status()) {
      auto& sum = sums[lane.name];
      sum.depth += lane.depth;
      sum.carriers += lane.carriers;
      sum.paused = sum.paused && lane.paused;
      if (!lane.last_error.empty()) sum.last_error = lane.last_error;
    }
  }
  std::vector<std::string> rows;
  for (const auto& [name, sum] : sums) {
    if (rows.size() >= kMaxDestinations) break;
    JsonObject row;
    row.text("name", name).number("waiting", sum.depth).number("carriers", sum.carriers);
    row.boolean("paused", sum.paused).text("last_error", sum.last_error).raw("ages", numbers(sum.ages));
    rows.push_back(std::move(row).done());
  }
  std::int64_t oldest = 0;
  shared.spool.visit(0, [&](const ItemInfo& item) {
    oldest = wall_ms() / 1000 - item.arrival_s;
    return false;
  });
  const auto counts = shared.spool.counts();
  JsonObject out;
  out.number("depth", std::uint64_t{shared.spool.size()});
  out.number("oldest_seconds", oldest);
  out.number("bytes", counts.bytes).number("live_bytes", counts.live_bytes).number("room", shared.spool.room());
  out.number("segments", counts.segments).number("syncs", counts.syncs);
  out.number("accepted", counts.appended).number("finished", counts.finished);
  out.raw("age_minutes", numbers(kAgeBounds)).raw("destinations", array_of(rows));
  return std::move(out).done();
}

// The items that an action is about: one id, or what a filter selects, or with all=yes all.
Result<Selection> chosen(const Arguments& arguments, const Spool& spool, std::size_t limit, std::string& why) {
  Selection selection;
  if (const auto id = arguments.find("id"); id != arguments.end()) {
    const auto number = parse_id(id->second);
    ItemInfo info;
    if (!number || !spool.info(*number, info)) {
      why = "no such message in the queue: " + id->second;
      return Errc::not_found;
    }
    selection.items.push_back(std::move(info));
    return selection;
  }
  const auto filter = read_filter(arguments, why);
  if (!filter) return filter.error();
  const auto all = arguments.find("all");
  if (!filter->selects() && (all == arguments.end() || all->second != "yes")) {
    why = R"(say which: {"id": ...}, a filter such as {"destination": ...}, or {"all": "yes"})";
    return Errc::malformed;
  }
  return select_items(spool, *filter, limit, wall_ms() / 1000);
}

void put_cursor(const Selection& selection, JsonObject& out) {
  out.boolean("more", selection.more);
  if (selection.more) out.text("next", id_text(selection.last));
}

Result<std::string> list(const Arguments& arguments, const Shared& shared, std::string& why) {
  const auto found = arguments.find("limit");
  const auto wanted = found == arguments.end() ? std::nullopt : base::parse_uint(found->second);
  auto everything = arguments;
  everything.try_emplace("all", "yes");
  const auto limit = std::min<std::uint64_t>(kListMax, wanted.value_or(kListDefault));
  const auto selection = chosen(everything, shared.spool, limit, why);
  if (!selection) return selection.error();
  std::vector<std::string> rows;
  for (const auto& item : selection->items) rows.push_back(item_json(item, shared.spool));
  JsonObject out;
  out.raw("items", array_of(rows));
  put_cursor(*selection, out);
  return std::move(out).done();
}

Result<std::string> show(const Arguments& arguments, const Shared& shared, std::string& why) {
  const auto selection = chosen(arguments, shared.spool, 2, why);
  if (!selection) return selection.error();
  const auto& items = selection->items;
  if (items.size() != 1) {
    why = "say which message: {\"id\": ...}";
    return Errc::malformed;
  }
  const auto item = shared.spool.load(items.front().id, true);
  if (!item) {
    why = "the message cannot be read: " + item.error().message();
    return item.error();
  }
  const auto& body = item->message->body;
  const auto end = body.find("\r\n\r\n");
  JsonObject out;
  out.raw("item", item_json(items.front(), shared.spool));
  out.text("header", std::string_view(body).substr(0, std::min<std::size_t>(end, 16 * 1024)));
  return std::move(out).done();
}

enum class Change { retry, hold, release, remove, bounce };

bool change_one(const ItemInfo& info, Change change, Shared& shared) {
  const auto now = wall_ms();
  if (change == Change::remove) {
    shared.spool.finish(info.id);
    shared.telemetry.log.notice("mail deleted by an operator", {{"id", id_text(info.id)}});
    shared.mail_log->write("deleted", {{"id", id_text(info.id)}, {"destination", info.destination}});
    return true;
  }
  if (change == Change::bounce) {
    auto* dispatcher = shared.dispatchers[Dispatcher::owner(info.id, shared)];
    dispatcher->loop().post([dispatcher, id = info.id] { dispatcher->bounce_item(id); });
    return true;
  }
  if (change == Change::retry) {
    if (info.held) return false;
    shared.spool.set_next(info.id, now);
    Dispatcher::reschedule(shared, info.id, info.destination, 0);
    return true;
  }
  const bool hold = change == Change::hold;
  if (info.held == hold) return false;
  auto item = shared.spool.load(info.id, false);
  if (!item) return false;
  item->state.held = hold;
  if (!hold) item->state.next_ms = now;
  shared.spool.update(item->state);
  if (!hold) Dispatcher::reschedule(shared, info.id, info.destination, 0);
  return true;
}

Result<std::string> change(const Arguments& arguments, Change kind, Shared& shared, std::string& why) {
  const auto selection = chosen(arguments, shared.spool, kChangeMax, why);
  if (!selection) return selection.error();
  std::uint64_t count = 0;
  for (const auto& item : selection->items) count += change_one(item, kind, shared) ? 1 : 0;
  JsonObject out;
  out.number("changed", count);
  put_cursor(*selection, out);
  return std::move(out).done();
}

template <class F>
base::StatusBoard::Action with_arguments(F run) {
  return [run](std::string_view json, std::string& why) -> Result<std::string> {
    const auto arguments = cluster::read_flat_json(json.empty() ? std::string_view("{}") : json);
    if (!arguments) {
      why = "not an object of strings";
      return Errc::malformed;
    }
    return run(*arguments, why);
  };
}

}  // namespace

void register_queue(base::StatusBoard& board, Shared& shared) {
  board.add_section("queue", [&shared] { return queue_json(shared); });
  board.add_action("queue_list", with_arguments([&shared](const Arguments& arguments, std::string& why) {
                     return list(arguments, shared, why);
                   }));
  board.add_action("queue_show", with_arguments([&shared](const Arguments& arguments, std::string& why) {
                     return show(arguments, shared, why);
                   }));
  const auto add = [&](const char* name, Change kind) {
    board.add_action(name, with_arguments([&shared, kind](const Arguments& arguments, std::string& why) {
                       return change(arguments, kind, shared, why);
                     }));
  };
  add("queue_retry", Change::retry);
  add("queue_hold", Change::hold);
  add("queue_release", Change::release);
  add("queue_delete", Change::remove);
  add("queue_bounce", Change::bounce);
}

void unregister_queue(base::StatusBoard& board) {
  for (const auto* name : {"queue", "queue_list", "queue_show", "queue_retry", "queue_hold", "queue_release",
                           "queue_delete", "queue_bounce"}) {
    board.remove(name);
  }
}

}  // namespace genkan::smtp
