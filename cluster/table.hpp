// What is known of the other nodes: the last record of each, when it was heard by our own clock, and what is needed to
// refuse a replay. Written by the control thread; read by status pages and the mail queue. Requests don't come here:
// what they need is copied into the Backend objects (cluster/backend.hpp).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/clock.hpp"
#include "cluster/packet.hpp"
#include "cluster/stats.hpp"

namespace genkan::cluster {

struct NodeView {
  LoadRecord record;
  base::Endpoint from;
  Time heard{};
  std::uint64_t records = 0;  // heard since we started
  bool self = false;
};

class NodeTable {
 public:
  static constexpr std::size_t kMaxNodes = 256;
  // Longer than any replay could be fresh (twice kClockWindow), and long enough for people to see who is missing.
  static constexpr Duration kForget = std::chrono::minutes(10);

  // Control thread. Is this datagram new? Remembers the sender when it is. `full` only when kMaxNodes were heard within
  // kForget.
  Refusal admit(const Envelope& envelope, WallTime wall, Time now);
  void update(const LoadRecord& record, const base::Endpoint& from, bool self, Time now);

  std::optional<NodeView> find(std::string_view node) const;
  std::vector<NodeView> all() const;  // by name
  std::size_t live(Duration max_age, Time now) const;

 private:
  struct Node {
    Freshness freshness;
    Time last_packet{};
    std::optional<NodeView> view;  // empty until a record was understood
  };
  void forget(Time now);

  mutable std::mutex mutex_;  // guards nodes_; held for a look-up or a copy
  std::map<std::string, Node, std::less<>> nodes_;
};

}  // namespace genkan::cluster
