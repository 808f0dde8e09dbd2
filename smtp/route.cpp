#include "smtp/route.hpp"

#include <limits>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

std::string without_tag(const std::string& address) {
  const auto at = address.rfind('@');
  const auto plus = address.find('+');
  return plus == 0 || plus >= at ? address : address.substr(0, plus) + address.substr(at);
}

}  // namespace

Router::Router(const conf::Smtp& conf) {
  for (const auto& route : conf.routes) {
    Row row;
    row.kind = route.local ? Route::Kind::local : route.mx ? Route::Kind::mx : Route::Kind::relay;
    if (route.local) row.destination = kLocal;
    if (!route.relay.empty()) row.destination = std::string(kRelayPrefix) + route.relay;
    if (route.callback) row.check = Route::Check::callback;
    if (!route.recipients.empty()) {
      row.check = Route::Check::table;
      row.table = tables_.size();
      auto& table = tables_.emplace_back();
      for (const auto& recipient : route.recipients) table.insert(base::to_lower(recipient));
    }
    row.before_queue = route.before_queue;
    add_names(route, row);
  }
  if (conf.relay_for_others == "mx") {
    others_ = kMxPrefix;
  } else if (!conf.relay_for_others.empty()) {
    others_ = std::string(kRelayPrefix) + conf.relay_for_others;
  }
}

void Router::add_names(const conf::SmtpRoute& route, const Row& like) {
  for (const auto& address : route.addresses) {
    exact_.try_emplace(base::to_lower(address), rows_.size());
    rows_.push_back(like);
  }
  for (const auto& name : route.domains) {
    auto row = like;
    row.domain = base::to_lower(name);
    if (row.domain == "*" || row.domain.starts_with("*.")) {
      if (row.domain.size() > 1) row.domain.erase(0, 1);
      searched_.push_back(rows_.size());
    } else {
      exact_.try_emplace(row.domain, rows_.size());
      if (route.local && first_local_.empty()) first_local_ = row.domain;
      if (first_.empty()) first_ = row.domain;
    }
    rows_.push_back(std::move(row));
  }
  if (route.pattern.empty()) return;
  auto row = like;
  std::string why;
  auto pattern = base::Pattern::compile(route.pattern, why, true);
  if (!pattern) return;  // checked when the configuration was read
  row.pattern = std::move(*pattern);
  row.by_pattern = true;
  searched_.push_back(rows_.size());
  rows_.push_back(std::move(row));
}

Route Router::of(const Row& row, const std::string& address, const std::string& domain) const {
  Route route;
  route.kind = row.kind;
  route.check = row.check;
  route.before_queue = row.before_queue;
  route.destination = row.kind == Route::Kind::mx ? std::string(kMxPrefix) + domain : row.destination;
  if (row.check == Route::Check::table) {
    const auto& table = tables_[row.table];
    route.known = table.contains(address) || table.contains(without_tag(address));
  }
  return route;
}

Route Router::route(std::string_view text, bool trusted) const {
  auto address = base::to_lower(text);
  const auto at = address.rfind('@');
  auto domain = at == std::string::npos ? std::string() : address.substr(at + 1);
  if (domain.empty()) {
    domain = first_local_.empty() ? first_ : first_local_;
    address += "@" + domain;
  }
  auto best = std::numeric_limits<std::size_t>::max();
  if (const auto found = exact_.find(domain); found != exact_.end()) best = found->second;
  if (const auto found = exact_.find(address); found != exact_.end()) best = std::min(best, found->second);
  for (const auto index : searched_) {
    if (index >= best) break;
    const auto& row = rows_[index];
    const auto& end = row.domain;
    const bool matches = row.by_pattern ? row.pattern.matches_fully(address)
                                        : end == "*" || (domain.size() > end.size() && domain.ends_with(end));
    if (!matches) continue;
    best = index;
    break;
  }
  if (best < rows_.size()) return of(rows_[best], address, domain);
  Route route;
  if (!trusted || others_.empty()) return route;
  route.kind = others_ == kMxPrefix ? Route::Kind::mx : Route::Kind::relay;
  route.destination = route.kind == Route::Kind::mx ? others_ + domain : others_;
  return route;
}

}  // namespace genkan::smtp
