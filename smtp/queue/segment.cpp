#include "smtp/queue/segment.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

Error last_error() noexcept { return {errno, boost::system::system_category()}; }

std::string path_of(const std::string& dir, std::uint32_t number) { return dir + "/" + Segment::file_name(number); }

// Drops the first `count` octets of `parts` from index `first` on; returns the new first index.
std::size_t consume(std::vector<::iovec>& parts, std::size_t first, std::size_t count) noexcept {
  while (first < parts.size() && count >= parts[first].iov_len) count -= parts[first++].iov_len;
  if (count > 0) {
    parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + count;
    parts[first].iov_len -= count;
  }
  return first;
}

}  // namespace

Result<void> sync_directory(const std::string& dir) {
  const base::UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return last_error();
  return {};
}

std::string Segment::file_name(std::uint32_t number) {
  auto digits = std::to_string(number);
  return std::string(10 - digits.size(), '0') + digits + ".log";
}

bool Segment::parse_file_name(std::string_view name, std::uint32_t& number) noexcept {
  if (name.size() != 14 || name.substr(10) != ".log") return false;
  const auto value = base::parse_uint(name.substr(0, 10));
  if (!value || *value > UINT32_MAX) return false;
  number = static_cast<std::uint32_t>(*value);
  return true;
}

Result<std::shared_ptr<Segment>> Segment::create(const std::string& dir, std::uint32_t number) {
  const auto path = path_of(dir, number);
  base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return last_error();
  std::shared_ptr<Segment> segment(new Segment(std::move(fd), number, 0));
  std::vector<::iovec> parts(1);
  parts[0].iov_base = const_cast<char*>(kHeader.data());
  parts[0].iov_len = kHeader.size();
  auto done = segment->append(parts);
  if (done && ::fsync(segment->fd_.get()) != 0) done = last_error();
  if (done) done = sync_directory(dir);
  if (!done) {
    ::unlink(path.c_str());
    return done.error();
  }
  return segment;
}

Result<std::shared_ptr<Segment>> Segment::open(const std::string& dir, std::uint32_t number) {
  base::UniqueFd fd(::open(path_of(dir, number).c_str(), O_RDWR | O_CLOEXEC));
  struct ::stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0) return last_error();
  return std::shared_ptr<Segment>(new Segment(std::move(fd), number, static_cast<std::uint64_t>(facts.st_size)));
}

Result<void> Segment::append(std::vector<::iovec>& parts) {
  auto end = size();
  std::size_t first = 0;
  while (first < parts.size()) {
    const auto count = std::min<std::size_t>(parts.size() - first, IOV_MAX);
    const auto n = ::pwritev(fd_.get(), parts.data() + first, static_cast<int>(count), static_cast<::off_t>(end));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const Error error = n == 0 ? make_error_code(Errc::exhausted) : last_error();
      // A later record must not follow half a record: recovery would have to search for it.
      if (::ftruncate(fd_.get(), static_cast<::off_t>(size())) != 0) return last_error();
      return error;
    }
    end += static_cast<std::uint64_t>(n);
    first = consume(parts, first, static_cast<std::size_t>(n));
  }
  size_ = end;
  return {};
}

Result<void> Segment::sync() {
  if (::fdatasync(fd_.get()) != 0) return last_error();
  return {};
}

Result<void> Segment::read(std::uint64_t offset, char* data, std::size_t size) const {
  while (size > 0) {
    const auto n = ::pread(fd_.get(), data, size, static_cast<::off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    if (n == 0) return Errc::corrupt;
    data += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> Segment::cut(std::uint64_t size) {
  if (::ftruncate(fd_.get(), static_cast<::off_t>(size)) != 0 || ::fsync(fd_.get()) != 0) return last_error();
  size_ = size;
  return {};
}

void Segment::remove(const std::string& dir) { ::unlink(path_of(dir, number_).c_str()); }

}  // namespace genkan::smtp
