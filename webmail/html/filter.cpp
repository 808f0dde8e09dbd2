#include "webmail/html/filter.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"
#include "webmail/html/token.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::html {

namespace {

constexpr std::array kElements = {
    "a",       "abbr",    "address", "article", "aside",   "b",          "bdi",      "bdo",    "big",    "blockquote",
    "br",      "caption", "center",  "cite",    "code",    "col",        "colgroup", "dd",     "del",    "details",
    "dfn",     "div",     "dl",      "dt",      "em",      "figcaption", "figure",   "font",   "footer", "h1",
    "h2",      "h3",      "h4",      "h5",      "h6",      "header",     "hr",       "i",      "img",    "ins",
    "kbd",     "li",      "main",    "mark",    "nav",     "ol",         "p",        "pre",    "q",      "rp",
    "rt",      "ruby",    "s",       "samp",    "section", "small",      "span",     "strike", "strong", "sub",
    "summary", "sup",     "table",   "tbody",   "td",      "tfoot",      "th",       "thead",  "time",   "tr",
    "tt",      "u",       "ul",      "var",     "wbr"};
constexpr std::array kVoid = {"br", "col", "hr", "img", "wbr"};
// Their content is no text to browsers: it goes with them, up to the close tag whatever stands between.
constexpr std::array kRaw = {"script", "iframe",   "noembed", "noframes", "noscript",
                             "title",  "textarea", "xmp",     "plaintext"};
// These go with everything inside.
constexpr std::array kWhole = {"svg",    "math",   "object",   "video",  "audio",    "select", "template",
                               "canvas", "applet", "frameset", "button", "datalist", "map"};
constexpr std::array kAttributes = {"align",  "alt",     "bgcolor",  "border", "cellpadding", "cellspacing", "class",
                                    "color",  "colspan", "datetime", "dir",    "face",        "headers",     "height",
                                    "hspace", "id",      "lang",     "nowrap", "open",        "reversed",    "rowspan",
                                    "scope",  "size",    "span",     "start",  "summary",     "title",       "type",
                                    "valign", "vspace",  "width"};

template <class List>
bool in(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + base::html_escape(value) + "\"";
}

class Writer {
 public:
  Writer(std::string_view html, const Options& options) : options_(options), tokens_(html) {}

  Filtered run() {
    for (auto token = tokens_.next(); token.kind != Token::Kind::end; token = tokens_.next()) {
      if (token.kind == Token::Kind::text) {
        if (skip_.empty()) text(token.text);
      } else if (token.kind == Token::Kind::open) {
        open(token);
      } else {
        close(token);
      }
    }
    while (!stack_.empty()) pop();
    return std::move(out_);
  }

 private:
  void text(std::string_view s) {
    for (const char c : s) {
      if (c == '<') {
        out_.html += "&lt;";
      } else if (c == '>') {
        out_.html += "&gt;";
      } else if (c != '\0') {
        out_.html += c;
      }
    }
  }

  void open(const Token& token) {
    if (!skip_.empty()) {
      if (token.name == skip_) ++skip_depth_;
      if (in(kRaw, token.name)) tokens_.raw_until_close(token.name);
      return;
    }
    if (in(kRaw, token.name)) {
      tokens_.raw_until_close(token.name);
    } else if (token.name == "style") {
      style(tokens_.raw_until_close("style"));
    } else if (in(kWhole, token.name)) {
      skip_ = token.name;
      skip_depth_ = 1;
    } else if (token.name == "body") {
      body(token);
    } else if (in(kElements, token.name)) {
      element(token);
    }
  }

  void close(const Token& token) {
    if (!skip_.empty()) {
      if (token.name == skip_ && --skip_depth_ == 0) skip_.clear();
      return;
    }
    if (in(kVoid, token.name)) return;
    // Closes what is open inside, too. A close tag without its open tag is nothing.
    const auto found = std::find(stack_.rbegin(), stack_.rend(), token.name);
    if (found == stack_.rend()) return;
    const auto keep = static_cast<std::size_t>(stack_.rend() - found) - 1;
    while (stack_.size() > keep) pop();
  }

  void pop() {
    out_.html += "</" + stack_.back() + ">";
    stack_.pop_back();
  }

  void push(const std::string& name, const std::string& attributes) {
    if (stack_.size() >= options_.max_depth) {
      out_.truncated = true;
      return;
    }
    out_.html += "<" + name + attributes + ">";
    stack_.push_back(name);
  }

  void style(std::string_view css) { out_.html += "<style>" + filter_css(css, options_, out_.blocked) + "</style>"; }

  // The mail's body becomes a div, so that its colours stay.
  void body(const Token& token) {
    std::string css;
    for (const auto& [name, value] : token.attributes) {
      if (name == "style") css += filter_css(value, options_, out_.blocked) + ";";
      const bool colour =
          !value.empty() &&
          value.find_first_not_of("#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == value.npos;
      if (name == "bgcolor" && colour) css += "background-color:" + value + ";";
      if (name == "text" && colour) css += "color:" + value + ";";
    }
    push("div", css.empty() ? "" : attribute("style", css));
  }

  void element(const Token& token) {
    std::string attributes;
    for (const auto& [name, value] : token.attributes) {
      if (name == "style") {
        attributes += attribute(name, filter_css(value, options_, out_.blocked));
      } else if (name == "href" && token.name == "a") {
        attributes += link(value);
      } else if (name == "src" && token.name == "img") {
        attributes += image(value);
      } else if (name == "background" || name == "srcset") {
        const auto scheme = scheme_of(value);
        if (scheme == "http" || scheme == "https") ++out_.blocked;
      } else if (in(kAttributes, name)) {
        attributes += attribute(name, value);
      }
    }
    if (in(kVoid, token.name)) {
      out_.html += "<" + token.name + attributes + ">";
    } else {
      push(token.name, attributes);
    }
  }

  static std::string link(const std::string& address) {
    const auto scheme = scheme_of(address);
    if (scheme == "http" || scheme == "https" || scheme == "mailto" || scheme == "tel") {
      return attribute("href", base::trim(address)) + " target=\"_blank\" rel=\"noopener noreferrer\"";
    }
    if (address.starts_with('#')) return attribute("href", address);
    return {};
  }

  std::string image(const std::string& address) {
    const auto scheme = scheme_of(address);
    if (scheme == "cid") {
      const auto at = address.find(':');
      const auto data = options_.inline_image ? options_.inline_image(std::string_view(address).substr(at + 1)) : "";
      return data.empty() ? std::string() : attribute("src", data);
    }
    if (scheme == "data") {
      const bool picture = base::istarts_with(address, "data:image/") && !base::istarts_with(address, "data:image/svg");
      return picture ? attribute("src", address) : std::string();
    }
    if (scheme != "http" && scheme != "https" && !address.starts_with("//")) return {};
    if (options_.remote_images) return attribute("src", address) + " referrerpolicy=\"no-referrer\"";
    ++out_.blocked;
    return attribute("data-genkan-src", address);
  }

  const Options& options_;
  Tokenizer tokens_;
  Filtered out_;
  std::vector<std::string> stack_;
  std::string skip_;  // the element that is left out with its content
  std::size_t skip_depth_ = 0;
};

}  // namespace

std::string scheme_of(std::string_view address) {
  std::string out;
  for (const char c : address) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) continue;
    if (c == ':') return out;
    const char l = base::lower(c);
    const bool good =
        (l >= 'a' && l <= 'z') || (!out.empty() && ((l >= '0' && l <= '9') || l == '+' || l == '-' || l == '.'));
    if (!good || out.size() > 30) return {};
    out += l;
  }
  return {};
}

Filtered filter(std::string_view html, const Options& options) {
  const auto cut = mime::utf8_prefix(html, options.max_bytes);
  auto out = Writer(cut, options).run();
  out.truncated |= cut.size() < html.size();
  return out;
}

std::string from_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto rest = text.substr(i);
    if (!rest.starts_with("http://") && !rest.starts_with("https://")) {
      const auto next = std::min(text.find("http", i + 1), text.size());
      out += base::html_escape(text.substr(i, next - i));
      i = next;
      continue;
    }
    auto end = rest.find_first_of(" \t\r\n<>\"");
    if (end == rest.npos) end = rest.size();
    for (std::size_t k = 0; k < end; ++k) {
      if (static_cast<unsigned char>(rest[k]) >= 0x80) end = k;  // Japanese text goes on without a blank
    }
    while (end > 8 && std::string_view(".,;:!?)]}'").find(rest[end - 1]) != std::string_view::npos) --end;
    const auto address = base::html_escape(rest.substr(0, end));
    out += "<a href=\"" + address + "\" target=\"_blank\" rel=\"noopener noreferrer\">" + address + "</a>";
    i += end;
  }
  return out;
}

}  // namespace genkan::webmail::html
