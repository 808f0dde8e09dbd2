#include "conf/log_format.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "conf/placeholders.hpp"

namespace genkan::conf {
namespace {

struct Known {
  std::string_view name;
  LogItem item;
  bool argument = false;
};
constexpr std::array<Known, 34> kKnown{{
    {"client", LogItem::client},
    {"time", LogItem::time},
    {"time_iso", LogItem::time_iso},
    {"method", LogItem::method},
    {"target", LogItem::target},
    {"path", LogItem::path},
    {"query", LogItem::query},
    {"protocol", LogItem::protocol},
    {"scheme", LogItem::scheme},
    {"host", LogItem::host},
    {"status", LogItem::status},
    {"bytes", LogItem::bytes},
    {"duration", LogItem::duration},
    {"accept", LogItem::accept},
    {"tls", LogItem::tls},
    {"head", LogItem::head},
    {"wait", LogItem::wait},
    {"connect", LogItem::connect},
    {"first_byte", LogItem::first_byte},
    {"route", LogItem::route},
    {"backend", LogItem::pool_backend},
    {"tries", LogItem::tries},
    {"cache", LogItem::cache},
    {"tls_version", LogItem::tls_version},
    {"server_name", LogItem::server_name},
    {"tls_cipher", LogItem::tls_cipher},
    {"tls_resumed", LogItem::tls_resumed},
    {"early_data", LogItem::early_data},
    {"request_id", LogItem::request_id},
    {"trace_id", LogItem::trace_id},
    {"error", LogItem::error},
    {"header", LogItem::header, true},
    {"sent", LogItem::sent_header, true},
    {"cookie", LogItem::cookie, true},
}};

bool read_item(std::string_view name, LogPiece& out) {
  if (const auto fact = client_fact_item(name)) {
    out.item = LogItem::client_fact;
    out.fact = *fact;
    return true;
  }
  const std::size_t colon = name.find(':');
  const auto known =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name.substr(0, colon); });
  if (known == kKnown.end() || known->argument != (colon != std::string_view::npos)) return false;
  out.item = known->item;
  if (known->argument) out.text = name.substr(colon + 1);
  return !known->argument || is_token(out.text);
}

}  // namespace

Result<LogFormat> parse_log_format(std::string_view text, std::string& why) {
  if (text == "combined") return LogFormat{};
  if (text == "json") return LogFormat{LogFormat::Kind::json, {}};
  LogFormat out{LogFormat::Kind::own, {}};
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) out.pieces.push_back({LogItem::text, std::exchange(plain, {})});
  };
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
      why = "the format must be one line";
      return Errc::malformed;
    }
    if (c != '{' && c != '}') {
      plain += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      plain += c;
      ++i;
      continue;
    }
    const std::size_t close = c == '{' ? text.find('}', i) : std::string_view::npos;
    LogPiece piece;
    if (close == std::string_view::npos) {
      why = std::string("a ") + c + " without its partner (\"{{\" and \"}}\" stand for the braces themselves)";
      return Errc::malformed;
    }
    if (!read_item(text.substr(i + 1, close - i - 1), piece)) {
      why = "the access log knows no " + std::string(text.substr(i, close - i + 1));
      return Errc::malformed;
    }
    flush();
    out.pieces.push_back(std::move(piece));
    any = true;
    i = close;
  }
  flush();
  if (!any) {
    why = "\"" + std::string(text) + "\" is no format: it has no {item} in it";
    return Errc::malformed;
  }
  return out;
}

}  // namespace genkan::conf
