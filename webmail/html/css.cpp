// CSS filter. It need not understand CSS: it takes out everything by which CSS could name another resource.
#include "base/text.hpp"
#include "webmail/html/filter.hpp"

namespace genkan::webmail::html {

namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (base::lower(c) >= 'a' && base::lower(c) <= 'f'); }

// Comments become a blank and escapes a '_', so that neither can hide a name nor make one when it goes.
std::string plain(std::string_view css) {
  std::string out;
  out.reserve(css.size());
  for (std::size_t i = 0; i < css.size(); ++i) {
    const char c = css[i];
    if (css.substr(i, 2) == "/*") {
      const auto end = css.find("*/", i + 2);
      out += ' ';
      if (end == css.npos) break;
      i = end + 1;
    } else if (c == '\\') {
      out += '_';
      for (int n = 0; n < 6 && i + 1 < css.size() && is_hex(css[i + 1]); ++n) ++i;
    } else if (c == '<' || c == '>' || c == '\0') {
      out += c == '>' ? '>' : ' ';  // '>' is a combinator; '<' could end a style element
    } else {
      out += c;
    }
  }
  return out;
}

struct Name {
  std::string_view name, instead;
};
constexpr Name kNames[] = {{"@import", "@off"},     {"@namespace", "@off"}, {"@charset", "@off"},
                           {"expression(", "off("}, {"image-set(", "off("}, {"image(", "off("},
                           {"cross-fade(", "off("}, {"element(", "off("},   {"src(", "off("},
                           {"-moz-binding", "off"}, {"behavior", "off"},    {"javascript:", "off:"},
                           {"vbscript:", "off:"}};

// url( ... ) at `at`: what to write instead, and where it ends.
std::string address(std::string_view css, std::size_t at, std::size_t& end, const Options& options,
                    std::size_t& blocked) {
  const auto close = css.find(')', at);
  end = close == css.npos ? css.size() : close + 1;
  auto inner = base::trim(css.substr(at + 4, (close == css.npos ? css.size() : close) - at - 4));
  std::string url;
  for (const char c : inner) {
    const bool keep = static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '\'' && c != '(';
    if (keep) url += c;
  }
  const auto scheme = scheme_of(url);
  if (scheme == "cid" && options.inline_image) {
    const auto data = options.inline_image(std::string_view(url).substr(4));
    if (!data.empty()) return "url(" + data + ")";
  }
  const bool picture = base::istarts_with(url, "data:image/") && !base::istarts_with(url, "data:image/svg");
  if (picture && url.find_first_of("<>") == url.npos) return "url(" + url + ")";
  if (scheme == "http" || scheme == "https") {
    if (options.remote_images) return "url(" + url + ")";
    ++blocked;
  }
  return "none";
}

}  // namespace

std::string filter_css(std::string_view raw, const Options& options, std::size_t& blocked) {
  const auto css = plain(raw);
  std::string out;
  out.reserve(css.size());
  for (std::size_t i = 0; i < css.size();) {
    const auto rest = std::string_view(css).substr(i);
    if (base::istarts_with(rest, "url(")) {
      std::size_t end = 0;
      out += address(css, i, end, options, blocked);
      i = end;
      continue;
    }
    bool replaced = false;
    for (const auto& n : kNames) {
      if (!base::istarts_with(rest, n.name)) continue;
      out += n.instead;
      i += n.name.size();
      replaced = true;
      break;
    }
    if (!replaced) out += css[i++];
  }
  return out;
}

}  // namespace genkan::webmail::html
