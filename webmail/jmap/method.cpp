// The parts that all methods share: arguments, errors, /get, /changes and /set frames (RFC 8620 sections 3.6, 5.1-5.3).
#include "webmail/jmap/method.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::webmail::jmap {

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }
std::string to_text(const json::value& value) {
  return value.is_string() ? std::string(view(value.get_string())) : std::string();
}
json::array to_array(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

std::string unescape_pointer(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out += escape && token[i + 1] == '0' ? '~' : escape && token[i + 1] == '1' ? '/' : token[i];
    if (escape && (token[i + 1] == '0' || token[i + 1] == '1')) ++i;
  }
  return out;
}

bool valid_keyword(std::string_view keyword) {
  return !keyword.empty() && keyword.size() <= 255 && std::all_of(keyword.begin(), keyword.end(), [](char c) {
    return c > 0x20 && c < 0x7F && std::string_view("(){]%*\"\\").find(c) == std::string_view::npos;
  });
}

void Call::respond(std::string_view name, json::object object) {
  responses_.push_back(json::array{name, std::move(object), id_});
}

void Call::fail(std::string_view type, std::string_view why) {
  json::object error{{"type", type}};
  if (!why.empty()) error["description"] = why;
  respond("error", std::move(error));
}

void Call::fail(const Error& error) {
  if (error == Errc::unavailable) return fail("serverUnavailable", "the mailbox is busy");
  fail("serverFail", "the mailbox can't be read or written: " + error.message());
}

bool Call::check(std::initializer_list<std::string_view> known) {
  const auto* account = args.if_contains("accountId");
  if (!account || !account->is_string()) {
    fail("invalidArguments", "accountId is missing");
    return false;
  }
  if (view(account->get_string()) != context.user.account_id) {
    fail("accountNotFound");
    return false;
  }
  for (const auto& [key, value] : args) {
    const std::string_view name(key.data(), key.size());
    if (name != "accountId" && std::find(known.begin(), known.end(), name) == known.end()) {
      fail("invalidArguments", "unknown argument " + std::string(name.substr(0, 100)));
      return false;
    }
  }
  return true;
}

namespace {
const json::value* present(const json::object& args, std::string_view key) {
  const auto* value = args.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}
}  // namespace

const json::array* Call::array(std::string_view key, bool& bad) const {
  const auto* value = present(args, key);
  bad |= value && !value->is_array();
  return value ? value->if_array() : nullptr;
}
const json::object* Call::object(std::string_view key, bool& bad) const {
  const auto* value = present(args, key);
  bad |= value && !value->is_object();
  return value ? value->if_object() : nullptr;
}
std::optional<std::string> Call::text(std::string_view key, bool& bad) const {
  const auto* value = present(args, key);
  if (!value) return {};
  bad |= !value->is_string();
  return to_text(*value);
}
std::optional<std::int64_t> Call::integer(std::string_view key, bool& bad) const {
  const auto* value = present(args, key);
  if (!value) return {};
  if (const auto* n = value->if_int64()) return *n;
  bad = true;
  return {};
}
bool Call::boolean(std::string_view key, bool otherwise, bool& bad) const {
  const auto* value = present(args, key);
  if (!value) return otherwise;
  bad |= !value->is_bool();
  return value->is_bool() ? value->get_bool() : otherwise;
}

std::optional<std::string> Call::resolve(std::string_view id) const {
  if (!id.starts_with('#')) return std::string(id);
  const auto found = created_ids.find(id.substr(1));
  if (found == created_ids.end()) return {};
  return found->second;
}

json::object set_error(std::string_view type, std::string_view description,
                       const std::vector<std::string>& properties) {
  json::object out{{"type", type}};
  if (!description.empty()) out["description"] = description;
  if (!properties.empty()) out["properties"] = to_array(properties);
  return out;
}

json::object set_error(const Error& error) {
  if (error == Errc::not_found) return set_error("notFound");
  if (error == Errc::too_large) return set_error("tooLarge");
  if (error == Errc::exhausted || error == Error(ENOSPC, boost::system::system_category()) ||
      error == Error(EDQUOT, boost::system::system_category())) {
    return set_error("overQuota", "there is no room left");
  }
  return set_error("serverFail", error.message());
}

bool GetArgs::wants(std::string_view property) const {
  return !properties || std::find(properties->begin(), properties->end(), property) != properties->end();
}

namespace {
bool read_strings(const json::array& list, std::vector<std::string>& out) {
  for (const auto& item : list) {
    if (!item.is_string()) return false;
    out.push_back(to_text(item));
  }
  return true;
}
}  // namespace

bool read_get(Call& call, GetArgs& out, std::initializer_list<std::string_view> more) {
  std::vector<std::string_view> known(more);
  known.insert(known.end(), {"ids", "properties"});
  for (const auto& [key, value] : call.args) {
    const std::string_view name(key.data(), key.size());
    if (name != "accountId" && std::find(known.begin(), known.end(), name) == known.end()) {
      call.fail("invalidArguments", "unknown argument " + std::string(name.substr(0, 100)));
      return false;
    }
  }
  const auto* account = call.args.if_contains("accountId");
  if (!account || !account->is_string() || view(account->get_string()) != call.context.user.account_id) {
    return call.check({});  // says what is wrong
  }
  bool bad = false;
  const auto* ids = call.array("ids", bad);
  const auto* properties = call.array("properties", bad);
  std::vector<std::string> names;
  if (ids) bad |= !read_strings(*ids, out.ids);
  if (properties) bad |= !read_strings(*properties, names);
  if (bad) {
    call.fail("invalidArguments", "ids or properties is no list of strings");
    return false;
  }
  if (properties) {
    names.emplace_back("id");
    out.properties = std::move(names);
  }
  out.all = ids == nullptr;
  if (out.ids.size() > call.context.limits.max_objects_in_get) {
    call.fail("requestTooLarge");
    return false;
  }
  std::vector<std::string> once;  // an id given twice is answered once
  for (auto& id : out.ids) {
    auto real = call.resolve(id).value_or(id);
    if (std::find(once.begin(), once.end(), real) == once.end()) once.push_back(std::move(real));
  }
  out.ids = std::move(once);
  return true;
}

json::object get_response(Call& call, std::string_view state, json::array list, json::array not_found) {
  return {{"accountId", call.context.user.account_id},
          {"state", state},
          {"list", std::move(list)},
          {"notFound", std::move(not_found)}};
}

void changes(Call& call, Kind kind) {
  if (!call.check({"sinceState", "maxChanges"})) return;
  bool bad = false;
  const auto since = call.text("sinceState", bad);
  const auto max = call.integer("maxChanges", bad);
  if (bad || !since || (max && *max <= 0)) return call.fail("invalidArguments", "sinceState or maxChanges is wrong");
  auto result = call.context.store.changes(kind, *since, static_cast<std::size_t>(max.value_or(0)));
  if (!result && result.error() == Errc::conflict) return call.fail("cannotCalculateChanges");
  if (!result) return call.fail(result.error());
  json::object out{{"accountId", call.context.user.account_id},
                   {"oldState", *since},
                   {"newState", result->new_state},
                   {"hasMoreChanges", result->more},
                   {"created", to_array(result->created)},
                   {"updated", to_array(result->updated)},
                   {"destroyed", to_array(result->destroyed)}};
  if (kind == Kind::mailbox) {
    out["updatedProperties"] = nullptr;
    if (result->only_counts && !result->updated.empty()) {
      out["updatedProperties"] = json::array{"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"};
    }
  }
  call.respond(std::move(out));
}

void cannot_calculate(Call& call) {
  bool bad = false;
  const auto account = call.text("accountId", bad);
  if (!account || bad) return call.fail("invalidArguments", "accountId is missing");
  if (*account != call.context.user.account_id) return call.fail("accountNotFound");
  if (!call.text("sinceQueryState", bad) || bad) return call.fail("invalidArguments", "sinceQueryState is missing");
  call.fail("cannotCalculateChanges");
}

}  // namespace genkan::webmail::jmap
