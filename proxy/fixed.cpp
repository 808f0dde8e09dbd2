#include "proxy/fixed.hpp"

namespace genkan::proxy {

net::Task<Result<http::Response>> Redirect::handle(http::Request& r) {
  const std::string location = url_safe(to_.fill(r));
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
