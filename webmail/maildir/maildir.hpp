// Maildir and Maildir++: one file a message, delivered by rename, flags in the file name. Nobody locks; a reader that
// finds a file gone looks again. Other programs (Dovecot, mutt) may use the same folders at the same time.
//
//   MAIL/new cur tmp         the inbox       (a folder without these three isn't one)
//   MAIL/.Sent/new cur tmp   a folder; levels by '.', names in UTF-7 as IMAP has them (RFC 3501 5.1.3)
//   cur/UNIQUE:2,FLAGS       D draft, F flagged, P forwarded, R replied, S seen, T trashed; others are kept
//
// Everything here blocks on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace genkan::webmail {

// What to deliver: `prefix` (header fields that we add, with CRLF), then bytes from memory or from a file.
struct Source {
  std::string_view prefix;
  std::string_view memory;
  int fd = -1;  // not -1: [offset, offset + length) of this file instead of `memory`; read with pread
  std::uint64_t offset = 0, length = 0;
};

struct MaildirEntry {
  std::string base;      // the unique part, before ":2,"
  std::string flags;     // sorted letters
  std::string filename;  // as it is in its folder
  bool is_new = false;   // in new/, otherwise in cur/
};

// What stands in a folder's times: equal stamps mean that nothing came or went.
struct MaildirStamp {
  std::int64_t cur = 0, fresh = 0;  // nanoseconds
  bool operator==(const MaildirStamp&) const = default;
};

class Maildir {
 public:
  explicit Maildir(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  // `folder` is empty for the inbox, else its name on the disk, ".Sent".
  Result<> create(const std::string& folder = "") { return create_all({folder}); }
  Result<> create_all(const std::vector<std::string>& folders);  // one wait for the disk for all that is new
  Result<> rename_folder(const std::string& from, const std::string& to);
  Result<> remove_folder(const std::string& folder);  // with everything in it
  Result<std::vector<std::string>> folders() const;   // names on the disk, without the inbox, sorted

  // On the disk (file and folder synced) when it returns. Flags empty and `to_new`: into new/. Returns the unique part.
  Result<std::string> deliver(const std::string& folder, const Source& source, bool to_new = true,
                              std::string_view flags = "");

  Result<MaildirStamp> stamp(const std::string& folder) const;
  Result<std::vector<MaildirEntry>> list(const std::string& folder) const;
  std::string file_path(const std::string& folder, const MaildirEntry& entry) const;

  // All return the entry as it is afterwards. Errc::not_found when another program was faster.
  Result<MaildirEntry> set_flags(const std::string& folder, const MaildirEntry& entry, std::string_view flags);
  Result<MaildirEntry> move(const std::string& from, const MaildirEntry& entry, const std::string& to);
  Result<MaildirEntry> link(const std::string& from, const MaildirEntry& entry, const std::string& to);
  Result<> remove(const std::string& folder, const MaildirEntry& entry);

 private:
  std::string dir(const std::string& folder) const { return folder.empty() ? path_ : path_ + "/" + folder; }
  std::string path_;
};

// "cur" file name from its parts, and back.
std::string maildir_name(std::string_view base, std::string_view flags);
MaildirEntry maildir_entry(std::string_view filename, bool is_new);

// Mailbox names (UTF-8, levels by '/') and folder names (".Work.Plan", modified UTF-7; a '.' in a name is encoded too).
std::string folder_from_name(std::string_view name);
std::string name_from_folder(std::string_view folder);

// A unique name by Maildir's rules: seconds.MmicrosPpidQcount_random.host
std::string unique_maildir_name();

}  // namespace genkan::webmail
