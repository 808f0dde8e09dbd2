// The access log in combined format (what goaccess and awstats read), and the counters that every request ends in.
#pragma once

#include <array>
#include <memory>

#include "base/line_sink.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "http/handler.hpp"

namespace genkan::proxy {

class AccessLog final : public http::Observer {
 public:
  // `file` may be null: no log, only counters.
  AccessLog(std::shared_ptr<base::LineFile> file, base::Metrics& metrics);
  void finished(const http::Request& request, const http::ResponseHead* head,
                const http::Outcome& outcome) noexcept override;

 private:
  std::shared_ptr<base::LineFile> file_;
  std::array<base::Counter*, 6> by_class_{};  // 0: the client left; 1..5
  base::Counter& bytes_;
  base::Histogram& duration_;
};

// "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 2326 "referer" "agent"\n" into `out`; returns its
// size. What a client may have put there is escaped: quotes, backslashes and control characters never break a line.
std::size_t format_combined(const http::Request& request, const http::Outcome& outcome, std::span<char> out) noexcept;

}  // namespace genkan::proxy
