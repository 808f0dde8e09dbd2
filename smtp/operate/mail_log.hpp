// The mail log: one line for every event of every message, never summed up, so that "where is my mail" has an answer.
// Apart from the log of the program, which names a busy server's messages only by example. docs/smtp.md lists the
// events.
//
// Lines are as in the program's log, text or JSON; whatever a stranger writes into an address stays one line. The file
// has a writer thread of its own: a worker never waits for it, and lines that the disk cannot keep up with are dropped
// and counted (genkan_smtp_log_dropped_total).
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"

namespace genkan::smtp {

// Thread-safe.
class MailLog {
 public:
  // `path` empty: nothing is written.
  static Result<std::unique_ptr<MailLog>> open(const std::string& path, bool json, std::string& why);

  void write(std::string_view event, std::initializer_list<base::Field> fields);
  void reopen();  // after rotation
  std::uint64_t dropped() const noexcept { return file_ ? file_->dropped() : 0; }

 private:
  MailLog(std::unique_ptr<base::LineFile> file, bool json) : file_(std::move(file)), json_(json) {}
  std::unique_ptr<base::LineFile> file_;
  bool json_;
};

}  // namespace genkan::smtp
