#include "smtp/auth/header.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool is_wsp(char c) noexcept { return c == ' ' || c == '\t'; }

bool is_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

MailField field_of(std::string_view raw) {
  MailField field;
  field.raw = raw;
  const auto colon = raw.find(':');
  if (colon == std::string_view::npos) return field;
  const auto name = base::trim(raw.substr(0, colon));
  if (!is_name(name) || is_wsp(raw.front())) return field;
  field.name = name;
  field.value = raw.substr(colon + 1);
  return field;
}

MailHeader::MailHeader(std::string text) : text_(std::move(text)) {
  const std::string_view all = text_;
  for (std::size_t at = 0; at < all.size();) {
    auto end = at;
    do {  // a line, and those that continue it
      const auto lf = all.find("\r\n", end);
      end = lf == std::string_view::npos ? all.size() : lf + 2;
    } while (end < all.size() && is_wsp(all[end]));
    fields_.push_back(field_of(all.substr(at, end - at)));
    at = end;
  }
  for (std::uint32_t i = 0; i < fields_.size(); ++i) {
    if (!fields_[i].name.empty()) by_name_[base::to_lower(fields_[i].name)].push_back(i);
  }
}

const std::vector<std::uint32_t>& MailHeader::all(std::string_view name) const {
  static const std::vector<std::uint32_t> kNone;
  const auto found = by_name_.find(base::to_lower(name));
  return found == by_name_.end() ? kNone : found->second;
}

void put_canonical(const MailField& field, Canon canon, std::string& out) {
  if (canon == Canon::simple) {
    out += field.raw;
    return;
  }
  out += base::to_lower(field.name);
  out += ':';
  bool space = false, any = false;
  for (const char c : field.value) {
    if (is_wsp(c) || c == '\r' || c == '\n') {
      space = true;
      continue;
    }
    if (space && any) out += ' ';
    space = false;
    any = true;
    out += c;
  }
  out += "\r\n";
}

std::string unfolded(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](char c) { return c == '\r' || c == '\n'; });
  return out;
}

}  // namespace genkan::smtp
