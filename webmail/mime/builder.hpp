// Writes a message (RFC 5322, MIME): UTF-8, encoded words (RFC 2047) for what is not ASCII, file names by RFC 2231,
// CRLF, lines within 998 bytes. A value can't end its header: controls are taken out before anything is written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "webmail/mime/address.hpp"

namespace genkan::webmail::mime {

// One part of the body as it shall be written.
struct Node {
  std::string type = "text/plain";  // "multipart/..." has children and nothing else
  std::string bytes;                // decoded; text/* is UTF-8
  std::string name, cid, disposition, language, location;
  std::vector<std::pair<std::string, std::string>> extra;  // further fields of this part, decoded
  std::vector<Node> children;
};

struct Attachment {
  std::string type;  // "image/png"
  std::string name;
  std::string cid;         // without brackets; not empty: the part can be shown by cid:
  bool is_inline = false;  // Content-Disposition: inline
  std::string bytes;       // decoded
};

// The usual nesting: mixed(alternative(text, related(html, inline parts...)), files...), without what isn't needed.
Node usual_body(const std::string* text, const std::string* html, const std::vector<Attachment>& attachments);

struct Draft {
  std::vector<Address> from, sender, to, cc, bcc, reply_to;
  std::string subject;
  std::string message_id;  // without brackets; empty: one is made
  std::vector<std::string> in_reply_to, references;
  std::int64_t date = 0;                                   // seconds since 1970
  std::vector<std::pair<std::string, std::string>> extra;  // further unstructured fields, decoded
  Node body;
};

std::string build_message(const Draft& draft);

// One whole field with its CRLF, folded.
std::string unstructured_field(std::string_view name, std::string_view text);
std::string address_field(std::string_view name, const std::vector<Address>& addresses);
std::string id_field(std::string_view name, const std::vector<std::string>& ids);
bool valid_field_name(std::string_view name);
bool valid_media_type(std::string_view type);
// `bytes` without the fields of that name (Bcc, before a message is sent).
std::string without_field(std::string_view message, std::string_view name);

}  // namespace genkan::webmail::mime
