#include "base/syslog_format.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/text.hpp"

namespace genkan::base {
namespace {

// PRINTUSASCII of RFC 5424 6, at most `max` of it.
void put_name(std::string_view text, std::size_t max, std::string& out) {
  const std::size_t before = out.size();
  for (const char c : text.substr(0, max)) {
    if (c > 0x20 && c < 0x7f) out += c;
  }
  if (out.size() == before) out += '-';
}

void put_time(WallTime time, std::string& out) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  const auto second = static_cast<std::time_t>(us / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&second, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%06dZ", static_cast<int>(us % 1'000'000));
  out += text;
}

}  // namespace

int syslog_severity(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return 7;
    case Level::info:
      return 6;
    case Level::notice:
      return 5;
    case Level::warning:
      return 4;
    case Level::error:
      return 3;
  }
  return 6;
}

void format_syslog(const SyslogOrigin& origin, int severity, WallTime time, std::string_view id, std::string_view text,
                   std::size_t max, std::string& out) {
  out += '<';
  out += std::to_string(origin.facility * 8 + severity);
  out += ">1 ";
  put_time(time, out);
  out += ' ';
  put_name(origin.host, 255, out);
  out += ' ';
  put_name(origin.app, 48, out);
  out += ' ';
  put_name(origin.process, 128, out);
  out += ' ';
  put_name(id, 32, out);
  out += " - ";
  const std::size_t end = out.size() + max;
  while (!text.empty() && out.size() < end) {
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t size = 1;
    if (c < 0x80) {
      out += c < 0x20 || c == 0x7f ? ' ' : text.front();
    } else if ((size = utf8_sequence(text)) > 0) {
      if (out.size() + size > end) return;
      out += text.substr(0, size);
    } else {
      if (out.size() + 3 > end) return;
      out += "\xef\xbf\xbd";
      size = 1;
    }
    text.remove_prefix(size);
  }
}

void frame_syslog(std::string_view message, std::string& out) {
  out += std::to_string(message.size());
  out += ' ';
  out += message;
}

}  // namespace genkan::base
