// Email/get (RFC 8621 4.2). What a list of mails shows comes from the index; the file is read only when a property
// needs it.
#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "webmail/jmap/headers.hpp"
#include "webmail/jmap/method.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr std::array<std::string_view, 14> kFromIndex = {"id",   "blobId",     "threadId", "mailboxIds",   "keywords",
                                                         "size", "receivedAt", "subject",  "from",         "to",
                                                         "cc",   "sentAt",     "preview",  "hasAttachment"};
constexpr std::array<std::string_view, 6> kFromBody = {"bodyStructure", "bodyValues",  "textBody",
                                                       "htmlBody",      "attachments", "headers"};
constexpr std::array<std::string_view, 24> kDefaults = {
    "id",        "blobId",     "threadId",      "mailboxIds", "keywords",   "size",     "receivedAt", "messageId",
    "inReplyTo", "references", "sender",        "from",       "to",         "cc",       "bcc",        "replyTo",
    "subject",   "sentAt",     "hasAttachment", "preview",    "bodyValues", "textBody", "htmlBody",   "attachments"};
constexpr std::array<std::string_view, 10> kPartDefaults = {"partId",  "blobId",      "size", "name",     "type",
                                                            "charset", "disposition", "cid",  "language", "location"};

template <class List>
bool has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

struct Wanted {
  std::vector<std::string> properties, part_properties;
  bool text_values = false, html_values = false, all_values = false;
  std::size_t max_value = std::string::npos;
  bool needs_file = false;
};

// False: answered already.
bool read_wanted(Call& call, const GetArgs& args, Wanted& out) {
  bool bad = false;
  const auto* part_properties = call.array("bodyProperties", bad);
  out.text_values = call.boolean("fetchTextBodyValues", false, bad);
  out.html_values = call.boolean("fetchHTMLBodyValues", false, bad);
  out.all_values = call.boolean("fetchAllBodyValues", false, bad);
  const auto max = call.integer("maxBodyValueBytes", bad).value_or(0);
  if (bad || max < 0) {
    call.fail("invalidArguments", "an argument has the wrong type");
    return false;
  }
  if (max > 0) out.max_value = static_cast<std::size_t>(max);
  out.properties = args.properties.value_or(std::vector<std::string>(kDefaults.begin(), kDefaults.end()));
  out.part_properties.assign(kPartDefaults.begin(), kPartDefaults.end());
  if (part_properties) {
    out.part_properties.clear();
    for (const auto& p : *part_properties) out.part_properties.push_back(to_text(p));
  }
  for (const auto& p : out.properties) {
    const bool from_file = has(kFromBody, p) || short_property(p) || header_property(p);
    if (!from_file && !has(kFromIndex, p)) {
      call.fail("invalidArguments", "unknown property " + p.substr(0, 100));
      return false;
    }
    out.needs_file = out.needs_file || !has(kFromIndex, p);
  }
  for (const auto& p : out.part_properties) {
    if (!has(kPartDefaults, p) && p != "subParts" && p != "headers" && !header_property(p)) {
      call.fail("invalidArguments", "unknown body property " + p.substr(0, 100));
      return false;
    }
  }
  return true;
}

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

// One message with its file open.
class Reader {
 public:
  Reader(const Email& email, const Wanted& wanted, std::string bytes)
      : email_(email), wanted_(wanted), bytes_(std::move(bytes)), message_(mime::parse(bytes_)) {
    bodies_ = mime::bodies(message_);
  }

  std::optional<json::value> property(const std::string& name) {
    if (name == "bodyStructure") return json::value(part(message_.root, true));
    if (name == "textBody") return json::value(list(bodies_.text));
    if (name == "htmlBody") return json::value(list(bodies_.html));
    if (name == "attachments") return json::value(list(bodies_.attachments));
    if (name == "bodyValues") return json::value(values());
    if (name == "headers") return json::value(all_headers(bytes_, message_.root));
    const auto brief = short_property(name);
    if (const auto header = brief ? brief : header_property(name)) return header_value(bytes_, message_.root, *header);
    return {};
  }

 private:
  json::object part(const mime::Part& p, bool whole) {
    json::object out;
    for (const auto& name : wanted_.part_properties) {
      if (auto value = part_property(p, name)) out[name] = std::move(*value);
    }
    if (whole && p.is_multipart()) {
      json::array children;
      for (const auto& child : p.children) children.push_back(part(child, true));
      out["subParts"] = std::move(children);
    }
    return out;
  }

  std::optional<json::value> part_property(const mime::Part& p, const std::string& name) {
    const bool leaf = !p.is_multipart();
    const auto text_or_null = [](const std::string& t) { return std::optional<json::value>(or_null(t)); };
    if (name == "partId") return text_or_null(leaf ? p.id : "");
    if (name == "blobId") return text_or_null(leaf ? part_blob_id(email_.id, p.id) : "");
    if (name == "size") return json::value(leaf ? mime::part_bytes(bytes_, p).size() : 0);
    if (name == "name") return text_or_null(p.name);
    if (name == "type") return text_or_null(p.type);
    if (name == "charset") return text_or_null(!p.is_text() ? "" : p.charset.empty() ? "us-ascii" : p.charset);
    if (name == "disposition") return text_or_null(p.disposition);
    if (name == "cid") return text_or_null(p.cid);
    if (name == "location") return text_or_null(header_text(p, "content-location"));
    if (name == "headers") return json::value(all_headers(bytes_, p));
    if (name == "language") {
      json::array languages;
      base::each_in_list(header_text(p, "content-language"), [&](auto l) { languages.push_back(json::value(l)); });
      return languages.empty() ? json::value(nullptr) : json::value(std::move(languages));
    }
    if (const auto header = header_property(name)) return header_value(bytes_, p, *header);
    return {};
  }

  std::string header_text(const mime::Part& p, std::string_view name) const {
    const auto* field = p.find(name);
    return field ? mime::decode_text(field->value.in(bytes_)) : std::string();
  }

  json::array list(const std::vector<const mime::Part*>& parts) {
    json::array out;
    for (const auto* p : parts) out.push_back(part(*p, false));
    return out;
  }

  json::object values() {
    std::set<const mime::Part*> parts;
    const auto add = [&](const std::vector<const mime::Part*>& from) { parts.insert(from.begin(), from.end()); };
    if (wanted_.text_values || wanted_.all_values) add(bodies_.text);
    if (wanted_.html_values || wanted_.all_values) add(bodies_.html);
    if (wanted_.all_values) add(mime::leaves(message_));
    json::object out;
    for (const auto* p : parts) {
      if (!p->is_text()) continue;
      const auto text = mime::part_text(bytes_, *p, wanted_.max_value);
      out[p->id] =
          json::object{{"value", text.value}, {"isEncodingProblem", text.problem}, {"isTruncated", text.truncated}};
    }
    return out;
  }

  const Email& email_;
  const Wanted& wanted_;
  std::string bytes_;
  mime::Message message_;
  mime::Bodies bodies_;
};

json::object true_map(const std::vector<std::string>& names) {
  json::object out;
  for (const auto& name : names) out[name] = true;
  return out;
}

json::value parsed(const std::string& text) {
  boost::system::error_code error;
  auto value = json::parse(text, error);
  if (error || value.get_array().empty()) return nullptr;
  return value;
}

json::value index_property(const Email& e, std::string_view name) {
  if (name == "id") return json::value(e.id);
  if (name == "blobId") return json::value(email_blob_id(e.id));
  if (name == "threadId") return json::value(e.thread_id);
  if (name == "mailboxIds") return true_map(e.mailbox_ids);
  if (name == "keywords") return true_map(e.keywords);
  if (name == "size") return json::value(e.size);
  if (name == "receivedAt") return json::value(mime::rfc3339_utc(e.received));
  if (name == "subject") return or_null(e.subject);
  if (name == "from") return parsed(e.from_json);
  if (name == "to") return parsed(e.to_json);
  if (name == "cc") return parsed(e.cc_json);
  if (name == "sentAt") return or_null(e.sent_at);
  if (name == "preview") return json::value(e.preview);
  return json::value(e.has_attachment);
}

json::object to_json(const Email& email, const Wanted& wanted, Reader* reader) {
  json::object out;
  for (const auto& name : wanted.properties) {
    std::optional<json::value> value;
    if (reader) value = reader->property(name);
    if (!value) value = index_property(email, name);
    out[name] = std::move(*value);
  }
  return out;
}

// False: answered already.
bool add_email(Call& call, const std::string& id, const Wanted& wanted, json::array& list, json::array& missing) {
  auto& context = call.context;
  auto email = context.store.email(id);
  std::optional<Result<std::string>> bytes;
  if (email && wanted.needs_file) bytes = context.store.bytes(*email);
  const Error error = !email ? email.error() : bytes && !*bytes ? bytes->error() : Error();
  if (error == Errc::not_found) {
    missing.push_back(json::value(id));
    return true;
  }
  if (error) {
    call.fail(error);
    return false;
  }
  if (!bytes) {
    list.push_back(to_json(*email, wanted, nullptr));
    return true;
  }
  if ((*bytes)->size() > context.read_budget) {
    call.fail("requestTooLarge", "too many bytes of mail in one request");
    return false;
  }
  context.read_budget -= (*bytes)->size();
  Reader reader(*email, wanted, std::move(**bytes));
  list.push_back(to_json(*email, wanted, &reader));
  return true;
}

}  // namespace

void email_get(Call& call) {
  GetArgs args;
  if (!read_get(call, args,
                {"bodyProperties", "fetchTextBodyValues", "fetchHTMLBodyValues", "fetchAllBodyValues",
                 "maxBodyValueBytes"})) {
    return;
  }
  Wanted wanted;
  if (!read_wanted(call, args, wanted)) return;
  if (args.all) {
    EmailQuery everything;
    everything.limit = call.context.limits.max_objects_in_get + 1;
    auto found = call.context.store.query(everything);
    if (!found) return call.fail(found.error());
    if (found->ids.size() > call.context.limits.max_objects_in_get) return call.fail("requestTooLarge");
    args.ids = std::move(found->ids);
  }
  auto state = call.context.store.state(Kind::email);
  if (!state) return call.fail(state.error());
  json::array list, missing;
  for (const auto& id : args.ids) {
    if (!add_email(call, id, wanted, list, missing)) return;
  }
  call.respond(get_response(call, *state, std::move(list), std::move(missing)));
}

void thread_get(Call& call) {
  GetArgs args;
  if (!read_get(call, args)) return;
  for (const auto& p : args.properties.value_or(std::vector<std::string>())) {
    if (p != "id" && p != "emailIds") return call.fail("invalidArguments", "unknown property " + p.substr(0, 100));
  }
  if (args.all) return call.fail("requestTooLarge", "name the threads");
  auto state = call.context.store.state(Kind::thread);
  if (!state) return call.fail(state.error());
  json::array list, missing;
  for (const auto& id : args.ids) {
    auto emails = call.context.store.thread(id);
    if (emails) {
      json::object thread{{"id", id}};
      if (args.wants("emailIds")) thread["emailIds"] = to_array(*emails);
      list.push_back(std::move(thread));
    } else if (emails.error() == Errc::not_found) {
      missing.push_back(json::value(id));
    } else {
      return call.fail(emails.error());
    }
  }
  call.respond(get_response(call, *state, std::move(list), std::move(missing)));
}

}  // namespace genkan::webmail::jmap
