// The structured log: one event, one line, with fields. A caller formats into a per-thread buffer and hands the line to
// a writer thread through a bounded queue; when the queue is full the line is dropped and counted, never waited for.
// Repeats of the same event (level + message) over kRepeatBurst a second are swallowed and summed up once a second.
//
// Whatever a stranger puts into a field, it stays one line: control characters, invalid UTF-8 and characters that turn
// the reading direction are written as escapes. Nothing is logged that is not named in a call, and a field whose key
// says that it is a secret (password, token, secret, cookie, authorization, private_key) shows only ***.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

namespace genkan::base {

enum class Level { debug, info, notice, warning, error };

struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  std::string_view key;
  Value value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <std::signed_integral T>
  Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Field(std::string_view k, T v) : key(k), value(static_cast<std::uint64_t>(v)) {}
};

struct LogOptions {
  enum class Format { text, json };
  Format format = Format::text;
  Level level = Level::info;
  std::string path;                // empty: standard error
  std::size_t queue_lines = 8192;  // lines that may wait for the writer
  bool colour = false;             // text on a terminal only
};

// Hears every line that the log writes, on the thread that logs; must not block, nor log.
class LineCopy {
 public:
  virtual void take(Level level, std::string_view line) noexcept = 0;

 protected:
  ~LineCopy() = default;
};

// Thread-safe. Outlives every room. The destructor writes what is queued.
class Log {
 public:
  static constexpr unsigned kRepeatBurst = 20;

  explicit Log(LogOptions options);  // throws std::system_error when `path` cannot be opened
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(Level level) const noexcept;
  void set_level(Level level) noexcept;
  void copy_to(LineCopy* copy) noexcept;  // null: nobody. It must stay until another is set and a line later

  // `message` is a fixed sentence that names the event (the key of the repeat limit); what varies goes into fields.
  void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});
  void debug(std::string_view m, std::initializer_list<Field> f = {}) {
    if (enabled(Level::debug)) write(Level::debug, m, f);
  }
  void info(std::string_view m, std::initializer_list<Field> f = {}) {
    if (enabled(Level::info)) write(Level::info, m, f);
  }
  void notice(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::notice, m, f); }
  void warning(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::warning, m, f); }
  void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::error, m, f); }

  std::uint64_t dropped() const noexcept;  // lines lost because the queue was full
  void flush();                            // waits until the lines queued so far are written (tests, shutdown)
  Result<> reopen();                       // reopens `path` (log rotation); on failure goes on with the old file

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A sink for lines that are formatted elsewhere (access log): bounded, never blocks, own writer thread.
// `line` must end in '\n'. Thread-safe. Returns false when the line was dropped.
// The constructor throws std::system_error when the file cannot be opened.
class LineFile {
 public:
  explicit LineFile(std::string path, std::size_t max_queued_bytes = 8u << 20);  // "-" is standard output
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  bool write(std::string_view line);
  void flush();
  Result<> reopen();
  std::uint64_t dropped() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace genkan::base
