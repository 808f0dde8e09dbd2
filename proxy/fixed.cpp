#include "proxy/fixed.hpp"

namespace genkan::proxy {

std::string expand_redirect(std::string_view to, const http::Request& r) {
  std::string out;
  while (!to.empty()) {
    const std::size_t open = to.find('{');
    out += to.substr(0, open);
    if (open == std::string_view::npos) break;
    to.remove_prefix(open);
    const std::size_t close = to.find('}');
    const std::string_view name = to.substr(0, close == std::string_view::npos ? to.size() : close + 1);
    if (name == "{scheme}") {
      out += r.scheme;
    } else if (name == "{host}") {
      out += r.host;
    } else if (name == "{path}") {
      out += r.path;
    } else if (name == "{query}") {
      out += r.query;
    } else if (name == "{target}") {
      out += r.path;
      if (r.has_query) out.append("?").append(r.query);
    } else {
      out += name;
    }
    to.remove_prefix(name.size());
  }
  return out;
}

net::Task<Result<http::Response>> Redirect::handle(http::Request& r) {
  const std::string location = expand_redirect(to_, r);
  http::Response response = http::error_page(r, status_, "See " + location);
  response.head->fields.remove(http::FieldId::cache_control);
  response.head->fields.add(http::FieldId::location, location);
  co_return response;
}

net::Task<Result<http::Response>> FixedAnswer::handle(http::Request& r) {
  if (body_.empty() && status_ >= 300) {
    http::Response page = http::error_page(r, status_, "");
    co_return page;
  }
  const bool html = body_.starts_with("<");
  http::Response response = r.reply(status_, html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", body_);
  co_return response;
}

}  // namespace genkan::proxy
