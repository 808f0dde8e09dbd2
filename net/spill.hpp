// A queue of records on the disk, for lines whose receiver is away: bounded, in order, over restarts. Files of
// records ("segments") in one folder, each held by an flock of the process that owns it, so that two processes (an
// upgrade) never send the same one; what an ended process left is taken over by adopt().
//
//   segment: "GKSPILL1", u64 offset of the first record that is not done, then records: u32 size, bytes
//
// Nothing is fsynced: records survive the end of the process, not of the machine. On one thread; blocks on the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace genkan::net {

class Spill {
 public:
  Spill(std::string folder, std::uint64_t max_bytes);
  ~Spill();  // writes what append() still holds
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  Result<void> open();  // makes the folder and takes over what lies in it
  void adopt();         // what other processes have left meanwhile

  bool append(std::string_view record);    // false: full, or the disk refused
  bool prepend(std::string_view records);  // whole records as frames(), in front of all others
  static void frame(std::string_view record, std::string& out);
  bool flush();

  // The next record after the last one that next() gave; false: none. `out` is valid until the next call.
  bool next(std::string_view& out);
  void release(std::size_t record_size);  // the oldest record that next() gave and that is not done is done now
  void rewind();                          // next() begins again at the oldest that is not done

  bool empty() const noexcept { return bytes_ == 0; }      // nothing that is not done
  bool all_read() const noexcept { return unread_ == 0; }  // next() has nothing more
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct Segment {
    std::string path;
    base::UniqueFd fd;
    std::uint64_t size = 0, done = 0, read = 0;  // offsets in the file
  };
  bool take_over(const std::string& path);
  Segment* fresh(std::uint64_t number);
  std::string path_of(std::uint64_t number) const;
  void remove(std::deque<Segment>::iterator at);
  bool fill(Segment& segment, std::size_t want);

  const std::string folder_;
  const std::uint64_t max_, segment_max_;
  const std::string prefix_;
  std::uint64_t first_ = 1ull << 32, last_ = 1ull << 32;  // numbers of our segments
  std::deque<Segment> segments_;
  std::uint64_t bytes_ = 0, unread_ = 0;
  std::string pending_;  // appended, not written yet
  std::string chunk_;    // read ahead: of the segment that starts at chunk_of_
  std::string chunk_path_;
  std::uint64_t chunk_at_ = 0;
};

}  // namespace genkan::net
