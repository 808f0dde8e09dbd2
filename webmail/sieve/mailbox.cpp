#include "webmail/sieve/mailbox.hpp"

#include "base/text.hpp"
#include "webmail/maildir/maildir.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

namespace {

constexpr std::size_t kMaxName = 200;    // as it is written
constexpr std::size_t kMaxFolder = 240;  // on the disk

}  // namespace

bool valid_mailbox(std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxName || !mime::valid_utf8(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  for (const auto level : base::split(name, '/')) {
    if (base::trim(level).empty()) return false;
  }
  return base::iequals(name, "INBOX") || folder_from_name(name).size() <= kMaxFolder;
}

std::string mailbox_folder(std::string_view name) {
  return base::iequals(name, "INBOX") ? std::string() : folder_from_name(name);
}

}  // namespace genkan::webmail::sieve
