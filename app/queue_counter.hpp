// How many files are in the folders of another mail server's queue on this host ([cluster] queue_dirs), for the load
// that is announced. Counted every few seconds on a thread of its own, because a folder with a million files takes a
// while.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace genkan::app {

// All files of the folders and of those in them, four deep: Postfix hashes names into subfolders. At most a million.
// `why`: a folder that cannot be read; the others count.
std::uint32_t count_files(const std::vector<std::string>& dirs, std::string& why);

class QueueCounter {
 public:
  explicit QueueCounter(base::Log& log) : log_(log) {}
  ~QueueCounter() { stop(); }
  QueueCounter(const QueueCounter&) = delete;
  QueueCounter& operator=(const QueueCounter&) = delete;

  void watch(std::vector<std::string> dirs);  // at start and on reload; none: counts nothing
  void stop();
  std::uint32_t last() const noexcept { return last_.load(std::memory_order_relaxed); }  // any thread

 private:
  void run();

  base::Log& log_;
  std::atomic<std::uint32_t> last_{0};
  std::mutex mutex_;  // guards what follows; held for a copy
  std::condition_variable changed_;
  std::vector<std::string> dirs_;
  bool stopping_ = false, fresh_ = false;
  std::thread thread_;
};

}  // namespace genkan::app
