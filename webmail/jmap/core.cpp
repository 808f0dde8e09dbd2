// RFC 8620 section 3: the request as a whole, result references, and which method answers which call.
#include <array>

#include "base/text.hpp"
#include "webmail/jmap/method.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr std::string_view kCore = "urn:ietf:params:jmap:core";
constexpr std::string_view kMail = "urn:ietf:params:jmap:mail";
constexpr std::string_view kSubmission = "urn:ietf:params:jmap:submission";

void core_echo(Call& call) { call.respond(call.args); }
void mailbox_changes(Call& call) { changes(call, Kind::mailbox); }
void thread_changes(Call& call) { changes(call, Kind::thread); }
void email_changes(Call& call) { changes(call, Kind::email); }
void submission_changes(Call& call) { changes(call, Kind::submission); }

struct Row {
  std::string_view name, capability;
  Method method;
};
constexpr std::array kMethods = {
    Row{"Core/echo", kCore, core_echo},
    Row{"Mailbox/get", kMail, mailbox_get},
    Row{"Mailbox/changes", kMail, mailbox_changes},
    Row{"Mailbox/query", kMail, mailbox_query},
    Row{"Mailbox/queryChanges", kMail, cannot_calculate},
    Row{"Mailbox/set", kMail, mailbox_set},
    Row{"Thread/get", kMail, thread_get},
    Row{"Thread/changes", kMail, thread_changes},
    Row{"Email/get", kMail, email_get},
    Row{"Email/changes", kMail, email_changes},
    Row{"Email/query", kMail, email_query},
    Row{"Email/queryChanges", kMail, cannot_calculate},
    Row{"Email/set", kMail, email_set},
    Row{"Email/import", kMail, email_import},
    Row{"Identity/get", kSubmission, identity_get},
    Row{"Identity/changes", kSubmission, identity_changes},
    Row{"Identity/set", kSubmission, identity_set},
    Row{"EmailSubmission/get", kSubmission, submission_get},
    Row{"EmailSubmission/changes", kSubmission, submission_changes},
    Row{"EmailSubmission/query", kSubmission, submission_query},
    Row{"EmailSubmission/queryChanges", kSubmission, cannot_calculate},
    Row{"EmailSubmission/set", kSubmission, submission_set},
};

Reply problem(std::string_view error, std::string_view detail, std::string_view limit = {}) {
  return {400, "application/problem+json",
          problem_json(400, "urn:ietf:params:jmap:error:" + std::string(error), detail, limit)};
}

// RFC 8620 3.7: a JSON pointer with '*' for "each element".
std::optional<json::value> follow(const json::value& value, std::string_view path) {
  if (path.empty()) return value;
  if (path[0] != '/') return {};
  const auto end = std::min(path.find('/', 1), path.size());
  const auto token = unescape_pointer(path.substr(1, end - 1));
  const auto rest = path.substr(end);
  if (const auto* object = value.if_object()) {
    const auto* next = object->if_contains(token);
    return next ? follow(*next, rest) : std::nullopt;
  }
  const auto* array = value.if_array();
  if (!array) return {};
  if (token != "*") {
    const auto index = base::parse_uint(token);
    return index && *index < array->size() ? follow((*array)[*index], rest) : std::nullopt;
  }
  json::array out;
  for (const auto& item : *array) {
    auto next = follow(item, rest);
    if (!next) return {};
    if (auto* inner = next->if_array()) {
      for (auto& v : *inner) out.push_back(std::move(v));
    } else {
      out.push_back(std::move(*next));
    }
  }
  return json::value(std::move(out));
}

std::optional<json::value> referred(const json::value& reference, const json::array& responses) {
  const auto* r = reference.if_object();
  if (!r) return {};
  const auto *of = r->if_contains("resultOf"), *name = r->if_contains("name"), *path = r->if_contains("path");
  if (!of || !name || !path || !of->is_string() || !name->is_string() || !path->is_string()) return {};
  for (const auto& response : responses) {
    const auto& triple = response.get_array();
    if (triple[2] != *of) continue;
    if (triple[0] != *name) return {};
    return follow(triple[1], view(path->get_string()));
  }
  return {};
}

// How many values stand in `value`, counted up to `most`.
std::size_t weight(const json::value& value, std::size_t most) {
  std::size_t total = 1;
  const auto add = [&](const json::value& v) {
    if (total < most) total += weight(v, most - total);
  };
  if (const auto* array = value.if_array()) {
    for (const auto& v : *array) add(v);
  } else if (const auto* object = value.if_object()) {
    for (const auto& kv : *object) add(kv.value());
  } else if (const auto* text = value.if_string()) {
    total += text->size() / 64;
  }
  return total;
}

// References to references could double a request with each call: together they may bring in this many values.
constexpr std::size_t kReferenceBudget = 200'000;

// False: answered already.
bool resolve_references(Call& call, const json::object& given, const json::array& responses, std::size_t& budget) {
  for (const auto& [key, value] : given) {
    if (!key.starts_with('#')) {
      call.args[key] = value;
      continue;
    }
    const auto plain = key.substr(1);
    if (given.contains(plain)) {
      call.fail("invalidArguments", "an argument is given both directly and by reference");
      return false;
    }
    auto result = referred(value, responses);
    if (!result) {
      call.fail("invalidResultReference");
      return false;
    }
    const auto cost = weight(*result, budget + 1);
    if (cost > budget) {
      call.fail("requestTooLarge", "result references bring in too much");
      return false;
    }
    budget -= cost;
    call.args[plain] = std::move(*result);
  }
  return true;
}

struct Request {
  std::vector<std::string> capabilities;
  json::array calls;
  CreatedIds created_ids;
  bool has_created_ids = false;
  std::size_t reference_budget = kReferenceBudget;
};

// Empty: well-formed.
std::string read_request(json::value& value, Request& out) {
  auto* object = value.if_object();
  if (!object) return "not an object";
  auto *use = object->if_contains("using"), *calls = object->if_contains("methodCalls");
  if (!use || !use->is_array()) return "`using` is missing";
  if (!calls || !calls->is_array()) return "`methodCalls` is missing";
  for (const auto& item : use->get_array()) {
    if (!item.is_string()) return "`using` has something else than strings";
    out.capabilities.emplace_back(view(item.get_string()));
  }
  for (const auto& item : calls->get_array()) {
    const auto* call = item.if_array();
    const bool good =
        call && call->size() == 3 && (*call)[0].is_string() && (*call)[1].is_object() && (*call)[2].is_string();
    if (!good) return "a method call is not [name, arguments, id]";
  }
  out.calls = std::move(calls->get_array());
  if (const auto* created = object->if_contains("createdIds"); created && !created->is_null()) {
    if (!created->is_object()) return "`createdIds` is not an object";
    out.has_created_ids = true;
    for (const auto& [key, id] : created->get_object()) {
      if (!id.is_string()) return "`createdIds` has something else than ids";
      out.created_ids[std::string(key)] = view(id.get_string());
    }
  }
  return {};
}

void dispatch(Context& context, Request& request, const json::array& call_json, json::array& responses) {
  const auto name = view(call_json[0].get_string());
  Call call(context, request.created_ids, responses, name, view(call_json[2].get_string()));
  const Row* row = nullptr;
  for (const auto& r : kMethods) {
    if (r.name == name) row = &r;
  }
  const auto& caps = request.capabilities;
  if (!row || std::find(caps.begin(), caps.end(), row->capability) == caps.end()) {
    call.fail("unknownMethod");
    return;
  }
  if (!resolve_references(call, call_json[1].get_object(), responses, request.reference_budget)) return;
  row->method(call);
}

}  // namespace

Reply process(Context& context, std::string_view text) {
  if (text.size() > context.limits.max_size_request)
    return problem("limit", "the request is too large", "maxSizeRequest");
  boost::system::error_code error;
  auto value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return problem("notJSON", "the body is not JSON: " + error.message());
  Request request;
  if (const auto why = read_request(value, request); !why.empty()) return problem("notRequest", why);
  for (const auto& capability : request.capabilities) {
    if (capability != kCore && capability != kMail && capability != kSubmission) {
      return problem("unknownCapability", "unknown capability " + capability.substr(0, 200));
    }
  }
  if (request.calls.size() > context.limits.max_calls) return problem("limit", "too many calls", "maxCallsInRequest");
  json::array responses;
  for (const auto& call : request.calls) dispatch(context, request, call.get_array(), responses);
  json::object out;
  out["methodResponses"] = std::move(responses);
  if (request.has_created_ids) {
    json::object created;
    for (const auto& [key, id] : request.created_ids) created[key] = id;
    out["createdIds"] = std::move(created);
  }
  out["sessionState"] = kSessionState;
  return {200, "application/json", json::serialize(out)};
}

std::string problem_json(int status, std::string_view type, std::string_view detail, std::string_view limit) {
  json::object out;
  out["type"] = type;
  out["status"] = status;
  out["detail"] = detail;
  if (!limit.empty()) out["limit"] = limit;
  return json::serialize(out);
}

std::string state_change_json(const User& user, MailStore& store, std::string_view types) {
  struct Type {
    std::string_view name;
    Kind kind;
  };
  constexpr std::array kTypes = {Type{"Email", Kind::email}, Type{"Mailbox", Kind::mailbox},
                                 Type{"Thread", Kind::thread}, Type{"EmailSubmission", Kind::submission}};
  json::object states;
  for (const auto& type : kTypes) {
    bool wanted = types == "*" || types.empty();
    for (const auto one : base::split(types, ',')) wanted |= base::trim(one) == type.name;
    if (!wanted) continue;
    if (auto state = store.state(type.kind)) states[type.name] = *state;
  }
  json::object changed, out;
  changed[user.account_id] = std::move(states);
  out["@type"] = "StateChange";
  out["changed"] = std::move(changed);
  return json::serialize(out);
}

}  // namespace genkan::webmail::jmap
