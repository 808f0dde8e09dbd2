// Where lines go: a bounded double buffer, a writer thread, a file, pipe, socket or terminal. Shared by Log and
// LineFile.
//
//   callers: lock, append to front_, unlock          writer: lock, swap front_ and back_, unlock, write(back_)
//
// A caller makes no system call but the one that wakes an idle writer; a busy writer collects for kCollect before it
// writes. When the buffer is full the lines are dropped and counted. The writer never sits in write() on a pipe that
// nobody reads: it waits in poll(), so that a stop is never held up for longer than kGiveUp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace genkan::base {

class LineSink {
 public:
  struct Options {
    std::string path;  // "-": standard output, empty: standard error
    std::size_t max_bytes = 8u << 20;
    std::size_t max_lines = SIZE_MAX;
    // Called on the writer thread about a second after want_tick(), and once before the end. Empty: never.
    std::function<void()> tick;
  };

  explicit LineSink(Options options);  // throws std::system_error when the file cannot be opened
  ~LineSink();                         // writes what is queued; gives up on a sink that takes nothing for kGiveUp
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  // Appends whole lines; false when there was no room. `lines` is how many line ends `text` has.
  bool write(std::string_view text, std::size_t lines = 1);
  void flush();       // waits until what was queued before is written or given up
  Result<> reopen();  // the old file stays in use when the new one cannot be opened
  void want_tick();
  std::uint64_t dropped() const noexcept;
  bool is_terminal() const noexcept { return terminal_; }

 private:
  static constexpr auto kCollect = std::chrono::milliseconds(50);
  static constexpr auto kGiveUp = std::chrono::seconds(2);

  bool standard() const { return options_.path.empty() || options_.path == "-"; }
  void run();
  void wait(std::unique_lock<std::mutex>& lock);
  void write_out();
  // Waits until the sink takes bytes; false when the time to give up has come.
  bool writable();
  std::size_t put(std::string_view text);  // bytes taken; 0: error

  Options options_;
  bool terminal_ = false;

  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;  // guards all below down to the blank line; held for a memcpy or a swap
  std::condition_variable wake_, done_;
  std::string front_;
  std::size_t front_lines_ = 0, busy_lines_ = 0, busy_bytes_ = 0;
  std::uint64_t taken_ = 0, finished_ = 0;  // bytes ever queued; bytes written or given up
  bool idle_ = false, hurry_ = false, stop_ = false, tick_wanted_ = false;
  Time tick_at_{}, stop_at_ = Time::max();
  UniqueFd next_fd_;

  // Of the writer thread alone.
  std::string back_;
  std::size_t back_lines_ = 0;
  UniqueFd fd_;
  bool socket_ = false, file_ = false, mid_line_ = false, wrote_ = false;
  std::thread thread_;
};

}  // namespace genkan::base
