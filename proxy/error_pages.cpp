#include "proxy/error_pages.hpp"

#include "base/file.hpp"
#include "conf/placeholders.hpp"
#include "proxy/static_files.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::uint64_t kMaxPage = 1u << 20;

std::string with_status(std::string_view text, int status) {
  constexpr std::string_view kName = "{status}";
  std::string out;
  for (;;) {
    const std::size_t at = text.find(kName);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += std::to_string(status);
    text.remove_prefix(at + kName.size());
  }
}

}  // namespace

Result<std::vector<ErrorPage>> read_error_pages(const std::vector<std::string>& rules, std::string& why) {
  std::vector<ErrorPage> out;
  for (const auto& rule : rules) {
    const auto parsed = conf::parse_error_page(rule);
    if (!parsed) return parsed.error();
    const std::string path(parsed->path);
    auto text = base::read_file(path, kMaxPage);
    if (!text) {
      why = "error_pages: cannot read " + path + ": " + text.error().message();
      return text.error();
    }
    out.push_back({parsed->first, parsed->last, std::string(content_type_of(path)), std::move(*text)});
  }
  return out;
}

const ErrorPage* ErrorPageLayer::find(int status) const noexcept {
  for (const ErrorPage& page : pages_) {
    if (status >= page.first && status <= page.last) return &page;
  }
  return nullptr;
}

// Fields that mean something to the client whatever the page looks like stay.
net::Task<Result<http::Response>> ErrorPageLayer::handle(http::Request& r) {
  auto response = co_await next_->handle(r);
  if (!response || response->head->status < 400) co_return std::move(response);
  const ErrorPage* page = find(response->head->status);
  if (!page || (!of_backend_ && !r.is_own(response->head))) co_return std::move(response);
  const int status = response->head->status;
  http::Fields kept;
  for (const FieldId id : {FieldId::retry_after, FieldId::cache_control, FieldId::set_cookie}) {
    response->head->fields.each([&](std::string_view, std::string_view value, FieldId i) {
      if (i == id) kept.add(id, value);
    });
  }
  for (const std::string_view name : {"WWW-Authenticate", "Allow"}) {
    const std::string value = response->head->fields.joined(name);
    if (!value.empty()) kept.add(name, value);
  }
  response->body.reset();
  http::Response own = r.reply(status, page->type, with_status(page->text, status));
  kept.each([&](std::string_view name, std::string_view value, FieldId) { own.head->fields.add(name, value); });
  co_return own;
}

}  // namespace genkan::proxy
