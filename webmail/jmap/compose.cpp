#include "webmail/jmap/compose.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "webmail/jmap/headers.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxParts = 200;

// Reads what describes the body.
class BodyReader {
 public:
  BodyReader(Call& call, const json::object& email) : call_(call), email_(email) {}

  bool read(mime::Node& out) {
    const auto* structure = email_.if_contains("bodyStructure");
    const auto *text = list("textBody"), *html = list("htmlBody"), *files = list("attachments");
    if (structure) {
      if (text || html || files) return wrong("bodyStructure", "given together with textBody, htmlBody or attachments");
      if (!structure->is_object()) return wrong("bodyStructure");
      if (!node(structure->get_object(), out, 0)) return false;
    } else if (!usual(text, html, files, out)) {
      return false;
    }
    if (!missing_.empty()) {
      error = set_error("blobNotFound");
      error["notFound"] = to_array(missing_);
      return false;
    }
    return true;
  }
  json::object error;

 private:
  bool wrong(std::string property, std::string_view why = {}) {
    error = set_error("invalidProperties", why, {std::move(property)});
    return false;
  }
  const json::array* list(std::string_view name) const {
    const auto* value = email_.if_contains(name);
    return value ? value->if_array() : nullptr;
  }

  bool usual(const json::array* text, const json::array* html, const json::array* files, mime::Node& out) {
    for (const auto& [name, type] : {std::pair{"textBody", "text/plain"}, std::pair{"htmlBody", "text/html"}}) {
      const auto* value = email_.if_contains(name);
      if (!value || value->is_null()) continue;
      const auto* parts = value->if_array();
      if (!parts || parts->size() != 1 || !(*parts)[0].is_object()) return wrong(name, "must have exactly one part");
      const auto* given = (*parts)[0].get_object().if_contains("type");
      if (given && to_text(*given) != type) return wrong(name, "has another type");
    }
    mime::Node plain, rich;
    if (text && !node((*text)[0].get_object(), plain, 0)) return false;
    if (html && !node((*html)[0].get_object(), rich, 0)) return false;
    std::vector<mime::Attachment> attachments;
    if (files) {
      for (const auto& item : *files) {
        mime::Node file;
        if (!item.is_object() || !node(item.get_object(), file, 0)) return error.empty() ? wrong("attachments") : false;
        attachments.push_back({file.type, file.name, file.cid, file.disposition == "inline", std::move(file.bytes)});
      }
    }
    out = mime::usual_body(text ? &plain.bytes : nullptr, html ? &rich.bytes : nullptr, attachments);
    return true;
  }

  bool node(const json::object& part, mime::Node& out, int depth) {
    if (depth > kMaxDepth || ++parts_ > kMaxParts) return wrong("bodyStructure", "too many parts");
    const auto text = [&](std::string_view name) {
      const auto* value = part.if_contains(name);
      return value ? to_text(*value) : std::string();
    };
    out.type = text("type").empty() ? "text/plain" : base::to_lower(text("type"));
    if (!mime::valid_media_type(out.type)) return wrong("type", "not a media type");
    out.name = text("name");
    out.cid = text("cid");
    out.disposition = text("disposition");
    out.location = text("location");
    if (const auto* languages = part.if_contains("language"); languages && languages->is_array()) {
      for (const auto& l : languages->get_array()) out.language += (out.language.empty() ? "" : ", ") + to_text(l);
    }
    if (!part_headers(part, out)) return false;
    if (out.type.starts_with("multipart/")) return children(part, out, depth);
    return content(part, out);
  }

  bool part_headers(const json::object& part, mime::Node& out) {
    for (const auto& [key, value] : part) {
      const std::string name(key.data(), key.size());
      if (name == "headers") return wrong("headers");
      if (!name.starts_with("header:")) continue;
      const auto header = header_property(name);
      const bool good = header && !header->all && value.is_string() &&
                        !base::istarts_with(header->field, "content-transfer-encoding") &&
                        !base::istarts_with(header->field, "content-type");
      if (!good) return wrong(name);
      out.extra.emplace_back(header->field, to_text(value));
    }
    return true;
  }

  bool children(const json::object& part, mime::Node& out, int depth) {
    const auto* parts = part.if_contains("subParts");
    if (!parts || !parts->is_array()) return wrong("subParts");
    for (const auto& child : parts->get_array()) {
      out.children.emplace_back();
      if (!child.is_object()) return wrong("subParts");
      if (!node(child.get_object(), out.children.back(), depth + 1)) return false;
    }
    return true;
  }

  // From bodyValues (partId) or a blob.
  bool content(const json::object& part, mime::Node& out) {
    const auto *part_id = part.if_contains("partId"), *blob_id = part.if_contains("blobId");
    const bool by_part = part_id && part_id->is_string(), by_blob = blob_id && blob_id->is_string();
    if (by_part == by_blob) return wrong("partId", "exactly one of partId and blobId is needed");
    if (part.contains("size") && by_part) return wrong("size");
    if (by_part) {
      if (part.contains("charset")) return wrong("charset", "a body value has no charset");
      const auto* values = email_.if_contains("bodyValues");
      const auto* value = values && values->is_object() ? values->get_object().if_contains(to_text(*part_id)) : nullptr;
      const auto* object = value ? value->if_object() : nullptr;
      const auto* text = object ? object->if_contains("value") : nullptr;
      if (!text || !text->is_string()) return wrong("bodyValues", "a partId has no value");
      for (const char* flag : {"isEncodingProblem", "isTruncated"}) {
        const auto* f = object->if_contains(flag);
        if (f && f->is_bool() && f->get_bool()) return wrong("bodyValues", "a value is marked as incomplete");
      }
      out.bytes = to_text(*text);
      return true;
    }
    auto blob = read_blob(call_.context.store, call_.context.uploads, call_.context.user.account_id, to_text(*blob_id));
    if (!blob) {
      if (blob.error() != Errc::not_found) {
        error = set_error(blob.error());
        return false;
      }
      missing_.push_back(to_text(*blob_id));
      return true;
    }
    total_ += blob->bytes.size();
    if (total_ > call_.context.limits.max_attachments) {
      error = set_error("tooLarge", "the attachments are too large");
      return false;
    }
    out.bytes = std::move(blob->bytes);
    return true;
  }

  Call& call_;
  const json::object& email_;
  std::vector<std::string> missing_;
  std::size_t parts_ = 0;
  std::uint64_t total_ = 0;
};

// False: `wrong` names the property.
bool read_property(Call& call, const std::string& name, const json::value& value, mime::Draft& draft, Composed& out,
                   std::map<std::string, std::string>& fields) {
  if (name == "mailboxIds") return read_mailbox_ids(call, value, out.mailbox_ids);
  if (name == "keywords") return value.is_null() || read_keywords(value, out.keywords);
  if (name == "receivedAt") {
    if (value.is_null()) return true;
    const auto seconds = mime::parse_rfc3339(to_text(value));
    out.received = seconds.value_or(out.received);
    return seconds.has_value();
  }
  for (const char* body : {"bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments"}) {
    if (name == body) return true;  // BodyReader's
  }
  const auto brief = short_property(name);
  const auto header = brief ? brief : header_property(name);
  if (!header) return false;
  // The same field by two properties would be ambiguous (RFC 8621 4.6).
  if (!fields.emplace(base::to_lower(header->field), name).second) return false;
  return set_header(*header, value, draft);
}

}  // namespace

bool read_mailbox_ids(Call& call, const json::value& value, std::vector<std::string>& out) {
  const auto* object = value.if_object();
  if (!object) return false;
  for (const auto& [key, flag] : *object) {
    const auto id = call.resolve(std::string_view(key.data(), key.size()));
    if (!flag.is_bool() || !flag.get_bool() || !id) return false;
    out.push_back(*id);
  }
  return true;
}

bool read_keywords(const json::value& value, std::vector<std::string>& out) {
  const auto* object = value.if_object();
  if (!object || object->size() > 100) return false;
  for (const auto& [key, flag] : *object) {
    const std::string_view name(key.data(), key.size());
    if (!flag.is_bool() || !flag.get_bool() || !valid_keyword(name)) return false;
    out.push_back(base::to_lower(name));
  }
  return true;
}

bool mailboxes_exist(Call& call, const std::vector<std::string>& ids) {
  auto all = call.context.store.mailboxes(false);
  if (!all) return false;
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return std::any_of(all->begin(), all->end(), [&](const Mailbox& box) { return box.id == id; });
  });
}

bool compose(Call& call, const json::object& object, Composed& out, json::object& error) {
  mime::Draft draft;
  draft.date = out.received = call.context.now;
  std::vector<std::string> wrong;
  std::map<std::string, std::string> fields;
  for (const auto& [key, value] : object) {
    const std::string name(key.data(), key.size());
    if (!read_property(call, name, value, draft, out, fields)) wrong.push_back(name);
  }
  if (out.mailbox_ids.empty() || !mailboxes_exist(call, out.mailbox_ids)) {
    if (std::find(wrong.begin(), wrong.end(), "mailboxIds") == wrong.end()) wrong.emplace_back("mailboxIds");
  }
  if (!wrong.empty()) {
    error = set_error("invalidProperties", "", wrong);
    return false;
  }
  BodyReader body(call, object);
  if (!body.read(draft.body)) {
    error = std::move(body.error);
    return false;
  }
  out.message = mime::build_message(draft);
  return true;
}

}  // namespace genkan::webmail::jmap
