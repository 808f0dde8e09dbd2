#include "webmail/store/summary.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/mime/preview.hpp"

namespace genkan::webmail {

namespace {

using mime::Part;

std::string_view raw_field(std::string_view message, const Part& part, std::string_view name) {
  const auto* field = part.find(name);
  return field ? field->value.in(message) : std::string_view();
}

std::vector<std::string> references_of(std::string_view message, const Part& root, const std::string& own) {
  auto ids = mime::parse_message_ids(raw_field(message, root, "references"));
  for (auto& id : mime::parse_message_ids(raw_field(message, root, "in-reply-to"))) ids.push_back(std::move(id));
  std::vector<std::string> once;
  for (auto& id : ids) {
    if (id != own && std::find(once.begin(), once.end(), id) == once.end()) once.push_back(std::move(id));
  }
  return once;
}

std::string body_words(std::string_view message, const mime::Bodies& bodies) {
  constexpr std::size_t kMaxSource = 512 * 1024;  // of HTML, for kMaxBodyText of words
  std::string words;
  for (const auto* part : bodies.text) {
    if (!part->is_text() || words.size() >= kMaxBodyText) continue;
    auto text = mime::part_text(message, *part, kMaxSource);
    words += part->type == "text/html" ? mime::html_to_text(text.value, kMaxBodyText) : std::move(text.value);
    words += '\n';
  }
  return words;
}

// The end of one prefix, "re:", "Re[2]:", "返信：", or 0.
std::size_t prefix_length(std::string_view s, bool& reply) {
  struct Prefix {
    std::string_view text;
    bool reply;
  };
  for (const auto& p : {Prefix{"re", true}, Prefix{"fwd", false}, Prefix{"fw", false}, Prefix{"aw", true},
                        Prefix{"sv", true}, Prefix{"返信", true}, Prefix{"転送", false}}) {
    if (!s.starts_with(p.text)) continue;
    std::size_t i = p.text.size();
    if (i < s.size() && s[i] == '[') {
      const auto close = s.find(']', i);
      if (close == s.npos || !base::parse_uint(s.substr(i + 1, close - i - 1))) continue;
      i = close + 1;
    }
    while (i < s.size() && s[i] == ' ') ++i;
    if (i >= s.size() || s[i] != ':') continue;
    reply |= p.reply;
    return i + 1;
  }
  return 0;
}

}  // namespace

std::string subject_base(std::string_view subject, bool* reply) {
  const auto folded = mime::fold_for_search(subject);  // full-width colons become ':'
  std::string_view s = base::trim(folded);
  bool was_reply = false;
  for (bool again = true; again;) {
    again = false;
    if (const auto n = prefix_length(s, was_reply)) {
      s = base::trim(s.substr(n));
      again = true;
    } else if (s.starts_with('[')) {  // a list's tag, unless it is all there is
      const auto close = s.find(']');
      const auto rest = close == s.npos ? std::string_view() : base::trim(s.substr(close + 1));
      again = !rest.empty();
      if (again) s = rest;
    }
  }
  if (reply) *reply = was_reply;
  return std::string(s);
}

std::string addresses_json(const std::vector<mime::Address>& addresses) {
  std::string out = "[";
  for (const auto& a : addresses) {
    if (out.size() > 1) out += ',';
    out += "{\"name\":" + (a.name.empty() ? std::string("null") : base::json_quote(a.name)) +
           ",\"email\":" + base::json_quote(a.email) + "}";
  }
  return out + "]";
}

Summary summarise(std::string_view message) {
  const auto parsed = mime::parse(message);
  const auto& root = parsed.root;
  const auto bodies = mime::bodies(parsed);
  Summary s;
  s.from = mime::parse_addresses(raw_field(message, root, "from"));
  s.to = mime::parse_addresses(raw_field(message, root, "to"));
  s.cc = mime::parse_addresses(raw_field(message, root, "cc"));
  s.bcc = mime::parse_addresses(raw_field(message, root, "bcc"));
  s.subject = mime::decode_text(raw_field(message, root, "subject"));
  s.subject_base = subject_base(s.subject, &s.subject_reply);
  const auto ids = mime::parse_message_ids(raw_field(message, root, "message-id"));
  if (!ids.empty()) s.message_id = ids.front();
  s.references = references_of(message, root, s.message_id);
  s.sent = mime::parse_date(raw_field(message, root, "date"));
  const auto words = body_words(message, bodies);
  s.preview = mime::preview_of(words);
  s.body_text = mime::fold_for_search(mime::utf8_prefix(words, kMaxBodyText));
  // Pictures that the HTML shows are no attachments to the eye.
  s.has_attachment = std::any_of(bodies.attachments.begin(), bodies.attachments.end(), [](const Part* part) {
    return part->cid.empty() || part->disposition == "attachment";
  });
  return s;
}

}  // namespace genkan::webmail
