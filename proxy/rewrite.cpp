#include "proxy/rewrite.hpp"

#include "http/target.hpp"

namespace genkan::proxy {

FieldRules::FieldRules(const conf::RouteFields& fields) : remove_(fields.remove) {
  const auto read = [this](const std::vector<std::string>& rules, bool add) {
    for (const auto& rule : rules) {
      const auto split = conf::split_field_rule(rule);
      if (split) rules_.push_back({std::string(split->name), Text(split->text), add});
    }
  };
  read(fields.set, false);
  read(fields.add, true);
}

void FieldRules::apply(http::Request& r, http::Fields& fields, int status) const {
  std::vector<std::string> values;
  values.reserve(rules_.size());
  for (const Rule& rule : rules_) values.push_back(field_safe(rule.text.fill(r, status)));
  for (const auto& name : remove_) fields.remove(name);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].add) fields.remove(rules_[i].name);
    if (!values[i].empty()) fields.add(rules_[i].name, values[i]);
  }
}

bool RewriteLayer::wanted(const conf::Route& route) noexcept {
  return !route.rewrite.empty() || !route.rewrite_query.empty() || !route.request.set.empty() ||
         !route.request.add.empty() || !route.request.remove.empty();
}

RewriteLayer::RewriteLayer(HandlerPtr next, const conf::Route& route)
    : Layer(std::move(next)),
      fields_(route.request),
      query_(route.rewrite_query),
      has_query_(!route.rewrite_query.empty()) {
  for (const auto& text : route.rewrite) {
    const auto split = conf::parse_rewrite(text);
    std::string why;
    if (!split) continue;
    auto pattern = base::Pattern::compile(split->pattern, why);
    if (pattern) rules_.push_back({std::move(*pattern), Text(split->text)});
  }
}

RewriteLayer::NewPath RewriteLayer::new_path(http::Request& r, std::string& out) const {
  std::vector<std::string_view> groups;
  for (const Rule& rule : rules_) {
    if (!rule.pattern.match(r.path, groups)) continue;
    const std::string path = url_safe(rule.text.fill(r, 0, groups));
    std::string store;
    if (!path.starts_with('/') || path.find_first_of("?#") != std::string::npos) return NewPath::bad;
    const auto normal = http::normalise_path(path, store);
    if (!normal) return NewPath::bad;
    out.assign(*normal);
    return NewPath::changed;
  }
  return NewPath::same;
}

net::Task<Result<http::Response>> RewriteLayer::handle(http::Request& r) {
  std::string path, query;
  const NewPath changed = new_path(r, path);
  if (changed == NewPath::bad) {
    http::Response bad = http::error_page(r, 400, "This address leads to none that is possible here.");
    co_return bad;
  }
  if (has_query_) query = url_safe(query_.fill(r));
  fields_.apply(r, r.fields);
  const std::string_view old_path = r.path, old_query = r.query;
  const bool had_query = r.has_query;
  if (changed == NewPath::changed) r.path = path;
  if (has_query_) {
    r.query = query;
    r.has_query = !query.empty();
  }
  auto response = co_await next_->handle(r);
  r.path = old_path;
  r.query = old_query;
  r.has_query = had_query;
  co_return std::move(response);
}

net::Task<Result<http::Response>> ResponseFieldsLayer::handle(http::Request& r) {
  auto response = co_await next_->handle(r);
  if (response) rules_.apply(r, response->head->fields, response->head->status);
  co_return std::move(response);
}

}  // namespace genkan::proxy
