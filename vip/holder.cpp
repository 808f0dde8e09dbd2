#include "vip/holder.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace genkan::vip {
namespace {

// A small number in a file of /proc/sys, or 0.
int read_setting(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char digit = '0';
  if (!fd || ::read(fd.get(), &digit, 1) != 1 || digit < '0' || digit > '9') return 0;
  return digit - '0';
}

// The device only carries an address; without this the kernel would send router solicitations into it.
void disable_ipv6(const std::string& device) {
  const base::UniqueFd fd(
      ::open(("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6").c_str(), O_WRONLY | O_CLOEXEC));
  if (fd) static_cast<void>(!::write(fd.get(), "1", 1));
}

}  // namespace

Result<> AddressHolder::make_tun() {
  base::UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return last_error();
  ifreq request{};
  const std::string_view pattern = "gkvip%d";  // the kernel puts a free number in
  pattern.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return last_error();
  const std::string device(request.ifr_name);
  const unsigned index = ::if_nametoindex(device.c_str());
  if (index == 0) return last_error();
  disable_ipv6(device);
  if (auto r = netlink_.set_up(static_cast<int>(index)); !r) return r.error();
  tun_index_ = static_cast<int>(index);
  tun_ = std::move(fd);
  return {};
}

void AddressHolder::prepare(const std::string& interface, const LinkFacts& facts, bool want_tun,
                            std::string& why_not_tun) {
  interface_index_ = facts.index;
  why_not_tun.clear();
  if (tun_) return;
  if (!want_tun) {
    why_not_tun = "switched off";
    return;
  }
  const std::string base = "/proc/sys/net/ipv4/conf/";
  if (std::max(read_setting(base + "all/arp_ignore"), read_setting(base + interface + "/arp_ignore")) != 0) {
    why_not_tun = "arp_ignore is set on " + interface;
    return;
  }
  if (auto r = make_tun(); !r) why_not_tun = "/dev/net/tun: " + r.error().message();
}

Result<> AddressHolder::remove_leftover() {
  if (tun_ || held_) return {};
  return netlink_.remove_address(interface_index_, ip_, prefix_);
}

Result<> AddressHolder::add() {
  auto r = netlink_.add_address(index(), ip_, tun_ ? 32 : prefix_);
  if (r) held_ = true;
  return r;
}

Result<> AddressHolder::remove() {
  if (!held_) return {};
  auto r = netlink_.remove_address(index(), ip_, tun_ ? 32 : prefix_);
  if (r) held_ = false;
  return r;
}

}  // namespace genkan::vip
