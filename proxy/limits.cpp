#include "proxy/limits.hpp"

#include <algorithm>
#include <cmath>

#include "net/loop.hpp"

namespace genkan::proxy {

LimitSettings limit_settings(const conf::Limit& limit) {
  LimitSettings out;
  out.concurrent = limit.concurrent;
  out.max_keys = limit.max_keys;
  if (const auto rate = conf::parse_rate(limit.rate)) {
    out.rate.per_second = *rate;
    out.rate.burst = limit.burst ? limit.burst : std::max(1.0, std::floor(*rate));
  }
  return out;
}

LimitUse Limits::use(const conf::Limit& limit) {
  auto& table = tables_[{limit.name, limit.key}];
  if (table) {
    table->set(limit_settings(limit));
  } else {
    table = std::make_shared<LimitTable>(limit_settings(limit));
  }
  return {table, Text(limit.key), limit.concurrent > 0,
          &telemetry_.metrics.counter("genkan_proxy_limited_total", "Requests refused by a limit",
                                      {{"limit", limit.name}})};
}

LimitLayer::LimitLayer(HandlerPtr next, std::vector<LimitUse> uses) : Layer(std::move(next)), uses_(std::move(uses)) {}

bool LimitLayer::enter(http::Request& r, Places& places, Duration& retry_after) const {
  for (const LimitUse& use : uses_) {
    const std::string text = use.key.fill(r);
    if (text.empty()) continue;
    const std::uint64_t key = use.table->key_of(text);
    const auto verdict = use.table->enter(key, r.loop.now());
    if (!verdict.passed) {
      use.refused->add();
      retry_after = verdict.retry_after;
      return false;
    }
    if (use.concurrent) places.taken.emplace_back(use.table.get(), key);
  }
  return true;
}

net::Task<Result<http::Response>> LimitLayer::handle(http::Request& r) {
  Places places;
  Duration retry_after{};
  if (!enter(r, places, retry_after)) return refuse(r, retry_after);
  if (places.taken.empty()) return next_->handle(r);
  return hold(r, std::move(places));
}

net::Task<Result<http::Response>> LimitLayer::refuse(http::Request& r, Duration retry_after) {
  http::Response page = http::error_page(r, 429, "Too many requests came from here. Please wait a little.");
  const auto most = std::chrono::seconds(std::chrono::hours(24));
  const auto wait = std::clamp(retry_after > most ? most : std::chrono::ceil<std::chrono::seconds>(retry_after),
                               std::chrono::seconds(1), most);
  page.head->fields.add(http::FieldId::retry_after, std::to_string(wait.count()));
  co_return page;
}

net::Task<Result<http::Response>> LimitLayer::hold(http::Request& r, Places places) {
  auto response = co_await next_->handle(r);
  if (response && response->body) {
    http::BodyPtr inner = std::move(response->body);
    response->body.reset(new HoldingBody<Places>(std::move(inner), std::move(places)));
  }
  co_return std::move(response);
}

}  // namespace genkan::proxy
