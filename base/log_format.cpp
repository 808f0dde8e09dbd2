#include "base/log_format.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace genkan::base {
namespace {

constexpr std::size_t kMaxValue = 4096;  // bytes of one field's value; the rest becomes "..."

bool names_a_secret(std::string_view key) {
  constexpr std::string_view kWords[] = {"password", "passwd",        "secret",     "token",
                                         "cookie",   "authorization", "private_key"};
  for (auto word : kWords) {
    for (std::size_t i = 0; i + word.size() <= key.size(); ++i) {
      if (iequals(key.substr(i, word.size()), word)) return true;
    }
  }
  return false;
}

char32_t decode(std::string_view sequence) {
  auto at = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(sequence[i])); };
  switch (sequence.size()) {
    case 2:
      return (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
    case 3:
      return (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
    case 4:
      return (at(0) & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
    default:
      return at(0);
  }
}

// C0 and C1 controls, line and paragraph separators, and what reorders text on a screen.
bool dangerous(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void append_number(auto value, std::string& out, int base = 10) {
  char digits[32];
  std::to_chars_result r{};
  if constexpr (std::is_floating_point_v<decltype(value)>) {
    r = std::to_chars(digits, digits + sizeof digits, value);
  } else {
    r = std::to_chars(digits, digits + sizeof digits, value, base);
  }
  out.append(digits, r.ptr);
}

// Appends text with everything escaped that could break the line; `quotes` are escaped only inside of quotes.
void append_escaped(std::string_view text, bool quotes, std::string& out) {
  while (!text.empty()) {
    auto length = utf8_sequence(text);
    if (length == 0) {
      out += "\\x";
      out += hex(text.substr(0, 1));
      text.remove_prefix(1);
      continue;
    }
    auto c = decode(text.substr(0, length));
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x80 && dangerous(c)) {
      out += "\\x";
      out += hex(text.substr(0, 1));
    } else if (dangerous(c)) {
      out += "\\u{";
      append_number(static_cast<std::uint32_t>(c), out, 16);
      out += '}';
    } else if (c == '\\' || (c == '"' && quotes)) {
      out += '\\';
      out += static_cast<char>(c);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
}

bool plain(std::string_view value) {
  if (value.empty()) return false;
  for (char c : value) {
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) return false;
    if (c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

// A cut may fall into a UTF-8 sequence; its bytes are then escaped like any stray byte.
std::string_view shown(const Field& field, std::string_view value, bool& cut) {
  if (names_a_secret(field.key)) return "***";
  cut = value.size() > kMaxValue;
  return value.substr(0, kMaxValue);
}

void append_key(std::string_view key, std::string& out) {
  for (char c : key) {
    auto l = lower(c);
    bool fine = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    out += fine ? c : '_';
  }
}

void append_text_value(const Field& field, std::string& out) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    bool cut = false;
    auto value = shown(field, *text, cut);
    if (plain(value) && !cut) {
      out += value;
      return;
    }
    out += '"';
    append_escaped(value, true, out);
    if (cut) out += "...";
    out += '"';
  } else if (names_a_secret(field.key)) {
    out += "***";
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    append_number(*real, out);
  } else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
    append_number(*whole, out);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&field.value)) {
    append_number(*natural, out);
  }
}

void append_json_value(const Field& field, std::string& out) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    bool cut = false;
    auto value = shown(field, *text, cut);
    out += json_quote(cut ? std::string(value) + "..." : std::string(value));
  } else if (names_a_secret(field.key)) {
    out += "\"***\"";
  } else if (const auto* real = std::get_if<double>(&field.value); real != nullptr && !std::isfinite(*real)) {
    out += "null";  // JSON has neither NaN nor infinity
  } else {
    append_text_value(field, out);
  }
}

constexpr std::string_view level_colour(Level level) {
  switch (level) {
    case Level::debug:
      return "\x1b[2m";
    case Level::info:
      return "";
    case Level::notice:
      return "\x1b[36m";
    case Level::warning:
      return "\x1b[33m";
    case Level::error:
      return "\x1b[1;31m";
  }
  return "";
}

}  // namespace

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::notice:
      return "notice";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "?";
}

void format_text(const LogLine& line, bool colour, std::string& out) {
  out += rfc3339(line.time);
  out += ' ';
  auto paint = colour ? level_colour(line.level) : std::string_view();
  auto name = level_name(line.level);
  out += paint;
  out += name;
  if (!paint.empty()) out += "\x1b[0m";
  out.append(8 - name.size(), ' ');
  append_escaped(line.message, false, out);
  if (line.repeated != 0) {
    out += " ... repeated ";
    append_number(line.repeated, out);
    out += line.repeated == 1 ? " time" : " times";
  }
  for (const auto& field : line.fields) {
    out += ' ';
    append_key(field.key, out);
    out += '=';
    append_text_value(field, out);
  }
  out += '\n';
}

void format_json(const LogLine& line, std::string& out) {
  out += "{\"time\":\"";
  out += rfc3339(line.time);
  out += "\",\"level\":\"";
  out += level_name(line.level);
  out += "\",\"message\":";
  out += json_quote(line.message);
  if (line.repeated != 0) {
    out += ",\"repeated\":";
    append_number(line.repeated, out);
  }
  for (const auto& field : line.fields) {
    out += ",\"";
    append_key(field.key, out);
    out += "\":";
    append_json_value(field, out);
  }
  out += "}\n";
}

}  // namespace genkan::base
