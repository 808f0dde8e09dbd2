#include "webmail/mime/transfer.hpp"

#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace genkan::webmail::mime {

namespace {

constexpr std::array<std::int8_t, 256> make_base64_table() {
  std::array<std::int8_t, 256> table{};
  for (auto& v : table) v = -1;
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}
constexpr auto kBase64 = make_base64_table();

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void put_escaped(std::string& out, unsigned char c) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += '=';
  out += digits[c >> 4];
  out += digits[c & 15];
}

// True when only blanks stand between `i` and the end of its line: they were added in transport (RFC 2045 6.7 rule 3).
bool blank_to_line_end(std::string_view s, std::size_t i, std::size_t& end) {
  while (i < s.size() && (s[i] == ' ' || s[i] == '\t')) ++i;
  if (i + 1 < s.size() && s[i] == '\r' && s[i + 1] == '\n') ++i;
  end = i;
  return i >= s.size() || s[i] == '\n';
}

}  // namespace

Encoding encoding_from(std::string_view name, bool* known) {
  name = base::trim(name);
  if (known) *known = true;
  if (base::iequals(name, "base64")) return Encoding::base64;
  if (base::iequals(name, "quoted-printable")) return Encoding::quoted_printable;
  if (known) {
    *known =
        name.empty() || base::iequals(name, "7bit") || base::iequals(name, "8bit") || base::iequals(name, "binary");
  }
  return Encoding::identity;
}

std::string decode_transfer(std::string_view bytes, Encoding encoding, std::size_t max) {
  if (encoding == Encoding::base64) return decode_base64(bytes, max);
  if (encoding == Encoding::quoted_printable) return decode_quoted_printable(bytes, max);
  return std::string(bytes.substr(0, max));
}

std::string decode_base64(std::string_view bytes, std::size_t max) {
  std::string out;
  out.reserve(std::min(max, bytes.size() / 4 * 3 + 3));
  std::uint32_t group = 0;
  int have = 0;
  for (const char c : bytes) {
    if (c == '=') {  // padding ends a group; what follows may be another encoded piece
      if (have >= 2) out += static_cast<char>(group >> (have == 2 ? 4 : 10));
      if (have == 3) out += static_cast<char>(group >> 2);
      group = 0;
      have = 0;
      continue;
    }
    const auto v = kBase64[static_cast<unsigned char>(c)];
    if (v < 0) continue;
    group = group << 6 | static_cast<std::uint32_t>(v);
    if (++have == 4) {
      out += static_cast<char>(group >> 16);
      out += static_cast<char>(group >> 8);
      out += static_cast<char>(group);
      group = 0;
      have = 0;
      if (out.size() >= max) break;
    }
  }
  if (have >= 2) out += static_cast<char>(group >> (have == 2 ? 4 : 10));
  if (have == 3) out += static_cast<char>(group >> 2);
  if (out.size() > max) out.resize(max);
  return out;
}

std::string decode_quoted_printable(std::string_view s, std::size_t max) {
  std::string out;
  out.reserve(std::min(max, s.size()));
  for (std::size_t i = 0; i < s.size() && out.size() < max; ++i) {
    std::size_t end = 0;
    if (s[i] == '=') {
      if (i + 2 < s.size() && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
        out += static_cast<char>(hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]));
        i += 2;
      } else if (blank_to_line_end(s, i + 1, end)) {
        i = end;  // soft line break
      } else {
        out += '=';
      }
    } else if ((s[i] == ' ' || s[i] == '\t') && blank_to_line_end(s, i, end)) {
      if (end < s.size() && end > i && s[end - 1] == '\r') --end;
      i = end - 1;
    } else {
      out += s[i];
    }
  }
  return out;
}

std::string decode_q(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '_') {
      out += ' ';
    } else if (s[i] == '=' && i + 2 < s.size() && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(s[i + 1]) << 4 | hex_digit(s[i + 2]));
      i += 2;
    } else {
      out += s[i];
    }
  }
  return out;
}

std::string encode_base64_lines(std::string_view bytes) {
  constexpr std::size_t kLine = 57;  // 76 characters
  std::string out;
  out.reserve(bytes.size() / 3 * 4 + bytes.size() / kLine * 2 + 8);
  for (std::size_t i = 0; i < bytes.size(); i += kLine) {
    out += base::base64(bytes.substr(i, kLine));
    out += "\r\n";
  }
  return out;
}

std::string encode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t column = 0;
  const auto room_for = [&](std::size_t n) {
    if (column + n > 75) {
      out += "=\r\n";
      column = 0;
    }
    column += n;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_end = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if (line_end) {
      if (c == '\r') ++i;
      out += "\r\n";
      column = 0;
      continue;
    }
    const char next = i + 1 < text.size() ? text[i + 1] : '\n';
    const bool blank = c == ' ' || c == '\t';
    const bool keep = blank ? next != '\n' && next != '\r' : c > ' ' && c < 127 && c != '=';
    // A lone dot and "From " at a line's start are the two that transports change.
    const bool guard = column == 0 && (c == '.' || (c == 'F' && text.substr(i, 5) == "From "));
    if (keep && !guard) {
      room_for(1);
      out += c;
    } else {
      room_for(3);
      put_escaped(out, static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace genkan::webmail::mime
