// One file of the spool's log. Appended to by the commit thread only; read by any thread at places that were written
// before. A segment that is removed stays readable for whoever still holds it.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace genkan::smtp {

class Segment {
 public:
  static constexpr std::string_view kHeader = "GenkanSpool 1\r\n\n";  // 16 octets at the start of each file

  // Creates and makes file and directory entry durable.
  static Result<std::shared_ptr<Segment>> create(const std::string& dir, std::uint32_t number);
  static Result<std::shared_ptr<Segment>> open(const std::string& dir, std::uint32_t number);
  static std::string file_name(std::uint32_t number);  // "0000000001.log"
  static bool parse_file_name(std::string_view name, std::uint32_t& number) noexcept;

  // Writes all parts at the end; after a failure the file is as it was before. Consumes `parts`.
  Result<void> append(std::vector<::iovec>& parts);
  Result<void> sync();
  Result<void> read(std::uint64_t offset, char* data, std::size_t size) const;  // all of it or Errc::corrupt
  Result<void> cut(std::uint64_t size);                                         // drops what follows, durably
  void remove(const std::string& dir);

  std::uint32_t number() const noexcept { return number_; }
  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }  // any thread

  // What in it is still needed. Guarded by the spool's index mutex.
  std::uint64_t live_items = 0;
  std::uint64_t live_bytes = 0;

 private:
  Segment(base::UniqueFd fd, std::uint32_t number, std::uint64_t size) noexcept
      : fd_(std::move(fd)), number_(number), size_(size) {}
  base::UniqueFd fd_;
  std::uint32_t number_;
  std::atomic<std::uint64_t> size_;  // written by whoever appends
};

Result<void> sync_directory(const std::string& dir);

}  // namespace genkan::smtp
