// Many networks, asked whether an address lies in one of them: sorted, merged ranges and a binary search. Immutable
// after it is built, so any thread may ask.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/address.hpp"

namespace genkan::net {

class AddressSet {
 public:
  AddressSet() = default;
  // Not explicit: a list of networks is one of these.
  AddressSet(std::span<const base::Cidr> networks);    // NOLINT(google-explicit-constructor)
  AddressSet(const std::vector<base::Cidr>& networks)  // NOLINT(google-explicit-constructor)
      : AddressSet(std::span(networks)) {}

  bool contains(const base::IpAddress& ip) const noexcept;
  bool empty() const noexcept { return ranges_.empty(); }
  std::size_t size() const noexcept { return ranges_.size(); }  // after merging
  bool operator==(const AddressSet&) const = default;           // the same addresses, however they were written

 private:
  struct Range {
    base::IpAddress first, last;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> ranges_;  // sorted; no two touch
};

}  // namespace genkan::net
