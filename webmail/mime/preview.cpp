#include "webmail/mime/preview.hpp"

#include <array>
#include <cstdint>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::mime {

namespace {

struct Entity {
  std::string_view name, text;
};
// Those that mail programs write; others stay as they are.
constexpr std::array kEntities = {
    Entity{"amp", "&"},         Entity{"lt", "<"},         Entity{"gt", ">"},         Entity{"quot", "\""},
    Entity{"apos", "'"},        Entity{"nbsp", "\u00a0"},  Entity{"copy", "\u00a9"},  Entity{"reg", "\u00ae"},
    Entity{"yen", "\u00a5"},    Entity{"euro", "\u20ac"},  Entity{"mdash", "\u2014"}, Entity{"ndash", "\u2013"},
    Entity{"hellip", "\u2026"}, Entity{"laquo", "\u00ab"}, Entity{"raquo", "\u00bb"}, Entity{"lsquo", "\u2018"},
    Entity{"rsquo", "\u2019"},  Entity{"ldquo", "\u201c"}, Entity{"rdquo", "\u201d"}, Entity{"bull", "\u2022"},
    Entity{"zwnj", ""},         Entity{"zwj", ""},         Entity{"shy", ""},         Entity{"middot", "\u00b7"},
    Entity{"times", "\u00d7"},  Entity{"trade", "\u2122"}, Entity{"colon", ":"},      Entity{"tab", "\t"},
    Entity{"newline", "\n"},    Entity{"lpar", "("},       Entity{"rpar", ")"},       Entity{"sol", "/"},
};

void put_utf8(std::string& out, std::uint64_t c) {
  if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

std::string_view tag_name(std::string_view tag) {
  std::size_t i = 0;
  while (i < tag.size() && tag[i] != ' ' && tag[i] != '\t' && tag[i] != '\n' && tag[i] != '\r' && tag[i] != '/' &&
         tag[i] != '>') {
    ++i;
  }
  return tag.substr(0, i);
}

bool is_block(std::string_view name) {
  for (const std::string_view block :
       {"p",     "div", "br", "tr",         "li",  "h1", "h2",      "h3",      "h4",     "h5",    "h6",
        "table", "ul",  "ol", "blockquote", "pre", "hr", "section", "article", "header", "footer"}) {
    if (base::iequals(name, block)) return true;
  }
  return false;
}

// Where the content of a raw element (script, style, title) ends.
std::size_t raw_end(std::string_view html, std::size_t at, std::string_view name) {
  while ((at = html.find("</", at)) != html.npos) {
    if (base::istarts_with(html.substr(at + 2), name)) return at;
    at += 2;
  }
  return html.size();
}

// After the markup that starts at `i`; appends a line end or a blank where it separates words.
std::size_t skip_markup(std::string_view html, std::size_t i, std::string& out) {
  if (html.substr(i, 4) == "<!--") {
    const auto end = html.find("-->", i + 4);
    return end == html.npos ? html.size() : end + 3;
  }
  const bool close = html.substr(i, 2) == "</";
  const auto name = tag_name(html.substr(i + (close ? 2 : 1), 16));
  const bool markup = !name.empty() && (base::lower(name[0]) >= 'a' && base::lower(name[0]) <= 'z');
  if (!markup && !close && html.substr(i, 2) != "<!" && html.substr(i, 2) != "<?") {
    out += '<';
    return i + 1;
  }
  auto end = html.find('>', i);
  end = end == html.npos ? html.size() : end + 1;
  for (const std::string_view raw : {"script", "style", "title", "template", "noscript"}) {
    if (!close && base::iequals(name, raw)) return raw_end(html, end, raw);
  }
  if (is_block(name)) {
    out += '\n';
  } else if (base::iequals(name, "td") || base::iequals(name, "th")) {
    out += ' ';
  }
  return end;
}

}  // namespace

std::size_t decode_entity(std::string_view html, std::size_t at, std::string& out) {
  const auto rest = html.substr(at + 1, 40);
  if (rest.starts_with('#')) {
    const bool hex = rest.size() > 1 && base::lower(rest[1]) == 'x';
    std::size_t i = hex ? 2 : 1;
    std::uint64_t value = 0;
    const std::size_t first = i;
    for (; i < rest.size(); ++i) {
      const char c = base::lower(rest[i]);
      const int digit = c >= '0' && c <= '9' ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) break;
      if (value <= 0x10FFFF) value = value * (hex ? 16 : 10) + static_cast<unsigned>(digit);
    }
    if (i == first) return 0;
    put_utf8(out, value);
    if (i < rest.size() && rest[i] == ';') ++i;
    return i + 1;
  }
  for (const auto& entity : kEntities) {
    if (!base::istarts_with(rest, entity.name)) continue;
    if (rest.size() > entity.name.size() && rest[entity.name.size()] == ';') {
      out += entity.text;
      return entity.name.size() + 2;
    }
  }
  return 0;
}

std::string decode_entities(std::string_view html) {
  std::string out;
  for (std::size_t i = 0; i < html.size();) {
    const auto n = html[i] == '&' ? decode_entity(html, i, out) : 0;
    if (n == 0) out += html[i];
    i += n == 0 ? 1 : n;
  }
  return out;
}

std::string html_to_text(std::string_view html, std::size_t max) {
  std::string out;
  std::size_t i = 0;
  while (i < html.size() && out.size() < max) {
    const char c = html[i];
    if (c == '<') {
      i = skip_markup(html, i, out);
    } else if (const auto n = c == '&' ? decode_entity(html, i, out) : 0; n > 0) {
      i += n;
    } else {
      out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
      ++i;
    }
  }
  if (out.size() > max) out.resize(utf8_prefix(out, max).size());
  return out;
}

std::string preview_of(std::string_view text, std::size_t characters) {
  std::string words;
  for (std::size_t at = 0; at < text.size() && words.size() < characters * 8;) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = base::trim(text.substr(at, end - at));
    at = end + 1;
    if (line.starts_with('>')) continue;
    if (line == "--") break;  // what follows is a signature
    words += line.substr(0, characters * 8);
    words += ' ';
  }
  std::string out;
  std::size_t count = 0;
  bool blank = true;
  for (std::size_t i = 0; i < words.size() && count < characters; ++i) {
    const auto c = static_cast<unsigned char>(words[i]);
    const bool nbsp = c == 0xC2 && i + 1 < words.size() && static_cast<unsigned char>(words[i + 1]) == 0xA0;
    if (c <= 0x20 || c == 0x7F || nbsp) {
      if (!blank) {
        out += ' ';
        ++count;
      }
      blank = true;
      i += nbsp ? 1 : 0;
      continue;
    }
    out += words[i];
    blank = false;
    // The rest of a character goes with its first byte.
    while (c >= 0xC0 && i + 1 < words.size() && (static_cast<unsigned char>(words[i + 1]) & 0xC0) == 0x80) {
      out += words[++i];
    }
    ++count;
  }
  while (out.ends_with(' ')) out.pop_back();
  return repair_utf8(out);
}

}  // namespace genkan::webmail::mime
