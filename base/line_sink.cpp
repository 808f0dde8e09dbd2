#include "base/line_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <system_error>

namespace genkan::base {
namespace {

// Standard output and error are duplicated: they are not ours to close, nor to make non-blocking.
UniqueFd open_sink(const std::string& path) {
  if (path.empty() || path == "-") return UniqueFd(::fcntl(path.empty() ? 2 : 1, F_DUPFD_CLOEXEC, 3));
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
}

}  // namespace

LineSink::LineSink(Options options) : options_(std::move(options)) {
  next_fd_ = open_sink(options_.path);
  if (!next_fd_) throw std::system_error(errno, std::generic_category(), "cannot open log " + options_.path);
  terminal_ = ::isatty(next_fd_.get()) == 1;
  thread_ = std::thread([this] { run(); });
}

LineSink::~LineSink() {
  if (options_.tick) options_.tick();
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    stop_at_ = Clock::now() + kGiveUp;
    wake_.notify_one();
  }
  thread_.join();
}

bool LineSink::write(std::string_view text, std::size_t lines) {
  bool notify = false;
  {
    std::lock_guard lock(mutex_);
    if (front_.size() + busy_bytes_ + text.size() > options_.max_bytes ||
        front_lines_ + busy_lines_ + lines > options_.max_lines) {
      dropped_ += lines;
      return false;
    }
    front_.append(text);
    front_lines_ += lines;
    taken_ += text.size();
    if (idle_ || (!hurry_ && front_.size() > options_.max_bytes / 4)) {
      notify = true;
      hurry_ = !idle_;
      idle_ = false;
    }
  }
  if (notify) wake_.notify_one();
  return true;
}

void LineSink::flush() {
  std::unique_lock lock(mutex_);
  const auto target = taken_;
  hurry_ = true;
  idle_ = false;
  wake_.notify_one();
  // A sink that takes nothing must not hold its caller up for good.
  while (finished_ < target) {
    const auto before = finished_;
    auto moved = [&] { return finished_ != before; };
    if (!done_.wait_for(lock, 2 * kGiveUp, moved)) return;
  }
}

Result<> LineSink::reopen() {
  if (standard()) return {};
  auto fd = open_sink(options_.path);
  if (!fd) return Error(errno, boost::system::system_category());
  std::lock_guard lock(mutex_);
  next_fd_ = std::move(fd);
  hurry_ = true;
  idle_ = false;
  wake_.notify_one();
  return {};
}

void LineSink::want_tick() {
  std::lock_guard lock(mutex_);
  if (tick_wanted_) return;
  tick_wanted_ = true;
  tick_at_ = Clock::now() + std::chrono::seconds(1);
  idle_ = false;
  wake_.notify_one();
}

std::uint64_t LineSink::dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

// Returns when there is something to do. A line that finds the writer idle is written at once; after a write the next
// lines are collected for a while, so that under load nobody pays for waking the writer.
void LineSink::wait(std::unique_lock<std::mutex>& lock) {
  auto due = [this] { return tick_wanted_ && Clock::now() >= tick_at_; };
  if (std::exchange(wrote_, false) && !hurry_ && !stop_) {
    wake_.wait_for(lock, kCollect, [&] { return hurry_ || stop_ || next_fd_; });
  }
  while (front_.empty() && !stop_ && !next_fd_ && !due()) {
    idle_ = true;
    hurry_ = false;
    if (tick_wanted_) {
      wake_.wait_until(lock, tick_at_);
    } else {
      wake_.wait(lock);
    }
  }
  idle_ = false;
}

void LineSink::run() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the main thread; SIGPIPE is ignored here too
  std::unique_lock lock(mutex_);
  for (;;) {
    wait(lock);
    if (next_fd_) {
      fd_ = std::move(next_fd_);
      struct stat st {};
      bool known = ::fstat(fd_.get(), &st) == 0;
      file_ = known && S_ISREG(st.st_mode);
      socket_ = known && S_ISSOCK(st.st_mode);
      mid_line_ = false;
    }
    if (tick_wanted_ && Clock::now() >= tick_at_) {
      tick_wanted_ = false;
      lock.unlock();
      options_.tick();
      lock.lock();
    }
    hurry_ = false;
    if (!front_.empty()) {
      std::swap(front_, back_);
      busy_bytes_ = back_.size();
      busy_lines_ = std::exchange(front_lines_, 0);
      back_lines_ = busy_lines_;
      lock.unlock();
      write_out();
      lock.lock();
      finished_ += std::exchange(busy_bytes_, 0);
      busy_lines_ = 0;
      dropped_ += back_lines_;
      wrote_ = true;
    }
    done_.notify_all();
    if (stop_ && front_.empty() && !next_fd_) return;
  }
}

// Writes back_ and leaves in back_lines_ how many lines could not be written.
void LineSink::write_out() {
  constexpr std::size_t kChunk = 1u << 20;
  std::string_view rest = back_;
  if (mid_line_ && put("\n") == 1) mid_line_ = false;
  while (!rest.empty()) {
    if (!file_ && !writable()) break;
    // A pipe that polls writable takes PIPE_BUF bytes without waiting; more could block.
    auto taken = put(rest.substr(0, file_ ? kChunk : std::size_t{PIPE_BUF}));
    if (taken == 0) break;
    const std::string_view gone = rest.substr(0, taken);
    back_lines_ -= taken == back_.size() ? back_lines_ : static_cast<std::size_t>(std::ranges::count(gone, '\n'));
    mid_line_ = gone.back() != '\n';
    rest.remove_prefix(taken);
    std::lock_guard lock(mutex_);
    finished_ += taken;
    busy_bytes_ -= taken;
    done_.notify_all();
  }
  back_.clear();
}

bool LineSink::writable() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stop_ && Clock::now() >= stop_at_) return false;
    }
    pollfd p{fd_.get(), POLLOUT, 0};
    if (::poll(&p, 1, 100) > 0) return true;
  }
}

std::size_t LineSink::put(std::string_view text) {
  for (;;) {
    auto n = socket_ ? ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                     : ::write(fd_.get(), text.data(), text.size());
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && writable()) continue;
    return 0;
  }
}

}  // namespace genkan::base
