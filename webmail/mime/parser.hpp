// A message as a tree of parts (RFC 5322, RFC 2045, RFC 2046). The tree holds offsets into the message, not copies, and
// is built in one pass over the bytes of each level; nothing in a message makes it fail: what is broken becomes the
// most useful thing that it can still be. Limits bound depth, parts and header bytes; what lies beyond stays in the
// last part that was made, and `truncated` says so.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/mime/header.hpp"
#include "webmail/mime/transfer.hpp"

namespace genkan::webmail::mime {

struct Limits {
  int depth = 32;
  std::size_t parts = 1000;
  std::size_t header_bytes = 256 * 1024;  // of one part
  std::size_t fields = 1000;              // of one part
};

struct Part {
  std::string id;  // "1", "1.2": only parts that are not multipart have one (JMAP's partId)
  std::vector<Field> fields;
  std::string type = "text/plain";  // lower case
  Parameters type_parameters;
  std::string disposition;  // lower case, may be empty
  std::string name;         // file name, decoded
  std::string cid;          // Content-Id without brackets
  std::string charset;      // as labelled; empty when not given
  Encoding encoding = Encoding::identity;
  bool encoding_known = true;
  Range header, body;  // body: as it stands in the message, still encoded
  std::vector<Part> children;

  bool is_multipart() const { return type.starts_with("multipart/"); }
  bool is_text() const { return type.starts_with("text/"); }
  const Field* find(std::string_view name) const;  // the last one of that name, as RFC 8621 4.1.3 wants
  const Field* find_first(std::string_view name) const;
};

struct Message {
  Part root;
  bool truncated = false;
};

Message parse(std::string_view bytes, const Limits& limits = {});

// Transfer-decoded bytes of a part, at most `max`.
std::string part_bytes(std::string_view message, const Part& part, std::size_t max = std::string::npos);

struct Text {
  std::string value;  // UTF-8, line ends are LF
  bool problem = false;
  bool truncated = false;
};
// A text part decoded to UTF-8, at most `max` bytes of it.
Text part_text(std::string_view message, const Part& part, std::size_t max = std::string::npos);

// All parts that are not multipart, in order. Pointers into `message`.
std::vector<const Part*> leaves(const Message& message);
const Part* find_part(const Message& message, std::string_view id);

// RFC 8621 4.1.4: which parts are shown as body and which are listed as attachments.
struct Bodies {
  std::vector<const Part*> text, html, attachments;
};
Bodies bodies(const Message& message);

}  // namespace genkan::webmail::mime
