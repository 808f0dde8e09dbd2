#include "proxy/access_log.hpp"

#include <charconv>
#include <cstring>
#include <ctime>
#include <span>

#include "base/scan.hpp"

namespace genkan::proxy {
namespace {

constexpr std::size_t kMaxText = 4096;  // of one field of the client's

struct Line {
  char* at;
  char* end;
  void put(std::string_view text) noexcept {
    const std::size_t n = std::min(text.size(), static_cast<std::size_t>(end - at));
    std::memcpy(at, text.data(), n);
    at += n;
  }
  void number(std::uint64_t n) noexcept {
    const auto done = std::to_chars(at, end, n);
    if (done.ec == std::errc()) at = done.ptr;
  }
  // As nginx: what could end the quotes or the line becomes \xXX.
  void escaped(std::string_view text) noexcept {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.empty()) text = "-";
    text = text.substr(0, kMaxText);
    while (!text.empty()) {
      const char* stop = base::find_unquotable(text.data(), text.data() + text.size());
      const auto run = static_cast<std::size_t>(stop - text.data());
      put(text.substr(0, run));
      text.remove_prefix(run);
      if (text.empty()) return;
      const auto c = static_cast<unsigned char>(text.front());
      const char code[4] = {'\\', 'x', kDigits[c >> 4], kDigits[c & 15]};
      put({code, 4});
      text.remove_prefix(1);
    }
  }
};

// "[10/Oct/2000:13:55:36 +0000]", made once a second per thread.
std::string_view timestamp(WallTime t) noexcept {
  thread_local char text[40];
  thread_local std::time_t made = -1;
  const std::time_t second = WallClock::to_time_t(t);
  if (second != made) {
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    std::strftime(text, sizeof text, "[%d/%b/%Y:%H:%M:%S +0000]", &parts);
    made = second;
  }
  return text;
}

}  // namespace

AccessLog::AccessLog(std::shared_ptr<base::LineFile> file, base::Metrics& m)
    : file_(std::move(file)),
      bytes_(m.counter("genkan_http_response_body_bytes_total", "Bytes of response content sent to clients")),
      duration_(m.histogram("genkan_http_request_duration_seconds", "From the request head to the last byte sent")) {
  for (std::size_t i = 0; i < by_class_.size(); ++i) {
    by_class_[i] = &m.counter("genkan_http_responses_total", "Responses by status class; 'gone': the client left first",
                              {{"class", i == 0 ? "gone" : std::to_string(i) + "xx"}});
  }
}

std::size_t format_combined(const http::Request& r, const http::Outcome& outcome, std::span<char> out) noexcept {
  Line line{out.data(), out.data() + out.size() - 1};
  line.put(r.client_text.empty() ? std::string_view("-") : r.client_text);
  line.put(" - - ");
  line.put(timestamp(r.started_wall));
  line.put(" \"");
  if (r.method_text.empty()) {
    line.put("-");
  } else {
    line.escaped(r.method_text);
    line.put(" ");
    line.escaped(r.target);
    line.put(" ");
    line.put(r.protocol);
  }
  line.put("\" ");
  line.number(static_cast<std::uint64_t>(outcome.status));
  line.put(" ");
  line.number(outcome.body_bytes);
  line.put(" \"");
  line.escaped(r.fields.get(http::FieldId::referer).value_or(""));
  line.put("\" \"");
  line.escaped(r.fields.get(http::FieldId::user_agent).value_or(""));
  line.put("\"");
  *line.at++ = '\n';
  return static_cast<std::size_t>(line.at - out.data());
}

void AccessLog::finished(const http::Request& request, const http::ResponseHead*,
                         const http::Outcome& outcome) noexcept {
  const int klass = outcome.status == 499 ? 0 : outcome.status / 100;
  if (klass >= 0 && klass < static_cast<int>(by_class_.size())) by_class_[static_cast<std::size_t>(klass)]->add();
  bytes_.add(static_cast<std::int64_t>(outcome.body_bytes));
  duration_.record(outcome.duration);
  if (!file_) return;
  char buffer[4 * kMaxText];
  const std::size_t size = format_combined(request, outcome, buffer);
  file_->write({buffer, size});
}

}  // namespace genkan::proxy
