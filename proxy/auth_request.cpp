#include "proxy/auth_request.hpp"

#include "proxy/subrequest.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::uint64_t kDrain = 64 * 1024;  // of the judge's answer, so that its connection can be used again

net::Task<void> drain(http::Body& body) {
  std::uint64_t seen = 0;
  while (seen < kDrain) {
    Result<http::Chunk> chunk = http::Chunk{};
    if (!body.poll(chunk)) chunk = co_await body.fetch();
    if (!chunk || chunk->last) co_return;
    seen += chunk->data.size();
  }
}

}  // namespace

AuthVerdict auth_verdict(int status) noexcept {
  if (status / 100 == 2) return AuthVerdict::pass;
  if (status == 401 || status == 403 || status == 302 || status == 303 || status == 307) return AuthVerdict::tell;
  return AuthVerdict::failed;
}

AuthRequestLayer::AuthRequestLayer(HandlerPtr next, HandlerPtr judge, const conf::RouteAuth& auth,
                                   base::Telemetry& telemetry)
    : Layer(std::move(next)), judge_(std::move(judge)), path_(auth.path), copy_(auth.copy), telemetry_(telemetry) {}

net::Task<int> AuthRequestLayer::ask(http::Request& r, http::Fields& for_client) {
  Subrequest sub(r);
  sub.follow(r.informer);
  sub.request().tls = r.tls;  // the judge is told of the client's certificate; the connection outlives the question
  const std::string target = url_safe(path_.fill(r));
  const std::size_t mark = target.find('?');
  const bool has_query = mark != std::string::npos;
  sub.set_target(target.substr(0, mark), has_query ? target.substr(mark + 1) : std::string(), has_query);
  sub.set_method(http::Method::get, "GET");
  http::Fields& fields = sub.request().fields;
  for (const FieldId id : {FieldId::if_match, FieldId::if_none_match, FieldId::if_modified_since,
                           FieldId::if_unmodified_since, FieldId::if_range, FieldId::range, FieldId::content_type}) {
    fields.remove(id);
  }
  fields.set("X-Original-Method", r.method_text);
  std::string uri(r.path);
  if (r.has_query) uri.append("?").append(r.query);
  fields.set("X-Original-URI", uri);
  auto answer = co_await judge_->handle(sub.request());
  if (!answer) {
    sub.finish(0, false);
    co_return 0;
  }
  const int status = answer->head->status;
  const http::Fields& got = answer->head->fields;
  if (auth_verdict(status) == AuthVerdict::pass) {
    for (const auto& name : copy_) {
      const std::string value = got.joined(name);
      if (!value.empty()) r.fields.add(name, value);
    }
  } else {
    for (const std::string_view name : {"WWW-Authenticate", "Location", "Set-Cookie", "Cache-Control"}) {
      const FieldId id = http::field_id(name);
      got.each([&](std::string_view n, std::string_view value, FieldId i) {
        if (id == FieldId::other ? n == name : i == id) for_client.add(name, value);
      });
    }
  }
  if (answer->body) co_await drain(*answer->body);
  answer->body.reset();
  sub.finish(status, true);
  co_return status;
}

net::Task<Result<http::Response>> AuthRequestLayer::handle(http::Request& r) {
  // What only the judge may say is never taken from the client.
  for (const auto& name : copy_) r.fields.remove(name);
  http::Fields for_client;
  const int status = co_await ask(r, for_client);
  const AuthVerdict verdict = auth_verdict(status);
  if (verdict == AuthVerdict::pass) {
    auto response = co_await next_->handle(r);
    co_return std::move(response);
  }
  if (r.informer && r.informer->gone()) co_return Errc::cancelled;
  if (verdict == AuthVerdict::failed) {
    telemetry_.log.warning("the server that decides about requests gave no decision",
                           {{"route", r.route}, {"status", status}});
    http::Response page = http::error_page(r, 502, "Whether you may see this could not be found out.");
    co_return page;
  }
  http::Response told = http::error_page(r, status, "You may not see this, or not yet.");
  for_client.each([&](std::string_view name, std::string_view value, FieldId) { told.head->fields.add(name, value); });
  co_return told;
}

}  // namespace genkan::proxy
