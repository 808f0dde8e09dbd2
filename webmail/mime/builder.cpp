#include "webmail/mime/builder.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/transfer.hpp"

namespace genkan::webmail::mime {

namespace {

constexpr std::size_t kLine = 76;

bool is_ascii(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string without_controls(std::string_view text) {
  std::string out;
  for (const char c : repair_utf8(text)) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\r' || c == '\n' || c == '\t') {
      out += ' ';
    } else if (u >= 0x20 && u != 0x7F) {
      out += c;
    }
  }
  return out;
}

// Collects one field and folds it before the pieces that would make a line too long.
class Line {
 public:
  explicit Line(std::string_view name) : out_(std::string(name) + ":"), column_(out_.size()) {}
  void add(std::string_view piece) {
    if (column_ + 1 + piece.size() > kLine && column_ > 1) {
      out_ += "\r\n";
      column_ = 0;
    }
    out_ += ' ';
    out_ += piece;
    column_ += 1 + piece.size();
  }
  std::string end() { return std::move(out_ += "\r\n"); }

 private:
  std::string out_;
  std::size_t column_;
};

// RFC 2047: words of at most 75 characters, none cuts a UTF-8 character.
std::vector<std::string> encoded_words(std::string_view text) {
  constexpr std::size_t kBytes = 42;  // 56 in base64 and 12 around them
  std::vector<std::string> words;
  while (!text.empty()) {
    auto piece = utf8_prefix(text, kBytes);
    if (piece.empty()) piece = text.substr(0, kBytes);
    words.push_back("=?UTF-8?B?" + base::base64(piece) + "?=");
    text.remove_prefix(piece.size());
  }
  return words;
}

void add_text(Line& line, std::string_view text) {
  // Runs of blanks would not survive folding, and "=?" would be read as an encoded word.
  const bool looks_encoded = text.find("=?") != text.npos || text.find("  ") != text.npos;
  bool long_word = false;
  for (const auto word : base::split(text, ' ')) long_word |= word.size() > 900;
  if (!is_ascii(text) || looks_encoded || long_word) {
    for (const auto& word : encoded_words(text)) line.add(word);
    return;
  }
  for (const auto word : base::split(text, ' ')) line.add(word);
}

std::string display_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || c == '-' ||
           c == '_' || c == '\'';
  };
  if (std::all_of(name.begin(), name.end(), plain)) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// name="..." for ASCII, name*=UTF-8''... otherwise (RFC 2231).
std::string parameter(std::string_view name, std::string_view raw) {
  auto value = without_controls(raw);
  if (value.size() > 255) value.resize(utf8_prefix(value, 255).size());
  if (is_ascii(value)) {
    std::string out = ";\r\n " + std::string(name) + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + '"';
  }
  std::string out = ";\r\n " + std::string(name) + "*=UTF-8''";
  for (const char c : value) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += base::hex(std::string_view(&c, 1));
    }
  }
  return out;
}

std::string text_part(const std::string& head, std::string_view text) {
  const auto body = repair_utf8(text);
  // Mostly ASCII reads better as quoted-printable; Japanese is shorter in base64.
  const auto high =
      std::count_if(body.begin(), body.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  const bool use_base64 = static_cast<std::size_t>(high) * 6 > body.size();
  if (!use_base64) return head + "quoted-printable\r\n\r\n" + encode_quoted_printable(body);
  std::string lines;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r')) lines += '\r';
    lines += body[i];
  }
  return head + "base64\r\n\r\n" + encode_base64_lines(lines);
}

std::string multipart(const std::string& head, std::string_view type, const std::vector<std::string>& parts) {
  // '=_' can't stand in quoted-printable nor in base64, so the boundary can't appear in an encoded part.
  const std::string boundary = "=_" + base::random_token(18);
  std::string out = "Content-Type: " + std::string(type) + "; boundary=\"" + boundary + "\"\r\n" + head + "\r\n";
  for (const auto& part : parts) {
    out += "--" + boundary + "\r\n" + part;
    if (!out.ends_with("\r\n")) out += "\r\n";
  }
  return out + "--" + boundary + "--\r\n";
}

// The fields of a part beside Content-Type and the encoding.
std::string part_fields(const Node& node) {
  std::string out;
  if (!node.disposition.empty() || !node.name.empty()) {
    const bool shown = base::iequals(node.disposition, "inline");
    out += std::string("Content-Disposition: ") + (shown ? "inline" : "attachment");
    if (!node.name.empty()) out += parameter("filename", node.name);
    out += "\r\n";
  }
  if (!node.cid.empty()) out += id_field("Content-ID", {node.cid});
  if (!node.language.empty()) out += unstructured_field("Content-Language", node.language);
  if (!node.location.empty()) out += unstructured_field("Content-Location", node.location);
  for (const auto& [name, value] : node.extra) {
    if (valid_field_name(name)) out += unstructured_field(name, value);
  }
  return out;
}

std::string write_node(const Node& node) {
  auto type = base::to_lower(node.type);
  if (!valid_media_type(type)) type = "application/octet-stream";
  if (type.starts_with("multipart/")) {
    std::vector<std::string> parts;
    for (const auto& child : node.children) parts.push_back(write_node(child));
    return multipart(part_fields(node), type, parts);
  }
  // RFC 2046 5.2.1 forbids to encode a message, and we can't promise that its lines pass: it travels as a file.
  if (type.starts_with("message/")) type = "application/octet-stream";
  // A file keeps its bytes; a body may have its line ends made right.
  const bool text = type.starts_with("text/") && valid_utf8(node.bytes);
  const bool file = !node.disposition.empty() || !node.name.empty();
  std::string head = "Content-Type: " + type;
  if (text) head += "; charset=utf-8";
  if (!node.name.empty()) head += parameter("name", node.name);
  head += "\r\n" + part_fields(node) + "Content-Transfer-Encoding: ";
  return text && !file ? text_part(head, node.bytes) : head + "base64\r\n\r\n" + encode_base64_lines(node.bytes);
}

std::string make_message_id(const Draft& draft) {
  std::string domain = "localhost";
  if (!draft.from.empty()) {
    const auto at = draft.from.front().email.rfind('@');
    if (at != std::string::npos && valid_email(draft.from.front().email))
      domain = draft.from.front().email.substr(at + 1);
  }
  return base::random_token(18) + "@" + domain;
}

}  // namespace

std::string unstructured_field(std::string_view name, std::string_view text) {
  Line line(name);
  add_text(line, without_controls(text));
  return line.end();
}

std::string address_field(std::string_view name, const std::vector<Address>& addresses) {
  Line line(name);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto person = without_controls(addresses[i].name);
    std::string email = without_controls(addresses[i].email);
    std::erase_if(email, [](char c) { return c == '<' || c == '>' || c == ' ' || c == ',' || c == ';'; });
    if (!person.empty() && is_ascii(person) && person.find("=?") == person.npos) {
      line.add(display_name(person.substr(0, 800)));
    } else {
      for (const auto& word : encoded_words(person)) line.add(word);
    }
    line.add((person.empty() ? email : "<" + email + ">") + (i + 1 < addresses.size() ? "," : ""));
  }
  return line.end();
}

std::string id_field(std::string_view name, const std::vector<std::string>& ids) {
  Line line(name);
  for (const auto& raw : ids) {
    auto id = without_controls(raw);
    std::erase_if(id, [](char c) { return c == '<' || c == '>' || c == ' '; });
    if (!id.empty() && id.size() < 900) line.add("<" + id + ">");
  }
  return line.end();
}

Node usual_body(const std::string* text, const std::string* html, const std::vector<Attachment>& attachments) {
  const auto wrap = [](std::string type, std::vector<Node> children) {
    Node node;
    node.type = std::move(type);
    node.children = std::move(children);
    return node;
  };
  std::vector<Node> shown, files;
  for (const auto& a : attachments) {
    Node node{a.type, a.bytes, a.name, a.cid, a.is_inline ? "inline" : "attachment", {}, {}, {}, {}};
    (!a.cid.empty() && a.is_inline && html ? shown : files).push_back(std::move(node));
  }
  Node body;
  if (html) {
    body.type = "text/html";
    body.bytes = *html;
    if (!shown.empty()) {
      shown.insert(shown.begin(), std::move(body));
      body = wrap("multipart/related", std::move(shown));
    }
    if (text) {
      Node plain;
      plain.bytes = *text;
      body = wrap("multipart/alternative", {std::move(plain), std::move(body)});
    }
  } else if (text) {
    body.bytes = *text;
  }
  if (files.empty()) return body;
  files.insert(files.begin(), std::move(body));
  return wrap("multipart/mixed", std::move(files));
}

// A media type that can't carry anything but itself.
bool valid_media_type(std::string_view type) {
  return type.size() <= 100 && std::count(type.begin(), type.end(), '/') == 1 && !type.starts_with('/') &&
         !type.ends_with('/') && std::all_of(type.begin(), type.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' ||
                  c == '+' || c == '.' || c == '_';
         });
}

bool valid_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

std::string build_message(const Draft& draft) {
  std::string out = "Date: " + base::rfc5322_date(WallTime(std::chrono::seconds(draft.date))) + "\r\n";
  const auto add = [&](std::string_view name, const std::vector<Address>& list) {
    if (!list.empty()) out += address_field(name, list);
  };
  add("From", draft.from);
  add("Sender", draft.sender);
  add("Reply-To", draft.reply_to);
  add("To", draft.to);
  add("Cc", draft.cc);
  add("Bcc", draft.bcc);
  out += id_field("Message-ID", {draft.message_id.empty() ? make_message_id(draft) : draft.message_id});
  if (!draft.in_reply_to.empty()) out += id_field("In-Reply-To", draft.in_reply_to);
  if (!draft.references.empty()) out += id_field("References", draft.references);
  out += unstructured_field("Subject", draft.subject);
  for (const auto& [name, value] : draft.extra) {
    if (valid_field_name(name)) out += unstructured_field(name, value);
  }
  return out + "MIME-Version: 1.0\r\n" + write_node(draft.body);
}

std::string without_field(std::string_view message, std::string_view name) {
  std::string out;
  out.reserve(message.size());
  std::size_t at = 0;
  bool dropping = false;
  while (at < message.size()) {
    const auto newline = message.find('\n', at);
    const auto next = newline == message.npos ? message.size() : newline + 1;
    const auto line = message.substr(at, next - at);
    if (line == "\r\n" || line == "\n") break;
    const bool folded = line[0] == ' ' || line[0] == '\t';
    if (!folded) dropping = base::iequals(base::trim(line.substr(0, line.find(':'))), name);
    if (!dropping) out += line;
    at = next;
  }
  out += message.substr(at);
  return out;
}

}  // namespace genkan::webmail::mime
