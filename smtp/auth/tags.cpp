#include "smtp/auth/tags.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_tag_name(std::string_view name) noexcept {
  const auto alpha = [](char c) { return base::lower(c) >= 'a' && base::lower(c) <= 'z'; };
  return !name.empty() && alpha(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alpha(c) || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_tag_value(std::string_view value) noexcept {
  return std::all_of(value.begin(), value.end(), [](char c) { return is_space(c) || (c > ' ' && c != 127); });
}

}  // namespace

std::optional<TagList> TagList::parse(std::string_view text) {
  TagList list;
  for (const auto part : base::split(text, ';')) {
    const auto tag = trimmed(part);
    const bool last = part.data() + part.size() == text.data() + text.size();
    if (tag.empty() && last) break;
    const auto equals = tag.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto name = trimmed(tag.substr(0, equals)), value = trimmed(tag.substr(equals + 1));
    if (!is_tag_name(name) || !is_tag_value(value) || list.has(name) || list.tags_.size() == kMaxTags)
      return std::nullopt;
    list.tags_.emplace_back(name, value);
  }
  return list;
}

const std::string_view* TagList::find(std::string_view name) const noexcept {
  const auto found = std::find_if(tags_.begin(), tags_.end(), [&](const auto& tag) { return tag.first == name; });
  return found == tags_.end() ? nullptr : &found->second;
}

std::string TagList::packed(std::string_view name) const { return without_space(get(name)); }

std::string without_space(std::string_view text) {
  std::string out(text);
  std::erase_if(out, is_space);
  return out;
}

std::vector<std::string> colon_list(std::string_view text) {
  std::vector<std::string> out;
  for (const auto part : base::split(text, ':')) out.push_back(without_space(part));
  return out;
}

std::optional<std::uint64_t> tag_number(std::string_view text) {
  if (text.size() > 18) return std::nullopt;
  return base::parse_uint(text);
}

}  // namespace genkan::smtp
