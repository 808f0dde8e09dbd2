#include "webmail/mime/header.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/transfer.hpp"

namespace genkan::webmail::mime {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Line ends and NUL have no place in a decoded value; other controls are harmless to headers but not to screens.
void clean(std::string& text) {
  for (auto& c : text) {
    if (c == '\r' || c == '\n' || c == '\t') c = ' ';
  }
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

struct Word {
  std::string charset;  // lower case, without RFC 2231's *language
  std::string bytes;
  std::size_t end = 0;  // after "?="
};

// "=?charset?B|Q?text?=" at `i` (RFC 2047 section 2; longer words and blanks inside are tolerated).
// `next_end` remembers the last "?=" found, so that many unfinished words cost linear time together.
std::optional<Word> word_at(std::string_view s, std::size_t i, std::size_t& next_end) {
  if (s.substr(i, 2) != "=?") return {};
  const auto first = s.find('?', i + 2);
  if (first == s.npos || first - i > 66 || first + 2 >= s.size() || s[first + 2] != '?') return {};
  const char kind = base::lower(s[first + 1]);
  if (kind != 'b' && kind != 'q') return {};
  const auto start = first + 3;
  // In Q a "?=" may be the start of "?==XX"; encoders write '?' as =3F, so the first one counts.
  if (next_end != s.npos && next_end < start) next_end = s.find("?=", start);
  const auto end = next_end;
  if (end == s.npos) return {};
  Word word;
  auto charset = s.substr(i + 2, first - i - 2);
  word.charset = base::to_lower(charset.substr(0, charset.find('*')));
  const auto text = s.substr(start, end - start);
  word.bytes = kind == 'b' ? decode_base64(text) : decode_q(text);
  word.end = end + 2;
  return word;
}

std::string decode_plain(std::string_view text) {
  return valid_utf8(text) ? std::string(text) : to_utf8(text, "").text;
}

}  // namespace

std::string unfold(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (const char c : raw) {
    if (c != '\r' && c != '\n' && c != '\0') out += c;
  }
  return out;
}

std::string decode_words(std::string_view s) {
  std::string out;
  std::string charset, bytes;  // of the words that stand side by side
  const auto flush = [&] {
    if (!bytes.empty()) out += to_utf8(bytes, charset).text;
    bytes.clear();
  };
  bool after_word = false;
  std::size_t plain = 0, i = 0, next_end = 0;
  while (i < s.size()) {
    auto word = s[i] == '=' ? word_at(s, i, next_end) : std::nullopt;
    if (!word) {
      ++i;
      continue;
    }
    const auto between = s.substr(plain, i - plain);
    const bool only_blanks = std::all_of(between.begin(), between.end(), is_blank);
    if (!after_word || !only_blanks) {
      flush();
      out += decode_plain(between);
    }
    if (word->charset != charset) flush();
    charset = word->charset;
    bytes += word->bytes;
    after_word = true;
    i = plain = word->end;
  }
  flush();
  out += decode_plain(s.substr(plain));
  return out;
}

std::string decode_text(std::string_view raw) {
  auto text = decode_words(unfold(raw));
  clean(text);
  return normalize_nfc(std::string(base::trim(text)));
}

namespace {

struct Segment {
  std::string name;
  unsigned index = 0;
  bool extended = false;  // percent-encoded
  bool numbered = false;
  std::string value;
};

// name, name*, name*3, name*3* (RFC 2231 sections 3 and 4).
Segment split_name(std::string_view name) {
  Segment s;
  if (name.ends_with('*')) {
    s.extended = true;
    name.remove_suffix(1);
  }
  if (const auto star = name.rfind('*'); star != name.npos) {
    if (const auto n = base::parse_uint(name.substr(star + 1)); n && *n < 1000) {
      s.index = static_cast<unsigned>(*n);
      s.numbered = true;
      name = name.substr(0, star);
    }
  }
  s.name = base::to_lower(base::trim(name));
  return s;
}

std::string percent_decode(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%' && i + 2 < s.size()) {
      if (const auto v = base::parse_hex(s.substr(i + 1, 2))) {
        out += static_cast<char>(*v);
        i += 2;
        continue;
      }
    }
    out += s[i];
  }
  return out;
}

std::string read_value(std::string_view s, std::size_t& i) {
  std::string out;
  while (i < s.size() && is_blank(s[i])) ++i;
  if (i < s.size() && s[i] == '"') {
    for (++i; i < s.size() && s[i] != '"'; ++i) {
      if (s[i] == '\\' && i + 1 < s.size()) ++i;
      out += s[i];
    }
    while (i < s.size() && s[i] != ';') ++i;
    return out;
  }
  const auto end = std::min(s.find(';', i), s.size());
  out = base::trim(s.substr(i, end - i));
  i = end;
  return out;
}

std::vector<Segment> read_segments(std::string_view s, std::size_t i) {
  constexpr std::size_t kMaxParameters = 64;
  std::vector<Segment> segments;
  while (i < s.size() && segments.size() < kMaxParameters) {
    if (s[i] == ';' || is_blank(s[i])) {
      ++i;
      continue;
    }
    const auto stop = std::min(s.find_first_of("=;", i), s.size());
    auto segment = split_name(base::trim(s.substr(i, stop - i)));
    i = stop;
    if (i < s.size() && s[i] == '=') segment.value = read_value(s, ++i);
    if (!segment.name.empty()) segments.push_back(std::move(segment));
  }
  return segments;
}

// Joins the segments of one name and decodes what they are together: a character may be split between two.
std::string join(std::vector<const Segment*>& parts) {
  std::stable_sort(parts.begin(), parts.end(), [](auto* a, auto* b) { return a->index < b->index; });
  std::string bytes, charset;
  bool extended = false;
  for (const auto* part : parts) {
    std::string_view value = part->value;
    if (part->extended && !extended) {
      const auto first = value.find('\'');
      const auto second = first == value.npos ? first : value.find('\'', first + 1);
      if (second != value.npos) {
        charset = value.substr(0, first);
        value.remove_prefix(second + 1);
      }
    }
    extended |= part->extended;
    bytes += part->extended ? percent_decode(value) : std::string(value);
  }
  auto text = extended ? to_utf8(bytes, charset).text : decode_words(bytes);
  clean(text);
  return normalize_nfc(std::move(text));
}

}  // namespace

std::string_view Parameters::find(std::string_view name) const {
  for (const auto& [key, text] : list) {
    if (key == name) return text;
  }
  return {};
}

bool Parameters::has(std::string_view name) const {
  return std::any_of(list.begin(), list.end(), [&](const auto& p) { return p.first == name; });
}

Parameters parse_parameters(std::string_view raw) {
  const std::string s = unfold(raw);
  Parameters out;
  const auto end = std::min(s.find(';'), s.size());
  out.value = base::to_lower(base::trim(std::string_view(s).substr(0, end)));
  clean(out.value);
  const auto segments = read_segments(s, end);
  for (const auto& segment : segments) {
    if (out.has(segment.name)) continue;
    // RFC 2231 4.1: the extended form wins over a plain one of the same name.
    const bool special = std::any_of(segments.begin(), segments.end(), [&](const Segment& o) {
      return o.name == segment.name && (o.extended || o.numbered);
    });
    std::vector<const Segment*> parts;
    for (const auto& other : segments) {
      if (other.name == segment.name && (other.extended || other.numbered) == special) parts.push_back(&other);
    }
    if (!special) parts.resize(1);
    out.list.emplace_back(segment.name, join(parts));
  }
  return out;
}

std::vector<std::string> parse_message_ids(std::string_view raw) {
  constexpr std::size_t kMaxIds = 1000;
  std::vector<std::string> ids;
  const std::string s = unfold(raw);
  for (std::size_t i = 0; i < s.size() && ids.size() < kMaxIds;) {
    const auto open = s.find('<', i);
    if (open == s.npos) break;
    const auto close = s.find('>', open);
    if (close == s.npos) break;
    std::string id = s.substr(open + 1, close - open - 1);
    std::erase_if(id, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == '<' || c == 0x7F; });
    if (!id.empty() && id.size() <= 998) ids.push_back(repair_utf8(id));
    i = close + 1;
  }
  return ids;
}

}  // namespace genkan::webmail::mime
