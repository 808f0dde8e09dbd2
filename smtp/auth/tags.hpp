// Lists of tags, "a=b; c=d" (RFC 6376 3.2), as DKIM, ARC and DMARC write them. Pure; views into the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace genkan::smtp {

class TagList {
 public:
  // Nothing: a tag that is none, one that is there twice, or more than kMaxTags of them.
  static std::optional<TagList> parse(std::string_view text);

  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  std::string_view get(std::string_view name) const noexcept {  // with folding inside; empty: none
    const auto* value = find(name);
    return value ? *value : std::string_view();
  }
  // Without any white space: of base64 and names.
  std::string packed(std::string_view name) const;
  const std::vector<std::pair<std::string_view, std::string_view>>& tags() const noexcept { return tags_; }

 private:
  static constexpr std::size_t kMaxTags = 64;
  const std::string_view* find(std::string_view name) const noexcept;
  std::vector<std::pair<std::string_view, std::string_view>> tags_;
};

// Parts of a list with colons, without white space.
std::vector<std::string> colon_list(std::string_view text);
std::string without_space(std::string_view text);
// Digits only, up to 12 of them, as RFC 6376 wants of l, t and x... (l: up to 76, which nobody has).
std::optional<std::uint64_t> tag_number(std::string_view text);

}  // namespace genkan::smtp
