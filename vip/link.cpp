#include "vip/link.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vip/packet.hpp"

namespace genkan::vip {
namespace {

in_addr to_in_addr(const base::IpAddress& ip) noexcept {
  in_addr out{};
  std::memcpy(&out, ip.bytes.data() + 12, 4);
  return out;
}

template <class T>
bool set_option(int fd, int level, int name, const T& value) noexcept {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

}  // namespace

Error last_error() noexcept { return {errno, boost::system::system_category()}; }

Result<LinkFacts> read_link(const std::string& interface) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return last_error();
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  LinkFacts facts;
  if (::ioctl(fd.get(), SIOCGIFINDEX, &request) != 0) return last_error();
  facts.index = request.ifr_ifindex;
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return last_error();
  facts.running = (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
  if (::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) return last_error();
  std::memcpy(facts.mac.data(), request.ifr_hwaddr.sa_data, facts.mac.size());
  facts.primary = base::IpAddress::any_v4();
  if (::ioctl(fd.get(), SIOCGIFADDR, &request) == 0) {
    sockaddr_in address{};
    std::memcpy(&address, &request.ifr_addr, sizeof address);
    facts.primary = base::IpAddress::v4(ntohl(address.sin_addr.s_addr));
  }
  return facts;
}

void drain(int fd) noexcept {
  std::array<std::uint8_t, 4096> scratch;
  while (::recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT) > 0) {
  }
}

Result<base::UniqueFd> open_vrrp(const std::string& interface, const LinkFacts& facts) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kVrrpProtocol));
  if (!fd) return last_error();
  const int ttl = kVrrpTtl;
  const int off = 0;
  const int tos = 0xC0;  // internetwork control
  ip_mreqn group{};
  group.imr_multiaddr.s_addr = htonl(kVrrpGroup);
  group.imr_ifindex = facts.index;
  ip_mreqn sender{};
  sender.imr_address = to_in_addr(facts.primary);
  sender.imr_ifindex = facts.index;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(), static_cast<socklen_t>(interface.size())) !=
      0) {
    return last_error();
  }
  const bool ok = set_option(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, group) &&
                  set_option(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, sender) &&
                  set_option(fd.get(), IPPROTO_IP, IP_MULTICAST_LOOP, off) &&
                  set_option(fd.get(), IPPROTO_IP, IP_MULTICAST_TTL, ttl) &&
                  set_option(fd.get(), IPPROTO_IP, IP_TTL, ttl) && set_option(fd.get(), IPPROTO_IP, IP_TOS, tos);
  if (!ok) return last_error();
  return fd;
}

Result<> send_vrrp(int fd, const LinkFacts& facts, const base::IpAddress& to, std::span<const std::uint8_t> message) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = to_in_addr(to);
  // The source is told, because the checksum covers it and the kernel might prefer the virtual address.
  in_pktinfo info{};
  info.ipi_ifindex = facts.index;
  info.ipi_spec_dst = to_in_addr(facts.primary);
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof info)> control{};
  iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
  msghdr head{};
  head.msg_name = &address;
  head.msg_namelen = sizeof address;
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  head.msg_control = control.data();
  head.msg_controllen = control.size();
  cmsghdr* item = CMSG_FIRSTHDR(&head);
  item->cmsg_level = IPPROTO_IP;
  item->cmsg_type = IP_PKTINFO;
  item->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(item), &info, sizeof info);
  if (::sendmsg(fd, &head, MSG_DONTWAIT) != static_cast<ssize_t>(message.size())) return last_error();
  return {};
}

}  // namespace genkan::vip
