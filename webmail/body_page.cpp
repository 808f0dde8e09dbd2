#include "webmail/body_page.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "webmail/html/filter.hpp"
#include "webmail/mime/parser.hpp"

namespace genkan::webmail {

namespace {

constexpr std::size_t kInlineBudget = 8u << 20;  // bytes of pictures inside the page
constexpr std::size_t kMaxHtml = 2u << 20;
constexpr std::array kPictures = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"};
constexpr std::string_view kHead =
    "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<style>html{color-scheme:light}body{margin:0;padding:8px;font:15px/1.5 "
    "system-ui,sans-serif;overflow-wrap:anywhere;"
    "background:#fff;color:#111}img{max-width:100%}pre.genkan-text{white-space:pre-wrap;font:inherit;margin:0}</style>"
    "</head><body>";

class Page {
 public:
  Page(std::string_view message, bool remote_images) : message_(message), parsed_(mime::parse(message)) {
    for (const auto* part : mime::leaves(parsed_)) {
      if (!part->cid.empty()) by_cid_.emplace(part->cid, part);
    }
    options_.max_bytes = kMaxHtml;
    options_.remote_images = remote_images;
    options_.inline_image = [this](std::string_view cid) { return picture_by(cid); };
  }

  Answer make() {
    std::string out(kHead);
    for (const auto* part : mime::bodies(parsed_).html) out += show(*part);
    out += "</body></html>";
    const std::string images = options_.remote_images ? "data: https: http:" : "data:";
    Answer answer{200, "text/html; charset=utf-8", std::move(out), {}};
    answer.fields = {
        {"Content-Security-Policy",
         "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src " +
             images + "; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"},
        {"X-Frame-Options", "SAMEORIGIN"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cache-Control", "private, no-store"},
        {"Genkan-Blocked", std::to_string(blocked_)}};
    if (truncated_) answer.fields.emplace_back("Genkan-Truncated", "1");
    return answer;
  }

 private:
  std::string show(const mime::Part& part) {
    if (part.type == "text/html") {
      const auto text = mime::part_text(message_, part, kMaxHtml);
      auto filtered = html::filter(text.value, options_);
      blocked_ += filtered.blocked;
      truncated_ |= filtered.truncated || text.truncated;
      return "<div>" + filtered.html + "</div>";
    }
    if (part.is_text()) {
      const auto text = mime::part_text(message_, part, kMaxHtml);
      truncated_ |= text.truncated;
      return "<pre class=\"genkan-text\">" + html::from_text(text.value) + "</pre>";
    }
    const auto data = picture(part);
    return data.empty() ? "" : "<p><img src=\"" + data + "\" alt=\"" + base::html_escape(part.name) + "\"></p>";
  }

  std::string picture_by(std::string_view cid) {
    const auto found = by_cid_.find(cid);
    if (found == by_cid_.end() || !found->second) return {};
    auto data = picture(*found->second);
    if (data.empty()) found->second = nullptr;  // a page may name it a thousand times
    return data;
  }

  std::string picture(const mime::Part& part) {
    if (std::find(kPictures.begin(), kPictures.end(), part.type) == kPictures.end()) return {};
    const auto bytes = mime::part_bytes(message_, part, kInlineBudget - used_ + 1);
    if (used_ + bytes.size() > kInlineBudget) {
      truncated_ = true;
      return {};
    }
    used_ += bytes.size();
    return "data:" + part.type + ";base64," + base::base64(bytes);
  }

  std::string_view message_;  // outlives the page
  mime::Message parsed_;
  std::map<std::string, const mime::Part*, std::less<>> by_cid_;
  html::Options options_;
  std::size_t used_ = 0, blocked_ = 0;
  bool truncated_ = false;
};

}  // namespace

Answer body_page(std::string_view message, bool remote_images) { return Page(message, remote_images).make(); }

}  // namespace genkan::webmail
