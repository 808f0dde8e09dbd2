#include "proxy/log_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

#include "base/scan.hpp"
#include "base/text.hpp"
#include "http/identity.hpp"
#include "http/lookup.hpp"
#include "net/tls_stream.hpp"

namespace genkan::proxy {
namespace {

using conf::LogItem;

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

// "2000-10-10T13:55:36.123Z", its seconds made once a second per thread.
void timestamp_iso(Line& line, WallTime t) noexcept {
  thread_local char text[24];
  thread_local std::time_t made = -1;
  const std::time_t second = WallClock::to_time_t(t);
  if (second != made) {
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &parts);
    made = second;
  }
  const auto all = std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
  const auto ms = static_cast<int>(all - static_cast<std::int64_t>(second) * 1000);
  const char digits[4] = {static_cast<char>('0' + ms / 100 % 10), static_cast<char>('0' + ms / 10 % 10),
                          static_cast<char>('0' + ms % 10), 'Z'};
  line.put(text);
  line.put({digits, 4});
}

// Seconds with microseconds: 0.001234
void seconds(Line& line, Duration d) noexcept {
  const auto us = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  line.number(static_cast<std::uint64_t>(us / 1'000'000));
  char digits[7] = {'.'};
  for (std::int64_t i = 6, left = us % 1'000'000; i > 0; --i, left /= 10)
    digits[i] = static_cast<char>('0' + left % 10);
  line.put({digits, 7});
}

// A string for JSON (RFC 8259 7). Bytes that are no UTF-8 become U+FFFD.
void json_string(Line& line, std::string_view text) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  text = text.substr(0, kMaxText);
  line.put("\"");
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t size = 1;
    if (c == '"' || c == '\\') {
      const char pair[2] = {'\\', text.front()};
      line.put({pair, 2});
    } else if (c < 0x20 || c == 0x7f) {
      const char code[6] = {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
      line.put({code, 6});
    } else if (c < 0x80) {
      while (size < text.size() && static_cast<unsigned char>(text[size]) - 0x20u < 0x5fu && text[size] != '"' &&
             text[size] != '\\')
        ++size;
      line.put(text.substr(0, size));
    } else if (const std::size_t n = base::utf8_sequence(text); n > 0) {
      line.put(text.substr(0, size = n));
    } else {
      line.put("\\ufffd");
    }
    text.remove_prefix(size);
  }
  line.put("\"");
}

std::string_view yes_or_no(const net::TlsStream* tls, bool yes) noexcept { return !tls ? "" : yes ? "yes" : "no"; }

std::string_view text_of(LogItem item, const std::string& name, const Logged& l) noexcept {
  const http::Request& r = l.request;
  switch (item) {
    case LogItem::client:
      return r.client_text;
    case LogItem::method:
      return r.method_text;
    case LogItem::target:
      return r.target;
    case LogItem::path:
      return r.path;
    case LogItem::query:
      return r.query;
    case LogItem::protocol:
      return r.protocol;
    case LogItem::scheme:
      return r.scheme;
    case LogItem::host:
      return r.host;
    case LogItem::route:
      return r.route;
    case LogItem::pool_backend:
      return r.backend;
    case LogItem::cache:
      return r.cache_result;
    case LogItem::tls_version:
      return r.tls ? r.tls->version() : std::string_view();
    case LogItem::server_name:
      return r.tls ? r.tls->server_name() : std::string_view();
    case LogItem::tls_cipher:
      return r.tls ? r.tls->cipher() : std::string_view();
    case LogItem::tls_resumed:
      return yes_or_no(r.tls, r.tls && r.tls->resumed());
    case LogItem::early_data:
      return yes_or_no(r.tls, r.early_data);
    case LogItem::header:
      return r.fields.get(name).value_or("");
    case LogItem::sent_header:
      return l.head ? l.head->fields.get(name).value_or("") : std::string_view();
    case LogItem::request_id:
      return r.fields.get(http::FieldId::x_request_id).value_or("");
    case LogItem::trace_id:
      return trace_id_of(r);
    case LogItem::cookie:
      return http::cookie_value(r.fields, name).value_or("");
    default:
      return {};
  }
}

// False: it is a text, see text_of.
bool write_number(Line& line, LogItem item, const Logged& l) noexcept {
  switch (item) {
    case LogItem::status:
      line.number(static_cast<std::uint64_t>(l.outcome.status));
      return true;
    case LogItem::bytes:
      line.number(l.outcome.body_bytes);
      return true;
    case LogItem::tries:
      line.number(static_cast<std::uint64_t>(l.request.tries));
      return true;
    case LogItem::duration:
      seconds(line, l.outcome.duration);
      return true;
    case LogItem::accept:
      seconds(line, l.request.accept_time);
      return true;
    case LogItem::tls:
      seconds(line, l.request.tls_time);
      return true;
    case LogItem::head:
      seconds(line, l.request.head_time);
      return true;
    case LogItem::connect:
      seconds(line, l.request.connect_time);
      return true;
    case LogItem::wait:
      seconds(line, l.request.wait_time);
      return true;
    case LogItem::first_byte:
      seconds(line, l.request.backend_time);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view trace_id_of(const http::Request& r) noexcept {
  const auto field = r.fields.get(http::FieldId::traceparent);
  if (!field) return {};
  const auto parent = http::parse_traceparent(*field);
  return parent ? parent->trace_id : std::string_view();
}

std::size_t write_combined(const Logged& logged, std::span<char> out) noexcept {
  const http::Request& r = logged.request;
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
  line.number(static_cast<std::uint64_t>(logged.outcome.status));
  line.put(" ");
  line.number(logged.outcome.body_bytes);
  line.put(" \"");
  line.escaped(r.fields.get(http::FieldId::referer).value_or(""));
  line.put("\" \"");
  line.escaped(r.fields.get(http::FieldId::user_agent).value_or(""));
  line.put("\"");
  *line.at++ = '\n';
  return static_cast<std::size_t>(line.at - out.data());
}

std::size_t write_json(const Logged& l, std::span<char> out) noexcept {
  struct Member {
    std::string_view key;
    LogItem item;
    std::string_view name = {};
  };
  static constexpr Member kMembers[] = {{"client", LogItem::client},
                                        {"method", LogItem::method},
                                        {"scheme", LogItem::scheme},
                                        {"host", LogItem::host},
                                        {"target", LogItem::target},
                                        {"protocol", LogItem::protocol},
                                        {"status", LogItem::status},
                                        {"bytes", LogItem::bytes},
                                        {"duration", LogItem::duration},
                                        {"accept", LogItem::accept},
                                        {"tls_handshake", LogItem::tls},
                                        {"head", LogItem::head},
                                        {"wait", LogItem::wait},
                                        {"connect", LogItem::connect},
                                        {"first_byte", LogItem::first_byte},
                                        {"tries", LogItem::tries},
                                        {"route", LogItem::route},
                                        {"backend", LogItem::pool_backend},
                                        {"cache", LogItem::cache},
                                        {"tls", LogItem::tls_version},
                                        {"cipher", LogItem::tls_cipher},
                                        {"server_name", LogItem::server_name},
                                        {"request_id", LogItem::request_id},
                                        {"trace_id", LogItem::trace_id},
                                        {"referer", LogItem::header, "Referer"},
                                        {"user_agent", LogItem::header, "User-Agent"}};
  Line line{out.data(), out.data() + out.size() - 2};
  line.put("{\"time\":\"");
  timestamp_iso(line, l.request.started_wall);
  line.put("\"");
  for (const Member& m : kMembers) {
    char* const before = line.at;
    line.put(",\"");
    line.put(m.key);
    line.put("\":");
    if (write_number(line, m.item, l)) continue;
    const std::string_view text = text_of(m.item, std::string(m.name), l);
    if (text.empty()) {
      line.at = before;
    } else {
      json_string(line, text);
    }
    if (line.at == line.end) {  // cut between members and never in the middle of one
      line.at = before;
      break;
    }
  }
  if (const net::PeerCertificate* peer = l.request.tls ? l.request.tls->peer() : nullptr) {
    char* const before = line.at;
    line.put(",\"client_certificate\":");
    json_string(line, peer->subject);
    if (line.at == line.end) line.at = before;
  }
  if (!l.outcome.complete) {
    char* const before = line.at;
    line.put(",\"error\":");
    json_string(line, l.outcome.error ? l.outcome.error.message() : "incomplete");
    if (line.at == line.end) line.at = before;
  }
  *line.at++ = '}';
  *line.at++ = '\n';
  return static_cast<std::size_t>(line.at - out.data());
}

std::size_t write_own(const conf::LogFormat& format, const Logged& l, std::span<char> out) noexcept {
  Line line{out.data(), out.data() + out.size() - 1};
  for (const conf::LogPiece& piece : format.pieces) {
    if (piece.item == LogItem::text) {
      line.put(piece.text);
    } else if (piece.item == LogItem::time) {
      line.put(timestamp(l.request.started_wall));
    } else if (piece.item == LogItem::time_iso) {
      timestamp_iso(line, l.request.started_wall);
    } else if (piece.item == LogItem::error) {
      line.escaped(l.outcome.complete ? "" : l.outcome.error ? l.outcome.error.message() : "incomplete");
    } else if (piece.item == LogItem::client_fact) {
      line.escaped(l.request.tls ? net::fact_of(l.request.tls->peer(), piece.fact) : std::string_view());
    } else if (!write_number(line, piece.item, l)) {
      line.escaped(text_of(piece.item, piece.text, l));
    }
  }
  *line.at++ = '\n';
  return static_cast<std::size_t>(line.at - out.data());
}

std::size_t write_line(const conf::LogFormat& format, const Logged& logged, std::span<char> out) noexcept {
  switch (format.kind) {
    case conf::LogFormat::Kind::json:
      return write_json(logged, out);
    case conf::LogFormat::Kind::own:
      return write_own(format, logged, out);
    case conf::LogFormat::Kind::combined:
      break;
  }
  return write_combined(logged, out);
}

}  // namespace genkan::proxy
