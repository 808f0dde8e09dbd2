// How full a Maildir is, as Maildir++ keeps it (the file "maildirsize" beside the inbox), so that Dovecot or Courier on
// the same folders count alike:
//
//   10000000S          the quota that the sums below were made for; "S" octets, "C" messages
//   4093 2             what it was when the file was made anew
//   -512 -1            every change since, one line, appended in one write
//
// The file is made anew from the folders (all but .Trash) when it is missing, made for another quota, grown to 5120
// octets, or says that the mailbox is full and is older than 15 minutes or has changes. Everything here blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace genkan::webmail {

struct MaildirUsage {
  std::int64_t octets = 0, messages = 0;
};

struct MaildirSize {
  std::uint64_t quota = 0;  // octets
  MaildirUsage usage;
  std::size_t lines = 0;  // of usage
};

constexpr std::size_t kMaxMaildirSize = 5120;

// Nothing when it is none, or too long to be used.
std::optional<MaildirSize> parse_maildirsize(std::string_view text);

// Whether `size` octets more fit into `quota`. Makes the file anew where that is called for.
Result<bool> maildir_has_room(const std::string& maildir, std::uint64_t quota, std::uint64_t size);

// A change by us. Does nothing where no quota was ever asked about.
void note_maildir_change(const std::string& maildir, std::int64_t octets, std::int64_t messages);
// What a change by many messages at once leaves of the file: nothing, it is made anew when it is needed.
void forget_maildirsize(const std::string& maildir);

}  // namespace genkan::webmail
