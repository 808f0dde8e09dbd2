#include "webmail/maildir/maildir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "webmail/maildir/quota.hpp"

namespace genkan::webmail {

namespace {

constexpr const char* kParts[] = {"/tmp", "/new", "/cur"};
constexpr std::string_view kTrash = ".Trash";  // does not count towards a quota (Maildir++)

std::uint64_t size_of(const Source& source) {
  return source.prefix.size() + (source.fd >= 0 ? source.length : source.memory.size());
}

std::int64_t file_size(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? std::int64_t{status.st_size} : 0;
}

Error last_error() { return Error(errno, boost::system::system_category()); }

Error not_found_or(int code) {
  if (code == ENOENT) return Errc::not_found;
  return Error(code, boost::system::system_category());
}

Result<> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return last_error();
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> copy_range(int to, int from, std::uint64_t offset, std::uint64_t length) {
  std::array<char, 64 * 1024> buffer;
  while (length > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length));
    const auto n = ::pread(from, buffer.data(), want, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    if (n == 0) return Errc::corrupt;  // shorter than promised
    if (auto r = write_all(to, {buffer.data(), static_cast<std::size_t>(n)}); !r) return r;
    offset += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<> write_source(const std::string& path, const Source& source) {
  base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return last_error();
  if (auto r = write_all(fd.get(), source.prefix); !r) return r;
  auto r = source.fd >= 0 ? copy_range(fd.get(), source.fd, source.offset, source.length)
                          : write_all(fd.get(), source.memory);
  if (!r) return r;
  if (::fsync(fd.get()) != 0) return last_error();
  return {};
}

Result<std::int64_t> change_time(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return not_found_or(errno);
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Result<> list_into(const std::string& path, bool is_new, std::vector<MaildirEntry>& out) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return not_found_or(errno);
  errno = 0;
  while (const auto* entry = ::readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    out.push_back(maildir_entry(entry->d_name, is_new));
  }
  if (errno != 0) return last_error();
  return {};
}

}  // namespace

Result<> Maildir::create_all(const std::vector<std::string>& folders) {
  std::vector<std::string> made;
  for (const auto& folder : folders) {
    const auto whole = std::all_of(std::begin(kParts), std::end(kParts), [&](const char* part) {
      struct stat status {};
      return ::stat((dir(folder) + part).c_str(), &status) == 0;
    });
    if (whole) continue;
    for (const char* part : kParts) {
      if (auto r = base::make_dirs(dir(folder) + part, 0700); !r) return r;
    }
    if (!folder.empty()) {  // Maildir++ wants it
      const base::UniqueFd mark(::open((dir(folder) + "/maildirfolder").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    made.push_back(dir(folder));
  }
  if (made.empty()) return {};
  made.push_back(path_);
  for (const auto& folder : made) {
    if (auto r = base::sync_dir(folder); !r) return r;
  }
  return {};
}

Result<> Maildir::rename_folder(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::stat(dir(to).c_str(), &status) == 0) return Errc::conflict;
  if (::rename(dir(from).c_str(), dir(to).c_str()) != 0) return not_found_or(errno);
  return base::sync_dir(path_);
}

Result<> Maildir::remove_folder(const std::string& folder) {
  if (folder.size() < 2 || folder.front() != '.') return Errc::refused;
  std::error_code error;
  std::filesystem::remove_all(dir(folder), error);
  if (error) return Error(error.value(), boost::system::system_category());
  forget_maildirsize(path_);
  return base::sync_dir(path_);
}

Result<std::vector<std::string>> Maildir::folders() const {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(path_.c_str()), ::closedir);
  if (!handle) return not_found_or(errno);
  while (const auto* entry = ::readdir(handle.get())) {
    const std::string name = entry->d_name;
    if (name.size() < 2 || name[0] != '.' || name == "..") continue;
    struct stat status {};
    if (::stat((path_ + "/" + name + "/cur").c_str(), &status) == 0 && S_ISDIR(status.st_mode)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> Maildir::deliver(const std::string& folder, const Source& source, bool to_new,
                                     std::string_view flags) {
  const auto unique = unique_maildir_name();
  const auto temporary = dir(folder) + "/tmp/" + unique;
  auto written = write_source(temporary, source);
  if (!written && written.error() == Error(ENOENT, boost::system::system_category())) {
    if (auto r = create(folder); !r) return r.error();
    written = write_source(temporary, source);
  }
  const auto target = to_new ? dir(folder) + "/new/" + unique : dir(folder) + "/cur/" + maildir_name(unique, flags);
  if (written && ::rename(temporary.c_str(), target.c_str()) != 0) written = last_error();
  if (!written) {
    ::unlink(temporary.c_str());
    return written.error();
  }
  if (auto r = base::sync_dir(dir(folder) + (to_new ? "/new" : "/cur")); !r) return r.error();
  if (folder != kTrash) note_maildir_change(path_, static_cast<std::int64_t>(size_of(source)), 1);
  return unique;
}

Result<MaildirStamp> Maildir::stamp(const std::string& folder) const {
  auto cur = change_time(dir(folder) + "/cur");
  if (!cur) return cur.error();
  auto fresh = change_time(dir(folder) + "/new");
  if (!fresh) return fresh.error();
  return MaildirStamp{*cur, *fresh};
}

Result<std::vector<MaildirEntry>> Maildir::list(const std::string& folder) const {
  std::vector<MaildirEntry> out;
  // new/ first: a message that moves to cur/ in between is then seen twice rather than never.
  if (auto r = list_into(dir(folder) + "/new", true, out); !r) return r.error();
  if (auto r = list_into(dir(folder) + "/cur", false, out); !r) return r.error();
  // The later place of the same message counts.
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.base < b.base; });
  std::vector<MaildirEntry> once;
  for (auto& entry : out) {
    if (!once.empty() && once.back().base == entry.base) {
      once.back() = std::move(entry);
    } else {
      once.push_back(std::move(entry));
    }
  }
  return once;
}

std::string Maildir::file_path(const std::string& folder, const MaildirEntry& entry) const {
  return dir(folder) + (entry.is_new ? "/new/" : "/cur/") + entry.filename;
}

Result<MaildirEntry> Maildir::set_flags(const std::string& folder, const MaildirEntry& entry, std::string_view flags) {
  auto changed = maildir_entry(maildir_name(entry.base, flags), false);
  changed.filename = maildir_name(entry.base, changed.flags);
  if (!entry.is_new && changed.filename == entry.filename) return entry;
  if (::rename(file_path(folder, entry).c_str(), file_path(folder, changed).c_str()) != 0) return not_found_or(errno);
  return changed;
}

Result<MaildirEntry> Maildir::move(const std::string& from, const MaildirEntry& entry, const std::string& to) {
  auto moved = maildir_entry(maildir_name(entry.base, entry.flags), false);
  if (::rename(file_path(from, entry).c_str(), file_path(to, moved).c_str()) != 0) return not_found_or(errno);
  const int before = from == kTrash ? 0 : 1, after = to == kTrash ? 0 : 1;
  if (before != after) {
    const auto size = file_size(file_path(to, moved));
    note_maildir_change(path_, (after - before) * size, after - before);
  }
  return moved;
}

Result<MaildirEntry> Maildir::link(const std::string& from, const MaildirEntry& entry, const std::string& to) {
  auto copy = maildir_entry(maildir_name(entry.base, entry.flags), false);
  if (::link(file_path(from, entry).c_str(), file_path(to, copy).c_str()) == 0) {
    if (to != kTrash) note_maildir_change(path_, file_size(file_path(to, copy)), 1);
  } else if (errno != EEXIST) {
    return not_found_or(errno);
  }
  return copy;
}

Result<> Maildir::remove(const std::string& folder, const MaildirEntry& entry) {
  const auto path = file_path(folder, entry);
  const auto size = file_size(path);
  if (::unlink(path.c_str()) == 0) {
    if (folder != kTrash) note_maildir_change(path_, -size, -1);
  } else if (errno != ENOENT) {
    return last_error();
  }
  return {};
}

}  // namespace genkan::webmail
