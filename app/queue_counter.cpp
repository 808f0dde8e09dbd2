#include "app/queue_counter.hpp"

#include <chrono>
#include <filesystem>
#include <system_error>

namespace genkan::app {
namespace {

constexpr auto kEvery = std::chrono::seconds(5);
constexpr std::uint32_t kMost = 1'000'000;
constexpr int kDepth = 4;

}  // namespace

std::uint32_t count_files(const std::vector<std::string>& dirs, std::string& why) {
  namespace fs = std::filesystem;
  std::uint32_t count = 0;
  for (const auto& dir : dirs) {
    std::error_code error;
    fs::recursive_directory_iterator at(dir, fs::directory_options::skip_permission_denied, error);
    if (error) {
      why = dir + ": " + error.message();
      continue;
    }
    for (const fs::recursive_directory_iterator end; at != end && count < kMost; at.increment(error)) {
      if (error) break;  // it went away while we looked
      std::error_code gone;
      if (at->is_directory(gone)) {
        if (at.depth() + 1 >= kDepth) at.disable_recursion_pending();
      } else {
        ++count;
      }
    }
  }
  return count;
}

void QueueCounter::watch(std::vector<std::string> dirs) {
  const bool any = !dirs.empty();
  {
    const std::lock_guard lock(mutex_);
    dirs_ = std::move(dirs);
    fresh_ = true;
  }
  changed_.notify_one();
  if (any && !thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void QueueCounter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void QueueCounter::run() {
  std::string complained;
  for (;;) {
    std::vector<std::string> dirs;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      dirs = dirs_;
      fresh_ = false;
    }
    std::string why;
    last_.store(count_files(dirs, why), std::memory_order_relaxed);
    if (why != complained && !why.empty())
      log_.warning("a folder of [cluster] queue_dirs cannot be counted", {{"why", why}});
    complained = why;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kEvery, [this] { return stopping_ || fresh_; });
  }
}

}  // namespace genkan::app
