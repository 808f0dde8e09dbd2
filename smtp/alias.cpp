#include "smtp/alias.hpp"

#include "base/text.hpp"
#include "smtp/address.hpp"

namespace genkan::smtp {
namespace {

// "\1" is the first group of the pattern, "\0" the whole.
std::string filled_in(std::string_view to, const std::vector<std::string_view>& groups) {
  std::string out;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] != '\\' || i + 1 == to.size()) {
      out += to[i];
      continue;
    }
    const char next = to[++i];
    const auto group = static_cast<std::size_t>(next - '0');
    if (next >= '0' && next <= '9') {
      if (group < groups.size()) out += groups[group];
    } else {
      out += next;
    }
  }
  return out;
}

}  // namespace

AliasTable::AliasTable(const conf::Smtp& conf) {
  for (const auto& row : conf.aliases) aliases_.try_emplace(base::to_lower(row.address), row.to);
  for (const auto& row : conf.rewrites) {
    std::string why;
    Rewrite rewrite;
    auto pattern = base::Pattern::compile(row.pattern, why, true);
    if (!pattern) continue;  // checked when the configuration was read
    rewrite.pattern = std::move(*pattern);
    rewrite.to = row.to;
    rewrite.sender = row.side != "recipient";
    rewrite.recipient = row.side != "sender";
    rewrites_.push_back(std::move(rewrite));
  }
}

std::string AliasTable::rewritten(std::string_view address, Side side) const {
  for (const auto& rewrite : rewrites_) {
    if (!(side == Side::sender ? rewrite.sender : rewrite.recipient)) continue;
    std::vector<std::string_view> groups;
    if (!rewrite.pattern.match(address, groups) || groups.empty() || groups[0].size() != address.size()) continue;
    auto result = filled_in(rewrite.to, groups);
    AddressView view;
    if (parse_mailbox(result, view) == AddressFault::none) return result;
  }
  return std::string(address);
}

const std::vector<std::string>* AliasTable::find(std::string_view address) const {
  if (aliases_.empty() || address.empty() || address.front() == '@') return nullptr;
  const auto whole = base::to_lower(address);
  if (const auto found = aliases_.find(whole); found != aliases_.end()) return &found->second;
  const auto at = whole.rfind('@');
  const auto plus = whole.find('+');
  if (at == std::string::npos || plus == 0 || plus >= at) return nullptr;
  const auto found = aliases_.find(whole.substr(0, plus) + whole.substr(at));
  return found == aliases_.end() ? nullptr : &found->second;
}

const std::vector<std::string>* AliasTable::catch_all(std::string_view domain) const {
  const auto found = aliases_.find("@" + base::to_lower(domain));
  return found == aliases_.end() ? nullptr : &found->second;
}

}  // namespace genkan::smtp
