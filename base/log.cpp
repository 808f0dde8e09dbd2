#include "base/log.hpp"

#include <atomic>
#include <map>
#include <mutex>

#include "base/line_sink.hpp"
#include "base/log_format.hpp"

namespace genkan::base {

struct Log::Impl {
  explicit Impl(const LogOptions& o)
      : options(o),
        level(o.level),
        sink({.path = o.path, .max_bytes = 16u << 20, .max_lines = o.queue_lines, .tick = [this] { summarise(); }}) {}

  struct Repeats {
    Time window_end;
    unsigned shown = 0;
    std::uint64_t swallowed = 0;
  };
  // Messages are fixed sentences, so there are few; this only stops a caller that breaks the rule from growing it.
  static constexpr std::size_t kMaxEvents = 1024;

  // True when the line goes out, false when it is one too many in its second.
  bool admit(Level line_level, std::string_view message) {
    bool first = false;
    {
      std::lock_guard lock(repeats_mutex);
      auto now = Clock::now();
      auto it = repeats.find(std::pair<Level, std::string_view>(line_level, message));
      if (it == repeats.end()) {
        if (repeats.size() >= kMaxEvents) return true;
        it = repeats.emplace(std::pair(line_level, std::string(message)), Repeats{}).first;
      }
      auto& r = it->second;
      // A window with swallowed lines stays open until the tick has summed them up.
      if (now >= r.window_end && r.swallowed == 0) r = {now + std::chrono::seconds(1), 0, 0};
      if (r.shown < kRepeatBurst) {
        ++r.shown;
        return true;
      }
      first = r.swallowed++ == 0;
    }
    if (first) sink.want_tick();
    return false;
  }

  // On the writer thread, a second after the first swallowed line, and once at the end.
  void summarise() {
    std::string out;
    std::lock_guard lock(repeats_mutex);
    auto now = Clock::now();
    for (auto it = repeats.begin(); it != repeats.end();) {
      auto& r = it->second;
      if (r.swallowed != 0) {
        out.clear();
        format({WallClock::now(), it->first.first, it->first.second, {}, r.swallowed}, out);
        sink.write(out);
        r = {now + std::chrono::seconds(1), 0, 0};
        ++it;
      } else {
        it = r.window_end < now ? repeats.erase(it) : std::next(it);
      }
    }
  }

  void format(const LogLine& line, std::string& out) const {
    if (options.format == LogOptions::Format::json) {
      format_json(line, out);
    } else {
      format_text(line, colour, out);
    }
  }

  // Once there is room again, says how much was lost.
  void report_losses() {
    auto lost = sink.dropped();
    auto known = reported.load(std::memory_order_relaxed);
    if (lost == known || !reported.compare_exchange_strong(known, lost)) return;
    std::string out;
    const Field fields[] = {{"lines", lost - known}};
    format({WallClock::now(), Level::warning, "log lines were lost because the writer was too slow", fields}, out);
    sink.write(out);
  }

  struct Less {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      if (a.first != b.first) return a.first < b.first;
      return std::string_view(a.second) < std::string_view(b.second);
    }
  };

  LogOptions options;
  std::atomic<Level> level;
  std::atomic<LineCopy*> copy{nullptr};
  bool colour = false;
  std::mutex repeats_mutex;  // guards repeats; held for one look-up, or for one walk a second
  std::map<std::pair<Level, std::string>, Repeats, Less> repeats;
  std::atomic<std::uint64_t> reported{0};
  LineSink sink;  // last: its thread uses the rest
};

Log::Log(LogOptions options) : impl_(std::make_unique<Impl>(options)) {
  impl_->colour = options.colour && options.format == LogOptions::Format::text && impl_->sink.is_terminal();
}

Log::~Log() = default;

bool Log::enabled(Level level) const noexcept { return level >= impl_->level.load(std::memory_order_relaxed); }
void Log::set_level(Level level) noexcept { impl_->level.store(level, std::memory_order_relaxed); }

void Log::copy_to(LineCopy* copy) noexcept { impl_->copy.store(copy, std::memory_order_release); }

void Log::write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level) || !impl_->admit(level, message)) return;
  thread_local std::string buffer;
  buffer.clear();
  impl_->format({WallClock::now(), level, message, {fields.begin(), fields.size()}}, buffer);
  if (impl_->sink.write(buffer)) impl_->report_losses();
  if (LineCopy* copy = impl_->copy.load(std::memory_order_acquire)) copy->take(level, buffer);
  if (buffer.capacity() > 64 * 1024) std::string().swap(buffer);
}

std::uint64_t Log::dropped() const noexcept { return impl_->sink.dropped(); }
void Log::flush() { impl_->sink.flush(); }
Result<> Log::reopen() { return impl_->sink.reopen(); }

struct LineFile::Impl {
  Impl(std::string path, std::size_t max) : sink({.path = std::move(path), .max_bytes = max}) {}
  LineSink sink;
};

LineFile::LineFile(std::string path, std::size_t max_queued_bytes)
    : impl_(std::make_unique<Impl>(std::move(path), max_queued_bytes)) {}
LineFile::~LineFile() = default;

bool LineFile::write(std::string_view line) { return impl_->sink.write(line); }
void LineFile::flush() { impl_->sink.flush(); }
Result<> LineFile::reopen() { return impl_->sink.reopen(); }
std::uint64_t LineFile::dropped() const noexcept { return impl_->sink.dropped(); }

}  // namespace genkan::base
