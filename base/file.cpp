#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.hpp"
#include "base/fd.hpp"

namespace genkan::base {
namespace {

Error last_error() { return Error(errno, boost::system::system_category()); }

std::string folder_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    auto n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::uint64_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return last_error();
  std::string out;
  struct stat st {};
  if (::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode)) {
    if (static_cast<std::uint64_t>(st.st_size) > limit) return Errc::too_large;
    out.reserve(static_cast<std::size_t>(st.st_size) + 1);
  }
  for (;;) {
    // One byte over the limit tells a file of just that length from a longer one.
    auto room = std::min<std::uint64_t>(64 * 1024, limit - out.size() + 1);
    auto at = out.size();
    out.resize(at + room);
    auto n = ::read(fd.get(), out.data() + at, room);
    if (n < 0 && errno != EINTR) return last_error();
    out.resize(at + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (out.size() > limit) return Errc::too_large;
    if (n == 0) return out;
  }
}

Result<> sync_dir(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return last_error();
  return {};
}

Result<> write_file_durable(const std::string& path, std::string_view data, unsigned mode) {
  const auto temporary = path + ".tmp-" + random_token(6);
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode)));
  if (!fd) return last_error();
  Result<> done;
  // fchmod: the mode shall be what was asked for, whatever the umask.
  if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) {
    done = last_error();
  } else {
    done = write_all(fd.get(), data);
    if (done && ::fsync(fd.get()) != 0) done = last_error();
  }
  fd.reset();
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0) done = last_error();
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_dir(folder_of(path));
}

Result<> make_dirs(const std::string& path, unsigned mode) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    auto part = path.substr(0, end);
    if (part.empty() || part.back() == '/') continue;
    if (::mkdir(part.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST) return last_error();
  }
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return last_error();
  if (!S_ISDIR(st.st_mode)) return Error(ENOTDIR, boost::system::system_category());
  return {};
}

}  // namespace genkan::base
