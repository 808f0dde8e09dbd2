#include "net/spill.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"

namespace genkan::net {
namespace {

constexpr std::string_view kMagic = "GKSPILL1";
constexpr std::uint64_t kHeader = 16;
constexpr std::size_t kMaxRecord = 1u << 20;
constexpr std::size_t kReadAhead = 256u << 10;
constexpr std::size_t kPending = 64u << 10;

bool write_all(int fd, std::string_view data, std::uint64_t at) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<::off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return true;
}

std::string header(std::uint64_t done) {
  std::string out(kMagic);
  out.append(reinterpret_cast<const char*>(&done), sizeof done);
  return out;
}

}  // namespace

// The name sorts by the start of the process, then by the order of its segments.
Spill::Spill(std::string folder, std::uint64_t max_bytes)
    : folder_(std::move(folder)),
      max_(max_bytes),
      segment_max_(std::clamp<std::uint64_t>(max_bytes / 16, 64u << 10, 16u << 20)),
      prefix_([] {
        char text[64];
        std::snprintf(text, sizeof text, "%020lld-%d-",
                      static_cast<long long>(WallClock::now().time_since_epoch().count()), ::getpid());
        return std::string(text);
      }()) {}

Spill::~Spill() { flush(); }

std::string Spill::path_of(std::uint64_t number) const {
  char text[32];
  std::snprintf(text, sizeof text, "%012llu.seg", static_cast<unsigned long long>(number));
  return folder_ + "/" + prefix_ + text;
}

Result<void> Spill::open() {
  if (auto made = base::make_dirs(folder_, 0700); !made) return made.error();
  adopt();
  return {};
}

void Spill::adopt() {
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".seg") && !entry.path().filename().string().starts_with(prefix_)) found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  std::erase_if(found, [&](const std::string& path) {
    return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& s) { return s.path == path; });
  });
  for (const auto& path : found) take_over(path);
}

// False: it is somebody's, or none of ours.
bool Spill::take_over(const std::string& path) {
  Segment s;
  s.path = path;
  s.fd = base::UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!s.fd || ::flock(s.fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
  struct ::stat info {};
  struct ::stat named {};
  // Its owner may have finished and removed it between the two calls.
  if (::fstat(s.fd.get(), &info) != 0 || ::stat(path.c_str(), &named) != 0 || info.st_ino != named.st_ino) return false;
  char head[kHeader];
  s.size = static_cast<std::uint64_t>(info.st_size);
  if (::pread(s.fd.get(), head, sizeof head, 0) == static_cast<ssize_t>(sizeof head) &&
      std::string_view(head, kMagic.size()) == kMagic) {
    std::memcpy(&s.done, head + kMagic.size(), sizeof s.done);
  }
  if (s.done < kHeader || s.done >= s.size) {
    ::unlink(path.c_str());
    return false;
  }
  s.read = s.done;
  bytes_ += s.size - s.done;
  unread_ += s.size - s.done;
  // In front of what is ours: it is older. next() continues where it was.
  const auto at = std::find_if(segments_.begin(), segments_.end(),
                               [&](const Segment& x) { return x.path.find(prefix_) != std::string::npos; });
  segments_.insert(at, std::move(s));
  return true;
}

Spill::Segment* Spill::fresh(std::uint64_t number) {
  Segment s;
  s.path = path_of(number);
  s.fd = base::UniqueFd(::open(s.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!s.fd || ::flock(s.fd.get(), LOCK_EX | LOCK_NB) != 0) return nullptr;
  if (!write_all(s.fd.get(), header(kHeader), 0)) {
    ::unlink(s.path.c_str());
    return nullptr;
  }
  s.size = s.done = s.read = kHeader;
  const bool front = number < first_;
  if (front) {
    segments_.push_front(std::move(s));
    return &segments_.front();
  }
  segments_.push_back(std::move(s));
  return &segments_.back();
}

void Spill::frame(std::string_view record, std::string& out) {
  const auto size = static_cast<std::uint32_t>(record.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += record;
}

bool Spill::append(std::string_view record) {
  const std::uint64_t size = record.size() + 4;
  if (record.size() > kMaxRecord || bytes_ + pending_.size() + size > max_) return false;
  frame(record, pending_);
  return pending_.size() < kPending || flush();
}

bool Spill::flush() {
  if (pending_.empty()) return true;
  const bool ours = !segments_.empty() && segments_.back().path == path_of(last_);
  Segment* s = ours && segments_.back().size < segment_max_ ? &segments_.back() : fresh(++last_);
  if (!s || !write_all(s->fd.get(), pending_, s->size)) {
    pending_.clear();
    return false;
  }
  s->size += pending_.size();
  bytes_ += pending_.size();
  unread_ += pending_.size();
  pending_.clear();
  return true;
}

bool Spill::prepend(std::string_view records) {
  if (records.empty()) return true;
  if (bytes_ + records.size() > max_) return false;
  rewind();
  Segment* s = fresh(first_ - 1);
  if (!s) return false;
  --first_;
  if (!write_all(s->fd.get(), records, s->size)) {
    remove(segments_.begin());
    return false;
  }
  s->size += records.size();
  bytes_ += records.size();
  unread_ += records.size();
  return true;
}

// At least `want` bytes at segment.read are in chunk_.
bool Spill::fill(Segment& s, std::size_t want) {
  const bool here = chunk_path_ == s.path && s.read >= chunk_at_ && s.read + want <= chunk_at_ + chunk_.size();
  if (here) return true;
  chunk_path_ = s.path;
  chunk_at_ = s.read;
  chunk_.resize(std::min<std::uint64_t>(std::max(kReadAhead, want), s.size - s.read));
  const ssize_t n = ::pread(s.fd.get(), chunk_.data(), chunk_.size(), static_cast<::off_t>(s.read));
  chunk_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return chunk_.size() >= want;
}

bool Spill::next(std::string_view& out) {
  flush();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    Segment& s = segments_[i];
    if (s.read >= s.size) continue;
    std::uint32_t size = 0;
    bool good = s.size - s.read >= 4 && fill(s, 4);
    if (good) std::memcpy(&size, chunk_.data() + (s.read - chunk_at_), sizeof size);
    good = good && size > 0 && size <= kMaxRecord && s.size - s.read >= size + 4ull && fill(s, size + 4ull);
    if (!good) {  // torn by a crash: the rest of this file can't be told apart
      const std::uint64_t rest = s.size - s.read;
      bytes_ -= rest;
      unread_ -= rest;
      s.size = s.read;
      if (s.done == s.size) {
        remove(segments_.begin() + static_cast<std::ptrdiff_t>(i));
        --i;
      }
      continue;
    }
    out = std::string_view(chunk_).substr(s.read - chunk_at_ + 4, size);
    s.read += size + 4;
    unread_ -= size + 4;
    return true;
  }
  return false;
}

void Spill::release(std::size_t record_size) {
  const auto at = std::find_if(segments_.begin(), segments_.end(), [](const Segment& s) { return s.done < s.read; });
  if (at == segments_.end()) return;
  at->done += record_size + 4;
  bytes_ -= std::min<std::uint64_t>(bytes_, record_size + 4);
  if (at->done >= at->size) return remove(at);
  static_cast<void>(write_all(at->fd.get(), header(at->done), 0));
}

void Spill::rewind() {
  for (Segment& s : segments_) {
    unread_ += s.read - s.done;
    s.read = s.done;
  }
}

void Spill::remove(std::deque<Segment>::iterator at) {
  ::unlink(at->path.c_str());
  if (chunk_path_ == at->path) chunk_path_.clear();
  segments_.erase(at);
}

}  // namespace genkan::net
