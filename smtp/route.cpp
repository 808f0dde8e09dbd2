#include "smtp/route.hpp"

#include <limits>

#include "base/text.hpp"

namespace genkan::smtp {

Router::Router(const conf::Smtp& conf) {
  for (const auto& route : conf.routes) {
    for (const auto& name : route.domains) {
      Row row;
      row.domain = base::to_lower(name);
      row.local = route.local;
      row.destination = route.local ? std::string(kLocal) : std::string(kRelayPrefix) + route.relay;
      const auto index = rows_.size();
      if (row.domain == "*" || row.domain.starts_with("*.")) {
        if (row.domain.size() > 1) row.domain.erase(0, 1);
        wild_.push_back(index);
      } else {
        exact_.try_emplace(row.domain, index);
        if (route.local && first_local_.empty()) first_local_ = row.domain;
        if (first_.empty()) first_ = row.domain;
      }
      rows_.push_back(std::move(row));
    }
  }
  if (!conf.relay_for_others.empty()) others_ = std::string(kRelayPrefix) + conf.relay_for_others;
}

Route Router::of(const Row& row) const {
  Route route;
  route.kind = row.local ? Route::Kind::local : Route::Kind::relay;
  route.destination = row.destination;
  return route;
}

Route Router::route(std::string_view domain, bool trusted) const {
  const auto& home = first_local_.empty() ? first_ : first_local_;
  const auto name = domain.empty() ? home : base::to_lower(domain);
  auto best = std::numeric_limits<std::size_t>::max();
  if (const auto found = exact_.find(name); found != exact_.end()) best = found->second;
  for (const auto index : wild_) {
    if (index >= best) break;
    const auto& pattern = rows_[index].domain;
    if (pattern == "*" || (name.size() > pattern.size() && name.ends_with(pattern))) {
      best = index;
      break;
    }
  }
  if (best < rows_.size()) return of(rows_[best]);
  Route route;
  if (trusted && !others_.empty()) {
    route.kind = Route::Kind::relay;
    route.destination = others_;
  }
  return route;
}

}  // namespace genkan::smtp
