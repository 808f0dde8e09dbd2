// Who holds the virtual address. Best is a TUN device of our own: it is not persistent, so the kernel removes it, and
// the address with it, when this process ends in whatever way. Linux answers ARP on an interface for an address of any
// other (arp_ignore 0), so the address need not be on the interface itself. Where there is no /dev/net/tun, or
// arp_ignore forbids such answers, the interface holds the address, and a killed guardian leaves it behind until the
// next start.
#pragma once

#include <cstdint>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"
#include "vip/link.hpp"

namespace genkan::vip {

class AddressHolder {
 public:
  // `netlink` must outlive the holder. `why_not_tun` says why the interface holds the address; empty when it does not.
  AddressHolder(Netlink& netlink, const base::IpAddress& ip, std::uint8_t prefix) noexcept
      : netlink_(netlink), ip_(ip), prefix_(prefix) {}

  // Makes the device ready. Called again when the interface came back with another index.
  void prepare(const std::string& interface, const LinkFacts& facts, bool want_tun, std::string& why_not_tun);
  // Removes what a killed predecessor left on the interface; nothing to do with a TUN device.
  Result<> remove_leftover();

  Result<> add();
  Result<> remove();
  bool held() const noexcept { return held_; }
  bool on_tun() const noexcept { return static_cast<bool>(tun_); }

 private:
  Result<> make_tun();
  int index() const noexcept { return tun_ ? tun_index_ : interface_index_; }

  Netlink& netlink_;
  base::IpAddress ip_;
  std::uint8_t prefix_;
  base::UniqueFd tun_;  // close-on-exec: it must never outlive the guardian in a child
  int tun_index_ = 0;
  int interface_index_ = 0;
  bool held_ = false;
};

}  // namespace genkan::vip
