// Patterns that begin with plain text, found by it: which of them could match a text, without asking the others.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace genkan::base {

// What every text that this pattern matches begins with; empty: nothing is known, or it may match anywhere.
std::string literal_prefix(std::string_view pattern);

// Prefixes with a number each. Built once, then asked for all that a text begins with.
class PrefixTable {
 public:
  // So many of one text at most are looked up here: who builds the table keeps the others elsewhere.
  static constexpr std::size_t kMost = 16;

  // Returns the numbers that found no place: with them some text would begin with more than kMost of these.
  struct Item {
    std::string prefix;  // not empty
    int number;
  };
  std::vector<int> build(std::vector<Item> items);

  // f(number) for each prefix of `text`.
  template <class F>
  void each(std::string_view text, F f) const {
    for (int at = last_not_after(text); at >= 0; at = entries_[static_cast<std::size_t>(at)].parent) {
      const Entry& entry = entries_[static_cast<std::size_t>(at)];
      if (!text.starts_with(entry.prefix)) continue;
      for (const int number : entry.numbers) f(number);
    }
  }
  bool empty() const noexcept { return entries_.empty(); }

 private:
  struct Entry {
    std::string prefix;
    std::vector<int> numbers;
    int parent = -1;  // the longest other prefix that this one begins with
  };
  int last_not_after(std::string_view text) const noexcept;
  std::vector<Entry> entries_;  // sorted
};

}  // namespace genkan::base
