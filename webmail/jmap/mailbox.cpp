// Mailbox/get, /query, /set (RFC 8621 section 2).
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "webmail/jmap/method.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr std::string_view kProperties[] = {"id",          "name",         "parentId",     "role",          "sortOrder",
                                            "totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights",
                                            "isSubscribed"};

bool known_property(std::string_view name) {
  return std::find(std::begin(kProperties), std::end(kProperties), name) != std::end(kProperties);
}

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

json::object rights(const Mailbox& box) {
  const bool own = box.role.empty();
  return {{"mayReadItems", true}, {"mayAddItems", true},    {"mayRemoveItems", true},
          {"maySetSeen", true},   {"maySetKeywords", true}, {"mayCreateChild", box.role != "inbox"},
          {"mayRename", own},     {"mayDelete", own},       {"maySubmit", true}};
}

json::object to_json(const Mailbox& box, const GetArgs& args) {
  json::object all{{"id", box.id},
                   {"name", box.name},
                   {"parentId", or_null(box.parent_id)},
                   {"role", or_null(box.role)},
                   {"sortOrder", box.sort_order},
                   {"totalEmails", box.total_emails},
                   {"unreadEmails", box.unread_emails},
                   {"totalThreads", box.total_threads},
                   {"unreadThreads", box.unread_threads},
                   {"myRights", rights(box)},
                   {"isSubscribed", box.subscribed}};
  if (!args.properties) return all;
  json::object out;
  for (auto& [key, value] : all) {
    if (args.wants(std::string_view(key.data(), key.size()))) out[key] = std::move(value);
  }
  return out;
}

bool wants_counts(const GetArgs& args) {
  return args.wants("totalEmails") || args.wants("unreadEmails") || args.wants("totalThreads") ||
         args.wants("unreadThreads");
}

}  // namespace

void mailbox_get(Call& call) {
  GetArgs args;
  if (!read_get(call, args)) return;
  for (const auto& p : args.properties.value_or(std::vector<std::string>())) {
    if (!known_property(p)) return call.fail("invalidArguments", "unknown property " + p.substr(0, 100));
  }
  auto all = call.context.store.mailboxes(wants_counts(args));
  if (!all) return call.fail(all.error());
  auto state = call.context.store.state(Kind::mailbox);
  if (!state) return call.fail(state.error());
  json::array list, missing;
  if (args.all) {
    for (const auto& box : *all) list.push_back(to_json(box, args));
  }
  for (const auto& id : args.ids) {
    const auto box = std::find_if(all->begin(), all->end(), [&](const Mailbox& b) { return b.id == id; });
    if (box == all->end()) {
      missing.push_back(json::value(id));
    } else {
      list.push_back(to_json(*box, args));
    }
  }
  call.respond(get_response(call, *state, std::move(list), std::move(missing)));
}

namespace {

// One condition or an operator over some. False in `good`: no filter of RFC 8621 2.3.
bool matches(const Mailbox& box, const json::object& filter, int depth, bool& good) {
  if (depth > 8) good = false;
  if (!good) return false;
  if (const auto* operation = filter.if_contains("operator")) {
    const auto* conditions = filter.if_contains("conditions");
    const auto name = to_text(*operation);
    good = conditions && conditions->is_array() && (name == "AND" || name == "OR" || name == "NOT");
    if (!good) return false;
    bool all = true, any = false;
    for (const auto& c : conditions->get_array()) {
      good = good && c.is_object();
      const bool one = good && matches(box, c.get_object(), depth + 1, good);
      all = all && one;
      any = any || one;
    }
    return name == "AND" ? all : name == "OR" ? any : !any;
  }
  bool result = true;
  for (const auto& [key, value] : filter) {
    const std::string_view name(key.data(), key.size());
    const bool text = value.is_string() || value.is_null();
    if (name == "parentId" && text) {
      result = result && box.parent_id == to_text(value);
    } else if (name == "name" && value.is_string()) {
      result =
          result && mime::fold_for_search(box.name).find(mime::fold_for_search(to_text(value))) != std::string::npos;
    } else if (name == "role" && text) {
      result = result && box.role == to_text(value);
    } else if (name == "hasAnyRole" && value.is_bool()) {
      result = result && value.get_bool() == !box.role.empty();
    } else if (name == "isSubscribed" && value.is_bool()) {
      result = result && value.get_bool() == box.subscribed;
    } else {
      good = false;
    }
  }
  return result;
}

struct SortKey {
  bool by_name = false, ascending = true;
};

bool read_sort(const json::array* sort, std::vector<SortKey>& out) {
  if (!sort) return true;
  for (const auto& item : *sort) {
    const auto* object = item.if_object();
    const auto* property = object ? object->if_contains("property") : nullptr;
    if (!property) return false;
    const auto name = to_text(*property);
    if (name != "name" && name != "sortOrder") return false;
    const auto* ascending = object->if_contains("isAscending");
    out.push_back({name == "name", !ascending || !ascending->is_bool() || ascending->get_bool()});
  }
  return true;
}

void sort_boxes(std::vector<Mailbox>& boxes, const std::vector<SortKey>& keys) {
  std::stable_sort(boxes.begin(), boxes.end(), [&](const Mailbox& a, const Mailbox& b) {
    for (const auto& key : keys) {
      const auto x = mime::fold_for_search(a.name), y = mime::fold_for_search(b.name);
      const int order = key.by_name ? x.compare(y) : a.sort_order < b.sort_order ? -1 : a.sort_order > b.sort_order;
      if (order != 0) return key.ascending ? order < 0 : order > 0;
    }
    return false;
  });
}

}  // namespace

void mailbox_query(Call& call) {
  if (!call.check({"filter", "sort", "position", "anchor", "anchorOffset", "limit", "calculateTotal", "sortAsTree",
                   "filterAsTree"})) {
    return;
  }
  bool bad = false;
  const auto* filter = call.object("filter", bad);
  const auto* sort = call.array("sort", bad);
  const auto anchor = call.text("anchor", bad);
  const auto offset = call.integer("anchorOffset", bad).value_or(0);
  auto position = call.integer("position", bad).value_or(0);
  const auto limit = call.integer("limit", bad);
  const bool total = call.boolean("calculateTotal", false, bad);
  if (bad || (limit && *limit < 0)) return call.fail("invalidArguments", "an argument has the wrong type");
  std::vector<SortKey> keys;
  if (!read_sort(sort, keys)) return call.fail("unsupportedSort");
  auto all = call.context.store.mailboxes(false);
  if (!all) return call.fail(all.error());
  bool good = true;
  std::vector<Mailbox> found;
  for (auto& box : *all) {
    if (!filter || matches(box, *filter, 0, good)) found.push_back(box);
  }
  if (!good) return call.fail("unsupportedFilter");
  sort_boxes(found, keys);
  const auto count = static_cast<std::int64_t>(found.size());
  if (position < 0) position = std::max<std::int64_t>(0, count + position);
  if (anchor) {
    const auto at = std::find_if(found.begin(), found.end(), [&](const Mailbox& b) { return b.id == *anchor; });
    if (at == found.end()) return call.fail("anchorNotFound");
    position = std::max<std::int64_t>(0, at - found.begin() + offset);
  }
  json::array ids;
  for (auto i = position; i < count && (!limit || i - position < *limit); ++i) {
    ids.push_back(json::value(found[static_cast<std::size_t>(i)].id));
  }
  auto state = call.context.store.state(Kind::mailbox);
  if (!state) return call.fail(state.error());
  json::object out{{"accountId", call.context.user.account_id},
                   {"queryState", *state},
                   {"canCalculateChanges", false},
                   {"position", position},
                   {"ids", std::move(ids)}};
  if (total) out["total"] = count;
  call.respond(std::move(out));
}

namespace {

struct Wanted {
  std::string name, parent;
  std::int64_t sort_order = 0;
  bool subscribed = false;
};

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= 200 && base::trim(name).size() == name.size() &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Applies the client's properties; returns those that are wrong.
std::vector<std::string> read_wanted(Call& call, const json::object& object, Wanted& out) {
  std::vector<std::string> wrong;
  for (const auto& [key, value] : object) {
    const std::string name(key.data(), key.size());
    bool good = false;
    if (name == "name") {
      out.name = mime::normalize_nfc(to_text(value));
      good = value.is_string() && valid_name(out.name);
    } else if (name == "parentId") {
      const auto id = value.is_null() ? std::string() : call.resolve(to_text(value));
      good = (value.is_null() || value.is_string()) && id.has_value();
      out.parent = id.value_or("");
    } else if (name == "sortOrder") {
      const auto* n = value.if_int64();
      good = n && *n >= 0 && *n < (1LL << 31);
      out.sort_order = n ? *n : 0;
    } else if (name == "isSubscribed") {
      good = value.is_bool();
      out.subscribed = good && value.get_bool();
    } else if (name == "role") {
      good = value.is_null();
    }
    if (!good) wrong.push_back(name);
  }
  return wrong;
}

// RFC 8620 5.4: a duplicate is named.
json::object exists_already(Call& call, const Wanted& wanted) {
  auto error = set_error("alreadyExists", "a mailbox of that name exists");
  const auto all = call.context.store.mailboxes(false);
  if (!all) return error;
  const auto folded = mime::fold_for_search(wanted.name);
  for (const auto& box : *all) {
    if (box.parent_id == wanted.parent && mime::fold_for_search(box.name) == folded) error["existingId"] = box.id;
  }
  return error;
}

json::object mailbox_error(Call& call, const Wanted& wanted, const Error& error) {
  if (error == Errc::conflict) return exists_already(call, wanted);
  if (error == Errc::not_found) return set_error("invalidProperties", "no such parent", {"parentId"});
  if (error == Errc::refused) return set_error("forbidden", "this mailbox can't have that place or name");
  if (error == Errc::too_large) return set_error("invalidProperties", "the name is too long", {"name"});
  return set_error(error);
}

SetOutcome create_box(Call& call, const json::object& object) {
  Wanted wanted{"", "", 100, true};
  const auto wrong = read_wanted(call, object, wanted);
  if (!wrong.empty()) return SetOutcome::bad(set_error("invalidProperties", "", wrong));
  if (wanted.name.empty()) return SetOutcome::bad(set_error("invalidProperties", "name is missing", {"name"}));
  auto box = call.context.store.create_mailbox(wanted.name, wanted.parent, wanted.sort_order, wanted.subscribed);
  if (!box) return SetOutcome::bad(mailbox_error(call, wanted, box.error()));
  auto out = to_json(*box, {});
  for (const auto& [key, value] : object) out.erase(key);
  return SetOutcome::good(std::move(out));
}

SetOutcome update_box(Call& call, const std::string& id, const json::object& patch) {
  auto all = call.context.store.mailboxes(false);
  if (!all) return SetOutcome::bad(set_error(all.error()));
  const auto box = std::find_if(all->begin(), all->end(), [&](const Mailbox& b) { return b.id == id; });
  if (box == all->end()) return SetOutcome::bad(set_error("notFound"));
  json::object changes;
  for (const auto& [key, value] : patch) {
    // Saying what is so already is no change.
    const std::string_view name(key.data(), key.size());
    const bool same = (name == "id" && to_text(value) == id) || (name == "role" && to_text(value) == box->role);
    if (!same) changes[key] = value;
  }
  Wanted wanted{box->name, box->parent_id, box->sort_order, box->subscribed};
  const auto wrong = read_wanted(call, changes, wanted);
  if (!wrong.empty()) return SetOutcome::bad(set_error("invalidProperties", "", wrong));
  auto r = call.context.store.change_mailbox(id, wanted.name, wanted.parent, wanted.sort_order, wanted.subscribed);
  if (!r) return SetOutcome::bad(mailbox_error(call, wanted, r.error()));
  return SetOutcome::good();
}

SetOutcome destroy_box(Call& call, const std::string& id) {
  bool bad = false;
  const bool remove = call.boolean("onDestroyRemoveEmails", false, bad);
  auto r = call.context.store.destroy_mailbox(id, remove);
  if (r) return SetOutcome::good();
  if (r.error() == Errc::conflict) return SetOutcome::bad(set_error("mailboxHasChild"));
  if (r.error() == Errc::exhausted) return SetOutcome::bad(set_error("mailboxHasEmail"));
  if (r.error() == Errc::refused) return SetOutcome::bad(set_error("forbidden", "it has a role"));
  return SetOutcome::bad(set_error(r.error()));
}

}  // namespace

void mailbox_set(Call& call) {
  if (!call.check({"ifInState", "create", "update", "destroy", "onDestroyRemoveEmails"})) return;
  bool bad = false;
  call.boolean("onDestroyRemoveEmails", false, bad);
  if (bad) return call.fail("invalidArguments", "onDestroyRemoveEmails is no boolean");
  json::object out;
  if (run_set(call, Kind::mailbox, {create_box, update_box, destroy_box}, out)) call.respond(std::move(out));
}

}  // namespace genkan::webmail::jmap
