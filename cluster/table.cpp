#include "cluster/table.hpp"

namespace genkan::cluster {

void NodeTable::forget(Time now) {
  for (auto it = nodes_.begin(); it != nodes_.end();) {
    it = now - it->second.last_packet > kForget ? nodes_.erase(it) : std::next(it);
  }
}

Refusal NodeTable::admit(const Envelope& envelope, WallTime wall, Time now) {
  const std::scoped_lock lock(mutex_);
  const auto known = nodes_.find(envelope.name);
  if (known != nodes_.end()) {
    const auto refusal = check_fresh(known->second.freshness, envelope, wall);
    if (refusal == Refusal::none) known->second.last_packet = now;
    return refusal;
  }
  Node fresh;
  if (const auto refusal = check_fresh(fresh.freshness, envelope, wall); refusal != Refusal::none) return refusal;
  if (nodes_.size() >= kMaxNodes) forget(now);
  if (nodes_.size() >= kMaxNodes) return Refusal::full;
  fresh.last_packet = now;
  nodes_.emplace(envelope.name, std::move(fresh));
  return Refusal::none;
}

void NodeTable::update(const LoadRecord& record, const base::Endpoint& from, bool self, Time now) {
  const std::scoped_lock lock(mutex_);
  if (nodes_.size() >= kMaxNodes && !nodes_.contains(record.node)) forget(now);
  if (nodes_.size() >= kMaxNodes && !nodes_.contains(record.node)) return;
  auto& node = nodes_[record.node];
  node.last_packet = now;
  const auto records = node.view ? node.view->records + 1 : 1;
  node.view = NodeView{record, from, now, records, self};
}

std::optional<NodeView> NodeTable::find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto it = nodes_.find(name);
  if (it == nodes_.end()) return std::nullopt;
  return it->second.view;
}

std::vector<NodeView> NodeTable::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<NodeView> out;
  for (const auto& [name, node] : nodes_) {
    if (node.view) out.push_back(*node.view);
  }
  return out;
}

std::size_t NodeTable::live(Duration max_age, Time now) const {
  const std::scoped_lock lock(mutex_);
  std::size_t count = 0;
  for (const auto& [name, node] : nodes_) count += node.view && now - node.view->heard <= max_age;
  return count;
}

}  // namespace genkan::cluster
