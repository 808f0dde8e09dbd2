// Email/set and Email/import (RFC 8621 4.6, 4.8).
#include <algorithm>

#include "base/text.hpp"
#include "webmail/jmap/compose.hpp"
#include "webmail/jmap/method.hpp"
#include "webmail/mime/header.hpp"

namespace genkan::webmail::jmap {

namespace {

json::object stored(const Email& email) {
  return {{"id", email.id}, {"blobId", email_blob_id(email.id)}, {"threadId", email.thread_id}, {"size", email.size}};
}

SetOutcome create_email(Call& call, const json::object& object) {
  Composed composed;
  json::object error;
  if (!compose(call, object, composed, error)) return SetOutcome::bad(std::move(error));
  auto email = call.context.store.append(composed.message, composed.mailbox_ids, composed.keywords, composed.received);
  if (!email) return SetOutcome::bad(set_error(email.error()));
  return SetOutcome::good(stored(*email));
}

// One patched set of names ("keywords", "mailboxIds"): replaced as a whole or name by name.
class NameSet {
 public:
  explicit NameSet(std::vector<std::string> now) : names(std::move(now)) {}
  void set(const std::string& name, bool present) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (present && at == names.end()) names.push_back(name);
    if (!present && at != names.end()) names.erase(at);
    changed = true;
  }
  void replace(std::vector<std::string> with) {
    names = std::move(with);
    changed = whole = true;
  }
  std::vector<std::string> names;
  bool changed = false, whole = false;
};

// True or null; a patch may take away what isn't there.
bool patch_flag(const json::value& value, bool& present) {
  present = value.is_bool() && value.get_bool();
  return value.is_null() || present;
}

// RFC 8620 5.3: a PatchObject. Returns the property that is wrong, or an empty text.
std::string apply(Call& call, const Email& email, const json::object& patch, NameSet& boxes, NameSet& keywords) {
  for (const auto& [key, value] : patch) {
    std::string path(key.data(), key.size());
    bool present = false;
    if (path == "mailboxIds") {
      std::vector<std::string> ids;
      if (boxes.changed || !read_mailbox_ids(call, value, ids)) return path;
      boxes.replace(std::move(ids));
    } else if (path == "keywords") {
      std::vector<std::string> words;
      if (keywords.changed || (!value.is_null() && !read_keywords(value, words))) return path;
      keywords.replace(std::move(words));
    } else if (path.starts_with("mailboxIds/")) {
      const auto id = call.resolve(unescape_pointer(std::string_view(path).substr(11)));
      if (boxes.whole || !id || !patch_flag(value, present)) return path;
      boxes.set(*id, present);
    } else if (path.starts_with("keywords/")) {
      const auto word = base::to_lower(unescape_pointer(std::string_view(path).substr(9)));
      if (keywords.whole || !valid_keyword(word) || !patch_flag(value, present)) return path;
      keywords.set(word, present);
    } else {
      const bool same = (path == "id" && to_text(value) == email.id) ||
                        (path == "threadId" && to_text(value) == email.thread_id) ||
                        (path == "blobId" && to_text(value) == email_blob_id(email.id));
      if (!same) return path;
    }
  }
  return {};
}

SetOutcome update_email(Call& call, const std::string& id, const json::object& patch) {
  auto& store = call.context.store;
  auto email = store.email(id);
  if (!email) return SetOutcome::bad(set_error(email.error()));
  NameSet boxes(email->mailbox_ids), keywords(email->keywords);
  const auto wrong = apply(call, *email, patch, boxes, keywords);
  if (!wrong.empty()) {
    const bool pointer = wrong.find('/') != std::string::npos;
    const bool ours = wrong.starts_with("keywords/") || wrong.starts_with("mailboxIds/");
    if (pointer && !ours) return SetOutcome::bad(set_error("invalidPatch", wrong));
    return SetOutcome::bad(set_error("invalidProperties", "", {wrong}));
  }
  if (boxes.changed && (boxes.names.empty() || !mailboxes_exist(call, boxes.names))) {
    return SetOutcome::bad(set_error("invalidProperties", "an email needs an existing mailbox", {"mailboxIds"}));
  }
  if (keywords.changed && keywords.names.size() > 100) return SetOutcome::bad(set_error("tooManyKeywords"));
  if (keywords.changed) {
    if (auto r = store.set_keywords(*email, keywords.names); !r) return SetOutcome::bad(set_error(r.error()));
  }
  if (boxes.changed) {
    auto now = store.email(id);
    if (!now) return SetOutcome::bad(set_error(now.error()));
    if (auto r = store.set_mailboxes(*now, boxes.names); !r) return SetOutcome::bad(set_error(r.error()));
  }
  return SetOutcome::good();
}

SetOutcome destroy_email(Call& call, const std::string& id) {
  auto email = call.context.store.email(id);
  if (!email) return SetOutcome::bad(set_error(email.error()));
  if (auto r = call.context.store.destroy(*email); !r) return SetOutcome::bad(set_error(r.error()));
  return SetOutcome::good();
}

}  // namespace

void email_set(Call& call) {
  if (!call.check({"ifInState", "create", "update", "destroy"})) return;
  json::object out;
  if (run_set(call, Kind::email, {create_email, update_email, destroy_email}, out)) call.respond(std::move(out));
}

namespace {

SetOutcome import_one(Call& call, const json::object& object) {
  std::vector<std::string> boxes, keywords, wrong;
  std::int64_t received = call.context.now;
  std::string blob_id;
  for (const auto& [key, value] : object) {
    const std::string name(key.data(), key.size());
    bool good = false;
    if (name == "blobId") {
      blob_id = to_text(value);
      good = value.is_string();
    } else if (name == "mailboxIds") {
      good = read_mailbox_ids(call, value, boxes);
    } else if (name == "keywords") {
      good = value.is_null() || read_keywords(value, keywords);
    } else if (name == "receivedAt") {
      const auto seconds = mime::parse_rfc3339(to_text(value));
      good = value.is_null() || seconds.has_value();
      received = seconds.value_or(received);
    }
    if (!good) wrong.push_back(name);
  }
  if (boxes.empty() || !mailboxes_exist(call, boxes)) wrong.emplace_back("mailboxIds");
  if (!wrong.empty()) return SetOutcome::bad(set_error("invalidProperties", "", wrong));
  auto& context = call.context;
  auto blob = read_blob(context.store, context.uploads, context.user.account_id, blob_id);
  if (!blob && blob.error() == Errc::not_found) {
    return SetOutcome::bad(set_error("invalidProperties", "no such blob", {"blobId"}));
  }
  if (!blob) return SetOutcome::bad(set_error(blob.error()));
  if (blob->bytes.empty()) return SetOutcome::bad(set_error("invalidEmail", "the blob is empty"));
  auto email = context.store.append(blob->bytes, boxes, keywords, received);
  if (!email) return SetOutcome::bad(set_error(email.error()));
  return SetOutcome::good(stored(*email));
}

}  // namespace

void email_import(Call& call) {
  if (!call.check({"ifInState", "emails"})) return;
  bool bad = false;
  const auto* emails = call.object("emails", bad);
  const auto if_state = call.text("ifInState", bad);
  if (bad || !emails) return call.fail("invalidArguments", "emails is missing");
  if (emails->size() > call.context.limits.max_objects_in_set) return call.fail("requestTooLarge");
  auto before = call.context.store.state(Kind::email);
  if (!before) return call.fail(before.error());
  if (if_state && *if_state != *before) return call.fail("stateMismatch");
  json::object done, failed;
  for (const auto& [key, value] : *emails) {
    if (!value.is_object()) return call.fail("invalidArguments", "emails has something else than objects");
    auto outcome = import_one(call, value.get_object());
    if (!outcome.failed) call.created_ids[std::string(key)] = to_text(outcome.object["id"]);
    (outcome.failed ? failed : done)[key] = std::move(outcome.object);
  }
  auto after = call.context.store.state(Kind::email);
  if (!after) return call.fail(after.error());
  json::object out{{"accountId", call.context.user.account_id}, {"oldState", *before}, {"newState", *after}};
  out["created"] = done.empty() ? json::value(nullptr) : json::value(std::move(done));
  out["notCreated"] = failed.empty() ? json::value(nullptr) : json::value(std::move(failed));
  call.respond(std::move(out));
}

}  // namespace genkan::webmail::jmap
