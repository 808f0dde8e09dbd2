// The mail log: one line for every event of every message, never summed up, so that "where is my mail" has an answer.
// Apart from the log of the program, which names a busy server's messages only by example. docs/smtp.md lists the
// events.
//
// Lines are as in the program's log, text or JSON; whatever a stranger writes into an address stays one line. The file
// has a writer thread of its own: a worker never waits for it, and lines that the disk cannot keep up with are dropped
// and counted (genkan_smtp_log_dropped_total). They may go to syslog as well, or instead.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/syslog.hpp"

namespace genkan::smtp {

// Thread-safe.
class MailLog {
 public:
  // `path` empty: no file. `syslog` may be null, else it outlives this.
  static Result<std::unique_ptr<MailLog>> open(const std::string& path, bool json, net::Syslog* syslog,
                                               std::string& why);

  void write(std::string_view event, std::initializer_list<base::Field> fields);
  void reopen();  // after rotation
  std::uint64_t dropped() const noexcept { return file_ ? file_->dropped() : 0; }

 private:
  MailLog(std::unique_ptr<base::LineFile> file, bool json, net::Syslog* syslog)
      : file_(std::move(file)), syslog_(syslog), json_(json) {}
  std::unique_ptr<base::LineFile> file_;
  net::Syslog* syslog_;
  bool json_;
};

}  // namespace genkan::smtp
