// The frame of every /set (RFC 8620 5.3): create, then update, then destroy, each object for itself.
#include <algorithm>

#include "webmail/jmap/method.hpp"

namespace genkan::webmail::jmap {

namespace {

json::value or_null(json::object object) {
  if (object.empty()) return nullptr;
  return object;
}

struct Plan {
  const json::object *create = nullptr, *update = nullptr;
  const json::array* destroy = nullptr;
  std::size_t size() const {
    return (create ? create->size() : 0) + (update ? update->size() : 0) + (destroy ? destroy->size() : 0);
  }
};

// Empty: well-formed.
std::string_view check_plan(const Plan& plan) {
  const auto objects = [](const json::object* map) {
    return !map || std::all_of(map->begin(), map->end(), [](const auto& kv) { return kv.value().is_object(); });
  };
  if (!objects(plan.create) || !objects(plan.update)) return "create or update has something else than objects";
  if (plan.destroy &&
      !std::all_of(plan.destroy->begin(), plan.destroy->end(), [](const auto& v) { return v.is_string(); })) {
    return "destroy has something else than ids";
  }
  return {};
}

void run_create(Call& call, const Plan& plan, const SetMethods& methods, json::object& out) {
  json::object done, failed;
  if (plan.create) {
    for (const auto& [key, value] : *plan.create) {
      auto outcome = methods.create(call, value.get_object());
      if (!outcome.failed) call.created_ids[std::string(key)] = to_text(outcome.object["id"]);
      (outcome.failed ? failed : done)[key] = std::move(outcome.object);
    }
  }
  out["created"] = or_null(std::move(done));
  out["notCreated"] = or_null(std::move(failed));
}

void run_update(Call& call, const Plan& plan, const SetMethods& methods, json::object& out) {
  json::object done, failed;
  if (plan.update) {
    for (const auto& [key, value] : *plan.update) {
      const auto id = call.resolve(std::string_view(key.data(), key.size()));
      auto outcome = id ? methods.update(call, *id, value.get_object()) : SetOutcome::bad(set_error("notFound"));
      if (outcome.failed) {
        failed[key] = std::move(outcome.object);
      } else {
        done[*id] = or_null(std::move(outcome.object));
      }
    }
  }
  out["updated"] = or_null(std::move(done));
  out["notUpdated"] = or_null(std::move(failed));
}

void run_destroy(Call& call, const Plan& plan, const SetMethods& methods, json::object& out) {
  json::object failed;
  json::array done;
  if (plan.destroy) {
    for (const auto& value : *plan.destroy) {
      const auto given = to_text(value);
      const auto id = call.resolve(given);
      auto outcome = id ? methods.destroy(call, *id) : SetOutcome::bad(set_error("notFound"));
      if (outcome.failed) {
        failed[given] = std::move(outcome.object);
      } else {
        done.push_back(json::value(*id));
      }
    }
  }
  out["destroyed"] = done.empty() ? json::value(nullptr) : json::value(std::move(done));
  out["notDestroyed"] = or_null(std::move(failed));
}

}  // namespace

bool run_set(Call& call, Kind kind, const SetMethods& methods, json::object& out) {
  bool bad = false;
  Plan plan;
  plan.create = call.object("create", bad);
  plan.update = call.object("update", bad);
  plan.destroy = call.array("destroy", bad);
  const auto if_state = call.text("ifInState", bad);
  const auto why = bad ? "an argument has the wrong type" : check_plan(plan);
  if (!why.empty()) {
    call.fail("invalidArguments", why);
    return false;
  }
  if (plan.size() > call.context.limits.max_objects_in_set) {
    call.fail("requestTooLarge");
    return false;
  }
  auto before = call.context.store.state(kind);
  if (!before) {
    call.fail(before.error());
    return false;
  }
  if (if_state && *if_state != *before) {
    call.fail("stateMismatch");
    return false;
  }
  out["accountId"] = call.context.user.account_id;
  out["oldState"] = *before;
  run_create(call, plan, methods, out);
  run_update(call, plan, methods, out);
  run_destroy(call, plan, methods, out);
  auto after = call.context.store.state(kind);
  if (!after) {
    call.fail(after.error());
    return false;
  }
  out["newState"] = *after;
  return true;
}

}  // namespace genkan::webmail::jmap
