// room: webmail
// Any bytes as a message: parse, decode every part, choose bodies, make previews, rebuild from what was read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "webmail/mime/builder.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/mime/preview.hpp"

namespace mime = genkan::webmail::mime;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_fields(std::string_view bytes, const mime::Part& part) {
  for (const auto& field : part.fields) {
    const auto raw = field.value.in(bytes);
    const auto text = mime::decode_text(raw);
    require(mime::valid_utf8(text) && text.find_first_of("\r\n") == text.npos);
    for (const auto& address : mime::parse_addresses(raw)) require(mime::valid_utf8(address.name + address.email));
    mime::parse_message_ids(raw);
    mime::parse_date(raw);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = mime::parse(bytes);
  check_fields(bytes, message.root);
  mime::Draft draft;
  std::string body;
  std::vector<mime::Attachment> attachments;
  for (const auto* part : mime::leaves(message)) {
    require(part->body.offset + part->body.length <= size);
    check_fields(bytes, *part);
    const auto text = mime::part_text(bytes, *part, 4096);
    require(mime::valid_utf8(text.value) && text.value.size() <= 4096);
    require(mime::valid_utf8(mime::preview_of(mime::html_to_text(text.value))));
    body = text.value;
    if (attachments.size() < 4) attachments.push_back({part->type, part->name, part->cid, true, text.value});
  }
  mime::bodies(message);
  if (const auto* subject = message.root.find("subject")) draft.subject = mime::decode_text(subject->value.in(bytes));
  if (const auto* from = message.root.find("from")) draft.from = mime::parse_addresses(from->value.in(bytes));
  draft.body = mime::usual_body(&body, &body, attachments);
  const auto built = mime::build_message(draft);
  const auto again = mime::parse(built);
  require(again.root.find("bcc") == nullptr);
  return 0;
}
