// What the index keeps of one message. Pure: bytes in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/mime/address.hpp"
#include "webmail/mime/header.hpp"

namespace genkan::webmail {

struct Summary {
  std::vector<mime::Address> from, to, cc, bcc;
  std::string subject;
  std::string subject_base;    // without "Re:", "Fwd:", list tags; folded: equal for mails of one conversation
  bool subject_reply = false;  // it had a reply prefix
  std::string message_id;
  std::vector<std::string> references;  // References and In-Reply-To, without the message's own id
  std::optional<mime::Date> sent;
  std::string preview;
  bool has_attachment = false;
  std::string body_text;  // NFKC, case folded, at most kMaxBodyText bytes
};

constexpr std::size_t kMaxBodyText = 64 * 1024;

Summary summarise(std::string_view message);

// RFC 5256 2.1, with the prefixes that Japanese programs write. `reply` (may be null): a reply prefix was there.
std::string subject_base(std::string_view subject, bool* reply = nullptr);

// JSON text as JMAP has addresses: [{"name":null,"email":"a@x"}].
std::string addresses_json(const std::vector<mime::Address>& addresses);

}  // namespace genkan::webmail
