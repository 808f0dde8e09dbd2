#include "base/literal_prefix.hpp"

#include <algorithm>

namespace genkan::base {
namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Behind a class that begins at `at`, the place of its '['.
std::size_t skip_class(std::string_view p, std::size_t at) noexcept {
  ++at;
  if (at < p.size() && p[at] == '^') ++at;
  if (at < p.size() && p[at] == ']') ++at;
  while (at < p.size() && p[at] != ']') {
    if (p[at] == '\\') {
      ++at;
    } else if (p.substr(at, 2) == "[:") {
      const std::size_t end = p.find(":]", at + 2);
      if (end == std::string_view::npos) return p.size();
      at = end + 1;
    }
    ++at;
  }
  return at + 1;
}

// Alternatives of the whole pattern: each begins in its own way.
bool has_alternatives(std::string_view p) noexcept {
  int depth = 0;
  for (std::size_t at = 0; at < p.size();) {
    switch (p[at]) {
      case '\\':
        if (p.substr(at, 2) == "\\Q") return true;  // a quotation: not looked into
        at += 2;
        continue;
      case '[':
        at = skip_class(p, at);
        continue;
      case '(':
        ++depth;
        break;
      case ')':
        --depth;
        break;
      case '|':
        if (depth <= 0) return true;
        break;
      default:
        break;
    }
    ++at;
  }
  return false;
}

}  // namespace

std::string literal_prefix(std::string_view p) {
  constexpr std::string_view kSpecial = ".[](){}*+?|^$\\", kMaybeNone = "*?{";
  std::string out;
  if (!p.starts_with('^') || has_alternatives(p)) return out;
  std::size_t at = 1;
  if (at < p.size() && kMaybeNone.find(p[at]) != std::string_view::npos) return out;
  while (at < p.size()) {
    char c = p[at];
    std::size_t size = 1;
    if (c == '\\') {  // of a sign that is no letter: the sign itself
      if (at + 1 >= p.size() || is_word(p[at + 1]) || (p[at + 1] & 0x80)) break;
      c = p[at + 1];
      size = 2;
    } else if (kSpecial.find(c) != std::string_view::npos) {
      break;
    }
    const bool repeated = at + size < p.size() && kMaybeNone.find(p[at + size]) != std::string_view::npos;
    if (repeated) break;
    out += c;
    at += size;
  }
  return out;
}

std::vector<int> PrefixTable::build(std::vector<Item> items) {
  std::vector<int> rest;
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.prefix < b.prefix; });
  std::vector<std::size_t> counts;  // of each entry: numbers that a text which begins with it is led to
  for (auto& item : items) {
    int parent = static_cast<int>(entries_.size()) - 1;
    const bool same = parent >= 0 && entries_.back().prefix == item.prefix;
    while (!same && parent >= 0 && !item.prefix.starts_with(entries_[static_cast<std::size_t>(parent)].prefix)) {
      parent = entries_[static_cast<std::size_t>(parent)].parent;
    }
    const std::size_t above = parent >= 0 ? counts[static_cast<std::size_t>(parent)] : 0;
    if (above >= kMost) {
      rest.push_back(item.number);
    } else if (same) {
      entries_.back().numbers.push_back(item.number);
      ++counts.back();
    } else {
      entries_.push_back({std::move(item.prefix), {item.number}, parent});
      counts.push_back(above + 1);
    }
  }
  return rest;
}

int PrefixTable::last_not_after(std::string_view text) const noexcept {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), text,
                                      [](std::string_view t, const Entry& e) { return t < e.prefix; });
  return static_cast<int>(after - entries_.begin()) - 1;
}

}  // namespace genkan::base
