#include "webmail/sieve/match.hpp"

#include <string.h>

#include <algorithm>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

namespace {

// A whole character of UTF-8, so that no match cuts one; and an octet, for what is none (a raw body).
constexpr std::string_view kCharacter =
    "(?:[\\x00-\\x7F]|[\\xC2-\\xDF][\\x80-\\xBF]|[\\xE0-\\xEF][\\x80-\\xBF]{2}|[\\xF0-\\xF4][\\x80-\\xBF]{3})";
constexpr std::string_view kOctet = "(?:[\\x00-\\xFF])";

std::string folded(std::string_view text, Comparator comparator) {
  return comparator == Comparator::casemap ? base::to_lower(text) : std::string(text);
}

void put_literal(std::string& pattern, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto u = static_cast<unsigned char>(c);
  pattern += "\\x";
  pattern += kHex[u >> 4];
  pattern += kHex[u & 15];
}

// "*a?" as RE2 has it. Groups beyond kCaptures are not kept.
std::string wildcard_pattern(std::string_view key, std::string_view one, bool capture) {
  std::string pattern = "\\A";
  std::size_t groups = 0;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    if (c != '*' && c != '?') {
      if (c == '\\' && i + 1 < key.size()) ++i;
      put_literal(pattern, key[i]);
      continue;
    }
    pattern += capture && groups++ < kCaptures ? "(" : "(?:";
    if (c == '*') {
      pattern += ".*?";
    } else {
      pattern += one;
    }
    pattern += ')';
  }
  return pattern + "\\z";
}

bool matches(std::string_view value, std::string_view key, Comparator comparator, Budget& budget,
             std::vector<std::string>* captures) {
  if (key.size() > kMaxWildcardKey || !budget.spend(value.size() + value.size() * key.size() / 4)) return false;
  if (key == "*" && !captures) return true;
  std::string why;
  const auto one = mime::valid_utf8(value) ? kCharacter : kOctet;
  const auto pattern = base::Pattern::compile(wildcard_pattern(folded(key, comparator), one, captures != nullptr), why);
  if (!pattern) return false;
  const auto text = folded(value, comparator);
  if (!captures) return pattern->matches(text);
  std::vector<std::string_view> groups;
  if (!pattern->match(text, groups)) return false;
  captures->clear();
  for (const auto& group : groups) {  // from the value as it is, not as it was folded
    captures->emplace_back(group.empty()
                               ? std::string_view()
                               : value.substr(static_cast<std::size_t>(group.data() - text.data()), group.size()));
  }
  return true;
}

// The digits at the start without leading zeros; "" is zero, and `infinite` is what begins with none (RFC 4790 9.1.1).
std::string_view digits_of(std::string_view text, bool& infinite) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  infinite = end == 0;
  text = text.substr(0, end);
  const auto first = text.find_first_not_of('0');
  return first == text.npos ? std::string_view() : text.substr(first);
}

int compare_numbers(std::string_view a, std::string_view b) {
  bool a_infinite = false, b_infinite = false;
  const auto left = digits_of(a, a_infinite), right = digits_of(b, b_infinite);
  if (a_infinite || b_infinite) return static_cast<int>(a_infinite) - static_cast<int>(b_infinite);
  if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
  return left.compare(right);
}

int compare(Comparator comparator, std::string_view a, std::string_view b) {
  if (comparator == Comparator::numeric) return compare_numbers(a, b);
  return folded(a, comparator).compare(folded(b, comparator));
}

bool holds(Relation relation, int order) noexcept {
  switch (relation) {
    case Relation::gt:
      return order > 0;
    case Relation::ge:
      return order >= 0;
    case Relation::lt:
      return order < 0;
    case Relation::le:
      return order <= 0;
    case Relation::eq:
      return order == 0;
    case Relation::ne:
      return order != 0;
  }
  return false;
}

}  // namespace

bool value_matches(const Matching& matching, std::string_view value, std::string_view key, Budget& budget,
                   std::vector<std::string>* captures) {
  if (matching.type == MatchType::matches) return matches(value, key, matching.comparator, budget, captures);
  if (!budget.spend(value.size() + key.size())) return false;
  if (matching.type == MatchType::contains) {
    const auto text = folded(value, matching.comparator), part = folded(key, matching.comparator);
    return part.empty() || ::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
  }
  const auto order = compare(matching.comparator, value, key);
  return matching.type == MatchType::value ? holds(matching.relation, order) : order == 0;
}

bool count_matches(const Matching& matching, std::size_t count, std::string_view key) {
  return holds(matching.relation, compare(matching.comparator, std::to_string(count), key));
}

}  // namespace genkan::webmail::sieve
