#include "smtp/inbound/intake.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "smtp/content.hpp"
#include "smtp/offloaded.hpp"
#include "smtp/queue/crc32c.hpp"

namespace genkan::smtp {
namespace {

Error last_error() noexcept { return {errno, boost::system::system_category()}; }

}  // namespace

// Touched by one offload thread at a time, while the session waits for it.
struct Intake::File {
  std::string path, dir;
  base::UniqueFd fd;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;

  Result<void> write(const std::string& octets) {
    if (!fd) fd.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return last_error();
    crc = crc32c(crc, octets);
    for (std::size_t at = 0; at < octets.size();) {
      const auto n = ::write(fd.get(), octets.data() + at, octets.size() - at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return last_error();
      at += static_cast<std::size_t>(n);
    }
    size += octets.size();
    return {};
  }
  Result<std::string> read_back() const {
    const base::UniqueFd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) return last_error();
    std::string octets(size, '\0');
    for (std::size_t at = 0; at < octets.size();) {
      const auto n = ::pread(in.get(), octets.data() + at, octets.size() - at, static_cast<::off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return last_error();
      if (n == 0) return Errc::corrupt;
      at += static_cast<std::size_t>(n);
    }
    return octets;
  }
  // The same content with another beginning, in a new file of the same name.
  Result<void> rewrite(const std::string& fields, std::size_t own, const std::optional<std::string>& header,
                       std::size_t header_size) {
    const base::UniqueFd in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in || ::unlink(path.c_str()) != 0) return last_error();
    const auto all = size;
    fd.reset();
    size = 0;
    crc = 0;
    auto done = write(fields);
    if (done) done = copy(in.get(), 0, own);
    if (done && header) done = write(*header);
    if (done) done = copy(in.get(), own + (header ? header_size : 0), all);
    return done;
  }
  Result<void> copy(int from, std::uint64_t at, std::uint64_t end) {
    std::string piece;
    while (at < end) {
      piece.resize(std::min<std::uint64_t>(end - at, kInlineBody));
      const auto n = ::pread(from, piece.data(), piece.size(), static_cast<::off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return last_error();
      if (n == 0) return Errc::corrupt;
      piece.resize(static_cast<std::size_t>(n));
      at += piece.size();
      if (auto done = write(piece); !done) return done;
    }
    return {};
  }
  Result<void> finish() {
    if (::fdatasync(fd.get()) != 0) return last_error();
    fd.reset();
    return sync_directory(dir);
  }
};

Intake::~Intake() {
  if (file_ && !kept_) ::unlink(file_->path.c_str());
}

net::Task<void> Intake::write_out(bool last) {
  auto job = [file = file_, octets = std::move(body_), last]() -> Result<void> {
    auto written = file->write(octets);
    if (written && last) written = file->finish();
    return written;
  };
  body_ = std::string();
  auto done = co_await offloaded<void>(files_, loop_, std::move(job));
  if (!done) failed_ = done.error();
}

net::Task<void> Intake::spill() {
  if (failed_) {
    body_.clear();
    co_return;
  }
  if (!file_) {
    received_ = count_received(std::string_view(body_).substr(own_header_));
    file_ = std::make_shared<File>();
    file_->path = spool_.large_path(id_);
    file_->dir = spool_.large_dir();
  }
  co_await write_out(false);
}

net::Task<Result<std::string>> Intake::take_all() {
  if (!file_) co_return std::exchange(body_, std::string());
  if (!failed_) co_await write_out(false);
  if (failed_) co_return Result<std::string>(boost::system::in_place_error, failed_);
  auto job = [file = file_]() -> Result<std::string> { return file->read_back(); };
  auto octets = co_await offloaded<std::string>(files_, loop_, std::move(job));
  ::unlink(file_->path.c_str());
  file_.reset();
  co_return octets;
}

net::Task<void> Intake::put_all(std::string octets) {
  body_ = std::move(octets);
  if (full()) co_await spill();
}

net::Task<void> Intake::put_fields(std::string fields, std::optional<std::string> header, std::size_t header_size) {
  const auto own = own_header_;
  own_header_ += fields.size();
  if (!file_) {
    if (header) body_.replace(own, header_size, *header);
    body_.insert(0, fields);
    if (full()) co_await spill();
    co_return;
  }
  if (!failed_) co_await write_out(false);
  if (failed_) co_return;
  auto job = [file = file_, fields = std::move(fields), own, header = std::move(header), header_size] {
    return file->rewrite(fields, own, header, header_size);
  };
  auto done = co_await offloaded<void>(files_, loop_, std::move(job));
  if (!done) failed_ = done.error();
}

std::size_t Intake::received() {
  return file_ ? received_ : count_received(std::string_view(body_).substr(own_header_));
}

net::Task<Result<void>> Intake::complete(StoredMessage& message) {
  if (file_ && !failed_) co_await write_out(true);
  if (failed_) co_return failed_;
  if (file_) {
    message.meta.large_size = file_->size;
    message.meta.large_crc = file_->crc;
    kept_ = true;
  } else {
    message.body = std::move(body_);
  }
  co_return Result<void>();
}

}  // namespace genkan::smtp
