#include "http/route_index.hpp"

#include <algorithm>

namespace genkan::http {

PrefixTree::PrefixTree() { nodes_.emplace_back(); }

const PrefixTree::Node* PrefixTree::child(const Node& node, char first) const noexcept {
  const auto found = std::lower_bound(node.children.begin(), node.children.end(), first,
                                      [](const auto& entry, char c) { return entry.first < c; });
  return found == node.children.end() || found->first != first ? nullptr : &nodes_[found->second];
}

std::uint32_t PrefixTree::new_node(std::string_view edge) {
  nodes_.push_back({std::string(edge), {}, {}});
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

void PrefixTree::add(std::string_view prefix, int row) {
  std::uint32_t at = 0;
  while (!prefix.empty()) {
    auto& children = nodes_[at].children;
    const auto slot = std::lower_bound(children.begin(), children.end(), prefix.front(),
                                       [](const auto& entry, char c) { return entry.first < c; });
    if (slot == children.end() || slot->first != prefix.front()) {
      const auto position = slot - children.begin();
      const std::uint32_t made = new_node(prefix);  // may move nodes_
      auto& again = nodes_[at].children;
      again.insert(again.begin() + position, {prefix.front(), made});
      at = made;
      break;
    }
    const std::uint32_t next = slot->second;
    const std::string edge = nodes_[next].edge;
    const auto differ = std::mismatch(edge.begin(), edge.end(), prefix.begin(), prefix.end()).first - edge.begin();
    const auto common = static_cast<std::size_t>(differ);
    if (common < edge.size()) {  // split the edge: what was there hangs below its second half
      const std::uint32_t lower = new_node(std::string_view(edge).substr(common));
      nodes_[lower].rows = std::move(nodes_[next].rows);
      nodes_[lower].children = std::move(nodes_[next].children);
      nodes_[next].edge.resize(common);
      nodes_[next].rows.clear();
      nodes_[next].children = {{edge[common], lower}};
    }
    prefix.remove_prefix(common);
    at = next;
  }
  nodes_[at].rows.push_back(row);
}

int RouteIndex::Ways::next() const noexcept {
  int best = -1;
  for (std::size_t i = 0; i < count; ++i) {
    if (!lists[i].empty() && (best < 0 || lists[i].front() < best)) best = lists[i].front();
  }
  return best;
}

void RouteIndex::Ways::drop(int row) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    while (!lists[i].empty() && lists[i].front() == row) lists[i] = lists[i].subspan(1);
  }
}

void RouteIndex::ByPath::add(int row, const RowMatcher& m) {
  if (!m.path.empty()) {
    exact[m.path].push_back(row);
  } else if (!m.prefix.empty()) {
    prefixes.add(m.prefix, row);
  } else {
    rest.push_back(row);
  }
}

void RouteIndex::ByPath::ways(std::string_view path, Ways& out) const {
  if (!exact.empty()) {
    if (const auto found = exact.find(path); found != exact.end()) out.add(found->second);
  }
  prefixes.each_prefix(path, [&](const Rows& rows) { out.add(rows); });
  out.add(rest);
}

RouteIndex::ByPath& RouteIndex::at(HostMap& map, const std::string& name) {
  auto& entry = map[name];
  if (!entry) entry = std::make_unique<ByPath>();
  return *entry;
}

void RouteIndex::add(int row, const RowMatcher& m) {
  if (m.path_pattern >= 0) {  // whatever its host
    by_path_pattern_.push_back(row);
    if (first_pattern_row_ < 0) first_pattern_row_ = row;
    return;
  }
  if (m.any_host) return any_.add(row, m);
  for (const auto& host : m.hosts) at(hosts_, host).add(row, m);
  for (const auto& suffix : m.suffixes) at(suffixes_, suffix).add(row, m);
  for (std::size_t i = 0; i < m.host_patterns.size(); ++i) {
    by_host_pattern_.resize(static_cast<std::size_t>(m.host_patterns[i]) + 1, -1);
    by_host_pattern_.back() = row;
    if (first_pattern_row_ < 0) first_pattern_row_ = row;
  }
}

void RouteIndex::plain_ways(const Request& r, Ways& out) const {
  if (!hosts_.empty()) {
    if (const auto found = hosts_.find(r.host); found != hosts_.end()) found->second->ways(r.path, out);
  }
  if (!suffixes_.empty()) {
    // From the second byte: "*.example.org" needs something before its dot.
    for (std::size_t dot = r.host.find('.', 1); dot != std::string_view::npos; dot = r.host.find('.', dot + 1)) {
      if (const auto found = suffixes_.find(r.host.substr(dot)); found != suffixes_.end())
        found->second->ways(r.path, out);
    }
  }
  any_.ways(r.path, out);
}

void RouteIndex::pattern_ways(const Request& r, const PatternSets& sets, Facts& facts, Rows& store, Ways& out) const {
  store.clear();
  if (!by_path_pattern_.empty()) {
    for (const int pattern : facts.paths(sets, r)) store.push_back(by_path_pattern_[static_cast<std::size_t>(pattern)]);
  }
  if (!by_host_pattern_.empty()) {
    for (const int pattern : facts.hosts(sets, r)) {
      // A row with a path pattern too has its place among those.
      const auto index = static_cast<std::size_t>(pattern);
      if (index < by_host_pattern_.size() && by_host_pattern_[index] >= 0) store.push_back(by_host_pattern_[index]);
    }
  }
  std::sort(store.begin(), store.end());
  out.add(store);
}

}  // namespace genkan::http
