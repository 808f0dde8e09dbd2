#include "webmail/jmap/headers.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::jmap {

namespace {

struct Named {
  std::string_view text;
  Form form;
};
constexpr std::array kForms = {Named{"asRaw", Form::raw},
                               Named{"asText", Form::text},
                               Named{"asAddresses", Form::addresses},
                               Named{"asGroupedAddresses", Form::grouped},
                               Named{"asMessageIds", Form::message_ids},
                               Named{"asDate", Form::date},
                               Named{"asURLs", Form::urls}};

struct Short {
  std::string_view property, field;
  Form form;
};
constexpr std::array kShort = {Short{"messageId", "Message-ID", Form::message_ids},
                               Short{"inReplyTo", "In-Reply-To", Form::message_ids},
                               Short{"references", "References", Form::message_ids},
                               Short{"sender", "Sender", Form::addresses},
                               Short{"from", "From", Form::addresses},
                               Short{"to", "To", Form::addresses},
                               Short{"cc", "Cc", Form::addresses},
                               Short{"bcc", "Bcc", Form::addresses},
                               Short{"replyTo", "Reply-To", Form::addresses},
                               Short{"subject", "Subject", Form::text},
                               Short{"sentAt", "Date", Form::date}};

// What a field of RFC 5322 or RFC 2369 means; others may be read in any form.
struct Meaning {
  std::string_view field;
  Form form;
};
constexpr std::array kMeanings = {Meaning{"subject", Form::text},
                                  Meaning{"comments", Form::text},
                                  Meaning{"keywords", Form::text},
                                  Meaning{"list-id", Form::text},
                                  Meaning{"from", Form::addresses},
                                  Meaning{"sender", Form::addresses},
                                  Meaning{"reply-to", Form::addresses},
                                  Meaning{"to", Form::addresses},
                                  Meaning{"cc", Form::addresses},
                                  Meaning{"bcc", Form::addresses},
                                  Meaning{"resent-from", Form::addresses},
                                  Meaning{"resent-sender", Form::addresses},
                                  Meaning{"resent-reply-to", Form::addresses},
                                  Meaning{"resent-to", Form::addresses},
                                  Meaning{"resent-cc", Form::addresses},
                                  Meaning{"resent-bcc", Form::addresses},
                                  Meaning{"message-id", Form::message_ids},
                                  Meaning{"in-reply-to", Form::message_ids},
                                  Meaning{"references", Form::message_ids},
                                  Meaning{"resent-message-id", Form::message_ids},
                                  Meaning{"date", Form::date},
                                  Meaning{"resent-date", Form::date},
                                  Meaning{"list-help", Form::urls},
                                  Meaning{"list-unsubscribe", Form::urls},
                                  Meaning{"list-subscribe", Form::urls},
                                  Meaning{"list-post", Form::urls},
                                  Meaning{"list-owner", Form::urls},
                                  Meaning{"list-archive", Form::urls},
                                  Meaning{"received", Form::raw},
                                  Meaning{"return-path", Form::raw}};

bool form_allowed(std::string_view field, Form form) {
  if (form == Form::raw) return true;
  const auto lower = base::to_lower(field);
  for (const auto& meaning : kMeanings) {
    if (meaning.field != lower) continue;
    return meaning.form == form || (meaning.form == Form::addresses && form == Form::grouped);
  }
  return true;
}

json::array address_list(const std::vector<mime::Address>& list) {
  json::array out;
  for (const auto& a : list) {
    out.push_back(
        json::object{{"name", a.name.empty() ? json::value(nullptr) : json::value(a.name)}, {"email", a.email}});
  }
  return out;
}

json::array urls(std::string_view raw) {
  json::array out;
  const auto text = mime::unfold(raw);
  for (std::size_t at = text.find('<'); at != text.npos; at = text.find('<', at)) {
    const auto end = text.find('>', at);
    if (end == text.npos) break;
    out.push_back(json::value(mime::repair_utf8(base::trim(std::string_view(text).substr(at + 1, end - at - 1)))));
    at = end;
  }
  return out;
}

std::string raw_text(std::string_view raw) {
  auto text = mime::repair_utf8(raw);
  std::erase(text, '\0');
  return text;
}

json::value in_form(std::string_view raw, Form form) {
  switch (form) {
    case Form::raw:
      return json::value(raw_text(raw));
    case Form::text:
      return json::value(mime::decode_text(raw));
    case Form::addresses:
      return address_list(mime::parse_addresses(raw));
    case Form::grouped: {
      json::array out;
      for (const auto& group : mime::parse_address_groups(raw)) {
        out.push_back(json::object{{"name", group.name ? json::value(*group.name) : json::value(nullptr)},
                                   {"addresses", address_list(group.addresses)}});
      }
      return out;
    }
    case Form::message_ids: {
      const auto ids = mime::parse_message_ids(raw);
      if (ids.empty()) return nullptr;
      return to_array(ids);
    }
    case Form::date: {
      const auto date = mime::parse_date(raw);
      if (!date) return nullptr;
      return json::value(mime::rfc3339(*date));
    }
    case Form::urls: {
      auto list = urls(raw);
      if (list.empty()) return nullptr;
      return list;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<HeaderProperty> short_property(std::string_view property) {
  for (const auto& s : kShort) {
    if (s.property == property) return HeaderProperty{std::string(s.field), s.form, false};
  }
  return {};
}

std::optional<HeaderProperty> header_property(std::string_view property) {
  const auto parts = base::split(property, ':');
  if (parts.size() < 2 || parts.size() > 4 || parts[0] != "header" || !mime::valid_field_name(parts[1])) return {};
  HeaderProperty out;
  out.field = parts[1];
  std::size_t next = 2;
  if (next < parts.size() && parts[next] != "all") {
    const auto form = std::find_if(kForms.begin(), kForms.end(), [&](const Named& n) { return n.text == parts[next]; });
    if (form == kForms.end()) return {};
    out.form = form->form;
    ++next;
  }
  if (next < parts.size()) {
    if (parts[next] != "all" || next + 1 != parts.size()) return {};
    out.all = true;
  }
  if (!form_allowed(out.field, out.form)) return {};
  return out;
}

json::value header_value(std::string_view message, const mime::Part& part, const HeaderProperty& property) {
  if (!property.all) {
    const auto* field = part.find(property.field);
    if (!field) return nullptr;
    return in_form(field->value.in(message), property.form);
  }
  json::array out;
  for (const auto& field : part.fields) {
    if (base::iequals(field.name, property.field)) out.push_back(in_form(field.value.in(message), property.form));
  }
  return out;
}

json::array all_headers(std::string_view message, const mime::Part& part) {
  json::array out;
  for (const auto& field : part.fields) {
    out.push_back(json::object{{"name", field.name}, {"value", raw_text(field.value.in(message))}});
  }
  return out;
}

namespace {

bool read_addresses(const json::value& value, std::vector<mime::Address>& out) {
  if (value.is_null()) return true;
  const auto* list = value.if_array();
  if (!list) return false;
  for (const auto& item : *list) {
    const auto* object = item.if_object();
    const auto* email = object ? object->if_contains("email") : nullptr;
    if (!email || !email->is_string()) return false;
    const auto* name = object->if_contains("name");
    if (name && !name->is_null() && !name->is_string()) return false;
    out.push_back({name ? to_text(*name) : std::string(), to_text(*email)});
  }
  return true;
}

bool read_ids(const json::value& value, std::vector<std::string>& out) {
  if (value.is_null()) return true;
  const auto* list = value.if_array();
  if (!list) return false;
  for (const auto& item : *list) {
    if (!item.is_string()) return false;
    out.push_back(to_text(item));
  }
  return true;
}

}  // namespace

bool set_header(const HeaderProperty& property, const json::value& value, mime::Draft& draft) {
  const auto field = base::to_lower(property.field);
  if (property.all || field.starts_with("content-") || field == "mime-version") return false;
  struct List {
    std::string_view field;
    std::vector<mime::Address>* list;
  };
  for (const auto& l : {List{"from", &draft.from}, List{"sender", &draft.sender}, List{"to", &draft.to},
                        List{"cc", &draft.cc}, List{"bcc", &draft.bcc}, List{"reply-to", &draft.reply_to}}) {
    if (l.field == field) return property.form == Form::addresses && read_addresses(value, *l.list);
  }
  if (field == "in-reply-to") return property.form == Form::message_ids && read_ids(value, draft.in_reply_to);
  if (field == "references") return property.form == Form::message_ids && read_ids(value, draft.references);
  if (field == "message-id") {
    std::vector<std::string> ids;
    const bool good = property.form == Form::message_ids && read_ids(value, ids) && ids.size() <= 1;
    if (good && !ids.empty()) draft.message_id = ids.front();
    return good;
  }
  if (field == "date") {
    if (value.is_null()) return true;
    const auto seconds = mime::parse_rfc3339(to_text(value));
    if (seconds) draft.date = *seconds;
    return property.form == Form::date && seconds.has_value();
  }
  const bool text_form = property.form == Form::raw || property.form == Form::text;
  if (!text_form || (!value.is_string() && !value.is_null())) return false;
  if (field == "subject") {
    draft.subject = to_text(value);
  } else if (value.is_string()) {
    draft.extra.emplace_back(property.field, std::string(base::trim(to_text(value))));
  }
  return true;
}

}  // namespace genkan::webmail::jmap
