// Identity and EmailSubmission (RFC 8621 sections 6 and 7). A submission is handed to the queue at once; once the queue
// has it on the disk it is final here.
#include <algorithm>

#include "base/text.hpp"
#include "webmail/jmap/method.hpp"
#include "webmail/mime/builder.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/store/ids.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr std::string_view kIdentity = "default";
constexpr std::string_view kIdentityState = "1";

json::object identity(const User& user) {
  return {{"id", kIdentity}, {"name", user.name},   {"email", user.address}, {"replyTo", nullptr},
          {"bcc", nullptr},  {"textSignature", ""}, {"htmlSignature", ""},   {"mayDelete", false}};
}

json::object selected(const json::object& all, const GetArgs& args) {
  json::object out;
  for (const auto& [key, value] : all) {
    if (args.wants(std::string_view(key.data(), key.size()))) out[key] = value;
  }
  return out;
}

}  // namespace

void identity_get(Call& call) {
  GetArgs args;
  if (!read_get(call, args)) return;
  const auto all = identity(call.context.user);
  for (const auto& p : args.properties.value_or(std::vector<std::string>())) {
    if (!all.contains(p)) return call.fail("invalidArguments", "unknown property " + p.substr(0, 100));
  }
  json::array list, missing;
  if (args.all) list.push_back(selected(all, args));
  for (const auto& id : args.ids) {
    if (id == kIdentity) {
      list.push_back(selected(all, args));
    } else {
      missing.push_back(json::value(id));
    }
  }
  call.respond(get_response(call, kIdentityState, std::move(list), std::move(missing)));
}

void identity_changes(Call& call) {
  if (!call.check({"sinceState", "maxChanges"})) return;
  bool bad = false;
  const auto since = call.text("sinceState", bad);
  if (bad || !since) return call.fail("invalidArguments", "sinceState is missing");
  if (*since != kIdentityState) return call.fail("cannotCalculateChanges");
  call.respond({{"accountId", call.context.user.account_id},
                {"oldState", *since},
                {"newState", *since},
                {"hasMoreChanges", false},
                {"created", json::array()},
                {"updated", json::array()},
                {"destroyed", json::array()}});
}

void identity_set(Call& call) {
  if (!call.check({"ifInState", "create", "update", "destroy"})) return;
  call.fail("forbidden", "identities are made by the administrator");
}

namespace {

json::object submission_json(const Submission& s) {
  boost::system::error_code error;
  return {{"id", s.id},
          {"identityId", s.identity_id},
          {"emailId", s.email_id},
          {"threadId", s.thread_id},
          {"envelope", json::parse(s.envelope_json, error)},
          {"sendAt", mime::rfc3339_utc(s.send_at)},
          {"undoStatus", "final"},
          {"deliveryStatus", nullptr},
          {"dsnBlobIds", json::array()},
          {"mdnBlobIds", json::array()}};
}

json::object envelope_json(const Envelope& envelope) {
  json::array to;
  for (const auto& a : envelope.to) to.push_back(json::object{{"email", a}, {"parameters", nullptr}});
  return {{"mailFrom", json::object{{"email", envelope.from}, {"parameters", nullptr}}}, {"rcptTo", std::move(to)}};
}

// The client's envelope; false when malformed.
bool read_envelope(const json::value& value, Envelope& out) {
  const auto* object = value.if_object();
  const auto* from = object ? object->if_contains("mailFrom") : nullptr;
  const auto* to = object ? object->if_contains("rcptTo") : nullptr;
  const auto email = [](const json::value& v) -> std::optional<std::string> {
    const auto* o = v.if_object();
    const auto* e = o ? o->if_contains("email") : nullptr;
    if (!e || !e->is_string()) return {};
    return to_text(*e);
  };
  if (!from || !to || !to->is_array()) return false;
  const auto sender = email(*from);
  if (!sender) return false;
  out.from = *sender;
  for (const auto& item : to->get_array()) {
    const auto recipient = email(item);
    if (!recipient) return false;
    out.to.push_back(*recipient);
  }
  return true;
}

std::vector<mime::Address> addresses(std::string_view message, const mime::Part& root, std::string_view name) {
  std::vector<mime::Address> out;
  for (const auto& field : root.fields) {
    if (!base::iequals(field.name, name)) continue;
    for (auto& a : mime::parse_addresses(field.value.in(message))) out.push_back(std::move(a));
  }
  return out;
}

Envelope envelope_from(std::string_view message, const mime::Part& root, const User& user) {
  Envelope out;
  out.from = user.address;
  for (const char* name : {"to", "cc", "bcc"}) {
    for (const auto& a : addresses(message, root, name)) {
      if (std::find(out.to.begin(), out.to.end(), a.email) == out.to.end()) out.to.push_back(a.email);
    }
  }
  return out;
}

// Empty: may be sent.
json::object check(const Call& call, std::string_view message, const mime::Part& root, const Envelope& envelope) {
  const auto& user = call.context.user;
  const auto from = addresses(message, root, "from");
  if (from.empty()) return set_error("invalidEmail", "From is missing", {"from"});
  const bool own =
      std::all_of(from.begin(), from.end(), [&](const auto& a) { return base::iequals(a.email, user.address); });
  if (!own) return set_error("forbiddenFrom", "From must be " + user.address);
  if (!base::iequals(envelope.from, user.address)) {
    return set_error("forbiddenMailFrom", "the sender must be " + user.address);
  }
  if (envelope.to.empty()) return set_error("noRecipients");
  if (envelope.to.size() > call.context.limits.max_recipients) {
    auto error = set_error("tooManyRecipients");
    error["maxRecipients"] = call.context.limits.max_recipients;
    return error;
  }
  std::vector<std::string> bad;
  for (const auto& a : envelope.to) {
    if (!mime::valid_email(a)) bad.push_back(a);
  }
  if (bad.empty()) return {};
  auto error = set_error("invalidRecipients");
  error["invalidRecipients"] = to_array(bad);
  return error;
}

// Every line ends with CRLF (RFC 5321 2.3.8), and Bcc stays at home.
std::string to_send(std::string_view message) {
  const auto text = mime::without_field(message, "bcc");
  std::string out;
  out.reserve(text.size() + text.size() / 40);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (crlf) {
      out += "\r\n";
      ++i;
    } else if (text[i] == '\r' || text[i] == '\n') {
      out += "\r\n";
    } else {
      out += text[i];
    }
  }
  return out;
}

SetOutcome submit(Call& call, const json::object& object) {
  auto& context = call.context;
  std::vector<std::string> wrong;
  std::string email_id;
  std::optional<Envelope> envelope;
  for (const auto& [key, value] : object) {
    const std::string name(key.data(), key.size());
    bool good = false;
    if (name == "identityId") good = to_text(value) == kIdentity;
    if (name == "emailId") {
      email_id = call.resolve(to_text(value)).value_or("");
      good = !email_id.empty();
    }
    if (name == "envelope") {
      good = value.is_null() || read_envelope(value, envelope.emplace());
      if (value.is_null()) envelope.reset();
    }
    if (!good) wrong.push_back(name);
  }
  for (const char* needed : {"identityId", "emailId"}) {
    if (!object.contains(needed)) wrong.emplace_back(needed);
  }
  if (!wrong.empty()) return SetOutcome::bad(set_error("invalidProperties", "", wrong));
  auto email = context.store.email(email_id);
  if (!email && email.error() == Errc::not_found) {
    return SetOutcome::bad(set_error("invalidProperties", "no such email", {"emailId"}));
  }
  if (!email) return SetOutcome::bad(set_error(email.error()));
  auto message = context.store.bytes(*email);
  if (!message) return SetOutcome::bad(set_error(message.error()));
  const auto parsed = mime::parse(*message);
  if (!envelope) envelope = envelope_from(*message, parsed.root, context.user);
  if (auto error = check(call, *message, parsed.root, *envelope); !error.empty())
    return SetOutcome::bad(std::move(error));
  if (!context.submit) return SetOutcome::bad(set_error("forbiddenToSend", "there is no mail relay here"));
  auto queued = context.submit(*envelope, to_send(*message));
  if (!queued) {
    if (queued.error() == Errc::refused) return SetOutcome::bad(set_error("forbiddenToSend", "the relay refused it"));
    return SetOutcome::bad(set_error(queued.error()));
  }
  Submission s{
      random_id('q'), email->id, email->thread_id, std::string(kIdentity), json::serialize(envelope_json(*envelope)),
      context.now};
  // It is in the queue: a record that can't be written must not make the client send it again.
  (void)context.store.add_submission(s);
  auto out = submission_json(s);
  for (const char* given : {"identityId", "emailId"}) out.erase(given);
  if (object.contains("envelope") && !object.at("envelope").is_null()) out.erase("envelope");
  return SetOutcome::good(std::move(out));
}

SetOutcome no_update(Call&, const std::string&, const json::object&) {
  return SetOutcome::bad(set_error("cannotUnsend", "it has been sent"));
}
SetOutcome no_destroy(Call&, const std::string&) { return SetOutcome::bad(set_error("forbidden", "records are kept")); }

// RFC 8621 7.5: what follows the submissions that succeeded, as one Email/set. Keys are submission ids or "#creation".
std::optional<json::object> implied_set(Call& call, const json::object* update, const json::array* destroy,
                                        const json::object& result) {
  std::map<std::string, std::string> email_of;
  if (const auto* created = result.at("created").if_object()) {
    const auto* given = call.args.at("create").if_object();
    for (const auto& [key, value] : *created) {
      const auto email = call.resolve(to_text(given->at(key).get_object().at("emailId"))).value_or("");
      email_of["#" + std::string(key)] = email_of[to_text(value.get_object().at("id"))] = email;
    }
  }
  json::object updates;
  json::array destroys;
  if (update) {
    for (const auto& [key, patch] : *update) {
      if (const auto e = email_of.find(std::string(key)); e != email_of.end()) updates[e->second] = patch;
    }
  }
  if (destroy) {
    for (const auto& key : *destroy) {
      if (const auto e = email_of.find(to_text(key)); e != email_of.end()) destroys.push_back(json::value(e->second));
    }
  }
  if (updates.empty() && destroys.empty()) return {};
  json::object out{{"accountId", call.context.user.account_id}};
  if (!updates.empty()) out["update"] = std::move(updates);
  if (!destroys.empty()) out["destroy"] = std::move(destroys);
  return out;
}

}  // namespace

void submission_set(Call& call) {
  if (!call.check({"ifInState", "create", "update", "destroy", "onSuccessUpdateEmail", "onSuccessDestroyEmail"}))
    return;
  bool bad = false;
  const auto* update = call.object("onSuccessUpdateEmail", bad);
  const auto* destroy = call.array("onSuccessDestroyEmail", bad);
  if (bad) return call.fail("invalidArguments", "onSuccess... has the wrong type");
  json::object out;
  if (!run_set(call, Kind::submission, {submit, no_update, no_destroy}, out)) return;
  auto follow = implied_set(call, update, destroy, out);
  call.respond(std::move(out));
  if (!follow) return;
  auto next = call.implied("Email/set");
  next.args = std::move(*follow);
  email_set(next);
}

void submission_get(Call& call) {
  GetArgs args;
  if (!read_get(call, args)) return;
  auto all = call.context.store.submissions();
  if (!all) return call.fail(all.error());
  auto state = call.context.store.state(Kind::submission);
  if (!state) return call.fail(state.error());
  const auto known = submission_json({"", "", "", "", "{}", 0});
  for (const auto& p : args.properties.value_or(std::vector<std::string>())) {
    if (!known.contains(p)) return call.fail("invalidArguments", "unknown property " + p.substr(0, 100));
  }
  json::array list, missing;
  if (args.all) {
    for (const auto& s : *all) list.push_back(selected(submission_json(s), args));
  }
  for (const auto& id : args.ids) {
    const auto found = std::find_if(all->begin(), all->end(), [&](const Submission& s) { return s.id == id; });
    if (found == all->end()) {
      missing.push_back(json::value(id));
    } else {
      list.push_back(selected(submission_json(*found), args));
    }
  }
  call.respond(get_response(call, *state, std::move(list), std::move(missing)));
}

void submission_query(Call& call) {
  if (!call.check({"filter", "sort", "position", "limit", "calculateTotal"})) return;
  bool bad = false;
  const auto* filter = call.object("filter", bad);
  const auto* sort = call.array("sort", bad);
  const auto position = call.integer("position", bad).value_or(0);
  const auto limit = call.integer("limit", bad);
  const bool total = call.boolean("calculateTotal", false, bad);
  if (bad || position < 0 || (limit && *limit < 0)) return call.fail("invalidArguments", "an argument is wrong");
  if (sort && !sort->empty()) return call.fail("unsupportedSort");
  if (filter && !filter->empty()) return call.fail("unsupportedFilter");
  auto all = call.context.store.submissions();
  if (!all) return call.fail(all.error());
  auto state = call.context.store.state(Kind::submission);
  if (!state) return call.fail(state.error());
  json::array ids;
  for (auto i = static_cast<std::size_t>(position); i < all->size(); ++i) {
    if (limit && ids.size() >= static_cast<std::size_t>(*limit)) break;
    ids.push_back(json::value((*all)[i].id));
  }
  json::object out{{"accountId", call.context.user.account_id},
                   {"queryState", *state},
                   {"canCalculateChanges", false},
                   {"position", position},
                   {"ids", std::move(ids)}};
  if (total) out["total"] = all->size();
  call.respond(std::move(out));
}

}  // namespace genkan::webmail::jmap
