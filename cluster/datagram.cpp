#include "cluster/datagram.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace genkan::cluster {

namespace {

Error failed(std::string& why, std::string what) {
  const Error error(errno, boost::system::system_category());
  why = std::move(what) + ": " + error.message();
  return error;
}

bool set(int fd, int level, int option, int value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

int family(const base::Endpoint& e) noexcept { return e.ip.is_v4() ? AF_INET : AF_INET6; }

Result<base::UniqueFd> open_socket(const base::Endpoint& like, std::string& why) {
  base::UniqueFd fd(::socket(family(like), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed(why, "cannot open a UDP socket");
  if (family(like) == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

Result<base::UniqueFd> open_bound(const base::Endpoint& at, std::string& why) {
  auto fd = open_socket(at, why);
  if (!fd) return fd.error();
  set(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  ::sockaddr_storage address{};
  const auto length = at.to_sockaddr(address);
  if (::bind(fd->get(), reinterpret_cast<const ::sockaddr*>(&address), length) != 0) {
    return failed(why, "cannot bind UDP " + at.text());
  }
  return fd;
}

// 0 without a name. False: there is no such interface.
bool interface_index(const std::string& name, unsigned& index) noexcept {
  index = name.empty() ? 0 : ::if_nametoindex(name.c_str());
  return name.empty() || index != 0;
}

}  // namespace

Result<base::UniqueFd> open_unicast(const base::Endpoint& listen, std::string& why) { return open_bound(listen, why); }

Result<base::UniqueFd> open_group(const base::Endpoint& group, const std::string& interface, std::string& why) {
  unsigned index = 0;
  if (!interface_index(interface, index)) return failed(why, "there is no network interface " + interface);
  auto fd = open_bound(group, why);
  if (!fd) return fd.error();
  ::sockaddr_storage address{};
  group.to_sockaddr(address);
  ::group_req request{};
  request.gr_interface = index;
  std::memcpy(&request.gr_group, &address, sizeof address);
  const int level = family(group) == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  if (::setsockopt(fd->get(), level, MCAST_JOIN_GROUP, &request, sizeof request) != 0) {
    return failed(why,
                  "cannot join multicast group " + group.text() +
                      (interface.empty() ? " (no interface is named and no route leads there)" : " on " + interface));
  }
  // Otherwise datagrams for groups that other programs joined on other interfaces reach this socket too.
  if (family(group) == AF_INET) set(fd->get(), IPPROTO_IP, IP_MULTICAST_ALL, 0);
  return fd;
}

Result<base::UniqueFd> open_sender(const base::Endpoint& like, const std::string& interface, unsigned ttl,
                                   std::string& why) {
  unsigned index = 0;
  if (!interface_index(interface, index)) return failed(why, "there is no network interface " + interface);
  auto fd = open_socket(like, why);
  if (!fd) return fd.error();
  bool good = true;
  if (family(like) == AF_INET) {
    ::ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(index);
    if (index != 0) good = ::setsockopt(fd->get(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0;
    good = good && set(fd->get(), IPPROTO_IP, IP_MULTICAST_TTL, static_cast<int>(ttl)) &&
           set(fd->get(), IPPROTO_IP, IP_MULTICAST_LOOP, 1);
  } else {
    if (index != 0) good = set(fd->get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(index));
    good = good && set(fd->get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, static_cast<int>(ttl)) &&
           set(fd->get(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
  }
  if (!good) return failed(why, "cannot send multicast on " + (interface.empty() ? "this host" : interface));
  return fd;
}

long receive_datagram(int fd, char* data, std::size_t size, base::Endpoint& from) noexcept {
  ::sockaddr_storage address{};
  ::socklen_t length = sizeof address;
  const auto n = ::recvfrom(fd, data, size, 0, reinterpret_cast<::sockaddr*>(&address), &length);
  if (n >= 0) from = base::Endpoint::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&address));
  return n;
}

std::uint16_t local_port(int fd) noexcept {
  ::sockaddr_storage address{};
  ::socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<::sockaddr*>(&address), &length) != 0) return 0;
  return base::Endpoint::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&address)).port;
}

bool send_datagram(int fd, const base::Endpoint& to, std::string_view bytes) noexcept {
  ::sockaddr_storage address{};
  const auto length = to.to_sockaddr(address);
  return ::sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<const ::sockaddr*>(&address),
                  length) == static_cast<ssize_t>(bytes.size());
}

}  // namespace genkan::cluster
