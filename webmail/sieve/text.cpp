#include "webmail/sieve/text.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string utf8_of(std::uint32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
    return out;
  }
  const int more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
  const unsigned lead = more == 3 ? 0xF0 : more == 2 ? 0xE0 : 0xC0;
  out += static_cast<char>(lead | c >> (6 * more));
  for (int k = more - 1; k >= 0; --k) out += static_cast<char>(0x80 | (c >> (6 * k) & 0x3F));
  return out;
}

// The hexadecimal words behind "hex:" or "unicode:". False: this is none, and stays as it is.
bool hex_words(std::string_view text, std::size_t most, std::vector<std::uint32_t>& out) {
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    auto end = i;
    while (end < text.size() && !is_blank(text[end])) ++end;
    auto word = text.substr(i, end - i);
    i = end;
    while (word.size() > most && word.starts_with('0')) word.remove_prefix(1);
    if (word.size() > most) return false;
    const auto value = base::parse_hex(word);
    if (!value) return false;
    out.push_back(static_cast<std::uint32_t>(*value));
  }
  return !out.empty();
}

// What "${...}" with this between the braces becomes. False with `why` when it is an error.
bool encoded(std::string_view inside, std::string& out, bool& found, std::string& why) {
  found = false;
  const auto colon = inside.find(':');
  if (colon == inside.npos) return true;
  const auto kind = inside.substr(0, colon);
  std::vector<std::uint32_t> values;
  if (base::iequals(kind, "hex")) {
    if (!hex_words(inside.substr(colon + 1), 2, values)) return true;
    for (const auto value : values) out += static_cast<char>(value);
    found = true;
    return true;
  }
  if (!base::iequals(kind, "unicode") || !hex_words(inside.substr(colon + 1), 6, values)) return true;
  for (const auto value : values) {
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      why = "${unicode:...} names what is no character";
      return false;
    }
    out += utf8_of(value);
  }
  found = true;
  return true;
}

// "name", "1", "name.space"; empty: no reference.
bool reference_name(std::string_view inside) {
  if (inside.empty()) return false;
  if (std::all_of(inside.begin(), inside.end(), is_digit)) return true;
  if (!is_letter(inside.front())) return false;
  return std::all_of(inside.begin(), inside.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '.'; }) &&
         inside.back() != '.' && inside.find("..") == inside.npos;
}

char changed(char c, Modifiers::Letters how) noexcept {
  if (how == Modifiers::Letters::lower && c >= 'A' && c <= 'Z') return static_cast<char>(c + 32);
  if (how == Modifiers::Letters::upper && c >= 'a' && c <= 'z') return static_cast<char>(c - 32);
  return c;
}

}  // namespace

bool decode_characters(std::string_view text, std::string& out, std::string& why) {
  for (std::size_t i = 0; i < text.size();) {
    const auto open = text.find("${", i);
    out += text.substr(i, open == text.npos ? text.npos : open - i);
    if (open == text.npos) break;
    const auto close = text.find('}', open);
    bool found = false;
    if (close != text.npos && !encoded(text.substr(open + 2, close - open - 2), out, found, why)) return false;
    if (!found) out += "${";
    i = found ? close + 1 : open + 2;
  }
  if (mime::valid_utf8(out)) return true;
  why = "${hex:...} makes a string that is not UTF-8";
  return false;
}

bool find_references(std::string_view text, Text& out, std::string& why) {
  std::string plain;
  for (std::size_t i = 0; i < text.size();) {
    const auto open = text.find("${", i);
    plain += text.substr(i, open == text.npos ? text.npos : open - i);
    if (open == text.npos) break;
    const auto close = text.find('}', open);
    const auto inside = close == text.npos ? std::string_view() : text.substr(open + 2, close - open - 2);
    if (!reference_name(inside)) {
      plain += "${";
      i = open + 2;
      continue;
    }
    if (inside.find('.') != inside.npos) {
      why = "the name space of the variable ${" + std::string(inside.substr(0, 64)) + "} is not known";
      return false;
    }
    if (is_digit(inside.front()) && inside.size() > 4) {
      why = "there is no match with so large a number";
      return false;
    }
    if (!plain.empty()) out.pieces.push_back({false, std::move(plain)});
    plain.clear();
    out.pieces.push_back({true, base::to_lower(inside)});
    i = close + 1;
  }
  if (out.pieces.empty()) {
    out.literal = std::move(plain);
  } else if (!plain.empty()) {
    out.pieces.push_back({false, std::move(plain)});
  }
  return true;
}

bool valid_variable(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::string modified(std::string value, const Modifiers& modifiers) {
  for (auto& c : value) c = changed(c, modifiers.all);
  if (!value.empty()) value.front() = changed(value.front(), modifiers.first);
  if (modifiers.quote_wildcard) {
    std::string quoted;
    for (const char c : value) {
      if (c == '*' || c == '?' || c == '\\') quoted += '\\';
      quoted += c;
    }
    value = std::move(quoted);
  }
  if (modifiers.length) {
    const auto characters = std::count_if(value.begin(), value.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    value = std::to_string(characters);
  }
  return value;
}

}  // namespace genkan::webmail::sieve
