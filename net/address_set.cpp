#include "net/address_set.hpp"

#include <algorithm>

namespace genkan::net {
namespace {

base::IpAddress last_of(const base::Cidr& network) {
  base::IpAddress last = network.network;
  for (std::size_t bit = network.prefix; bit < 128; ++bit) {
    last.bytes[bit / 8] = static_cast<std::uint8_t>(last.bytes[bit / 8] | 0x80u >> (bit % 8));
  }
  return last;
}

// Whether `b` begins at or before the address that follows `a`.
bool touches(const base::IpAddress& a, const base::IpAddress& b) {
  if (b <= a) return true;
  base::IpAddress next = a;
  for (std::size_t i = next.bytes.size(); i-- > 0;) {
    if (++next.bytes[i] != 0) break;
  }
  return b == next;
}

}  // namespace

AddressSet::AddressSet(std::span<const base::Cidr> networks) {
  std::vector<Range> all;
  all.reserve(networks.size());
  for (const auto& network : networks) all.push_back({network.network, last_of(network)});
  std::sort(all.begin(), all.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : all) {
    if (!ranges_.empty() && touches(ranges_.back().last, range.first)) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
  ranges_.shrink_to_fit();
}

bool AddressSet::contains(const base::IpAddress& ip) const noexcept {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), ip,
                                      [](const base::IpAddress& a, const Range& range) { return a < range.first; });
  return after != ranges_.begin() && ip <= std::prev(after)->last;
}

}  // namespace genkan::net
