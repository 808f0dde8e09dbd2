#include "webmail/maildir/quota.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "webmail/maildir/maildir.hpp"

namespace genkan::webmail {
namespace {

constexpr std::int64_t kOld = 15 * 60;  // seconds
constexpr std::int64_t kMost = std::int64_t{1} << 60;

std::string file_of(const std::string& maildir) { return maildir + "/maildirsize"; }

bool read_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out > -kMost && out < kMost;
}

void add_folder(const std::string& folder, MaildirUsage& usage) {
  for (const char* part : {"/new", "/cur"}) {
    const auto path = folder + part;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
    while (const auto* entry = dir ? ::readdir(dir.get()) : nullptr) {
      if (entry->d_name[0] == '.') continue;
      struct stat status {};
      if (::fstatat(::dirfd(dir.get()), entry->d_name, &status, 0) != 0 || !S_ISREG(status.st_mode)) continue;
      usage.octets += status.st_size;
      ++usage.messages;
    }
  }
}

MaildirUsage count(const std::string& maildir) {
  MaildirUsage usage;
  add_folder(maildir, usage);
  if (const auto folders = Maildir(maildir).folders()) {
    for (const auto& folder : *folders) {
      if (folder != ".Trash") add_folder(maildir + "/" + folder, usage);
    }
  }
  return usage;
}

std::string definition(std::uint64_t quota) { return std::to_string(quota) + "S\n"; }

MaildirUsage make_anew(const std::string& maildir, std::uint64_t quota) {
  const auto usage = count(maildir);
  const auto text = definition(quota) + std::to_string(usage.octets) + " " + std::to_string(usage.messages) + "\n";
  // By a name of its own and rename, as the format wants it; nothing is lost with it, so nobody waits for the disk.
  const auto fresh = maildir + "/tmp/" + unique_maildir_name();
  const base::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written = fd && ::write(fd.get(), text.data(), text.size()) == static_cast<::ssize_t>(text.size());
  if (!written || ::rename(fresh.c_str(), file_of(maildir).c_str()) != 0) ::unlink(fresh.c_str());
  return usage;
}

}  // namespace

std::optional<MaildirSize> parse_maildirsize(std::string_view text) {
  if (text.size() >= kMaxMaildirSize || !text.ends_with('\n')) return std::nullopt;
  MaildirSize out;
  bool first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = base::trim(text.substr(0, end));  // others pad their numbers
    text.remove_prefix(end + 1);
    if (first) {
      for (const auto part : base::split(line, ',')) {
        if (part.ends_with('S')) out.quota = base::parse_uint(part.substr(0, part.size() - 1)).value_or(0);
      }
      first = false;
      continue;
    }
    const auto space = line.find(' ');
    std::int64_t octets = 0, messages = 0;
    if (space == std::string_view::npos || !read_number(line.substr(0, space), octets) ||
        !read_number(base::trim(line.substr(space)), messages))
      return std::nullopt;
    out.usage.octets += octets;
    out.usage.messages += messages;
    ++out.lines;
  }
  if (out.usage.octets < 0 || out.usage.messages < 0 || out.lines == 0) return std::nullopt;
  return out;
}

Result<bool> maildir_has_room(const std::string& maildir, std::uint64_t quota, std::uint64_t size) {
  struct stat status {};
  if (::stat(maildir.c_str(), &status) != 0) return size <= quota;  // nothing was ever delivered
  const auto fits = [&](const MaildirUsage& usage) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, usage.octets)) + size <= quota;
  };
  const auto file = file_of(maildir);
  const auto text = base::read_file(file, kMaxMaildirSize);
  const auto known = text ? parse_maildirsize(*text) : std::nullopt;
  if (!known || known->quota != quota) return fits(make_anew(maildir, quota));
  if (fits(known->usage)) return true;
  const bool stat_works = ::stat(file.c_str(), &status) == 0;
  if (known->lines == 1 && stat_works && std::time(nullptr) - status.st_mtim.tv_sec < kOld) return false;
  return fits(make_anew(maildir, quota));
}

void note_maildir_change(const std::string& maildir, std::int64_t octets, std::int64_t messages) {
  const base::UniqueFd fd(::open(file_of(maildir).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd) return;
  const auto line = std::to_string(octets) + " " + std::to_string(messages) + "\n";
  if (::write(fd.get(), line.data(), line.size()) != static_cast<::ssize_t>(line.size())) forget_maildirsize(maildir);
}

void forget_maildirsize(const std::string& maildir) { ::unlink(file_of(maildir).c_str()); }

}  // namespace genkan::webmail
