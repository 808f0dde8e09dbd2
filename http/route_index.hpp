// Which rows of a table may match a request, in ascending order, without asking all of them: by exact host and its
// parents, by exact path and by the prefixes of the path in a radix tree, by what the pattern sets found. Every row
// stands in at least one list that a request which it matches is led to; the caller asks each candidate's conditions.
// Built once, then immutable.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/route_match.hpp"

namespace genkan::http {

using Rows = std::vector<int>;  // ascending

// Prefixes of text, with the rows that ask for each.
class PrefixTree {
 public:
  PrefixTree();
  void add(std::string_view prefix, int row);
  // f(rows) for every prefix of `text` that was added.
  template <class F>
  void each_prefix(std::string_view text, F f) const {
    const Node* node = &nodes_.front();
    for (;;) {
      if (!node->rows.empty()) f(node->rows);
      if (text.empty()) return;
      const Node* next = child(*node, text.front());
      if (!next || !text.starts_with(next->edge)) return;
      text.remove_prefix(next->edge.size());
      node = next;
    }
  }

 private:
  struct Node {
    std::string edge;  // what leads here from the parent
    Rows rows;
    std::vector<std::pair<char, std::uint32_t>> children;  // by the first byte of their edge, sorted
  };
  const Node* child(const Node& node, char first) const noexcept;
  std::uint32_t new_node(std::string_view edge);
  std::vector<Node> nodes_;
};

class RouteIndex {
 public:
  void add(int row, const RowMatcher& matcher);

  // A list of candidates per way that leads to some. Bounded: a request that is led more ways is matched row by row.
  struct Ways {
    static constexpr std::size_t kMax = 48;
    std::array<std::span<const int>, kMax> lists;
    std::size_t count = 0;
    bool too_many = false;
    void add(std::span<const int> rows) noexcept {
      if (rows.empty()) return;
      if (count == kMax) {
        too_many = true;
      } else {
        lists[count++] = rows;
      }
    }
    int next() const noexcept;  // the smallest row that is left, or -1
    void drop(int row) noexcept;
  };
  void plain_ways(const Request& r, Ways& out) const;
  // Those of the patterns, which cost a run over the path or host: only when a row at or after `before` could be one.
  bool has_patterns() const noexcept { return first_pattern_row_ >= 0; }
  int first_pattern_row() const noexcept { return first_pattern_row_; }
  void pattern_ways(const Request& r, const PatternSets& sets, Facts& facts, Rows& store, Ways& out) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  using RowsOf = std::unordered_map<std::string, Rows, Hash, std::equal_to<>>;
  // Rows for one host (or any), by path.
  struct ByPath {
    RowsOf exact;
    PrefixTree prefixes;
    Rows rest;
    void add(int row, const RowMatcher& matcher);
    void ways(std::string_view path, Ways& out) const;
  };
  using HostMap = std::unordered_map<std::string, std::unique_ptr<ByPath>, Hash, std::equal_to<>>;
  static ByPath& at(HostMap& map, const std::string& name);

  HostMap hosts_, suffixes_;
  ByPath any_;
  Rows by_path_pattern_;              // row of each pattern
  std::vector<int> by_host_pattern_;  // likewise
  int first_pattern_row_ = -1;
};

}  // namespace genkan::http
