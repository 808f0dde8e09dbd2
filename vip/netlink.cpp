// rtnetlink(7): addresses and links, and news of both.
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "vip/link.hpp"

namespace genkan::vip {
namespace {

template <class Body>
struct Message {
  nlmsghdr head;
  Body body;
  std::array<std::uint8_t, 64> attributes;  // what is used of it is in head.nlmsg_len
};

template <class Body>
Message<Body> message_of(int type, int flags) noexcept {
  Message<Body> m{};
  m.head.nlmsg_len = NLMSG_LENGTH(sizeof(Body));
  m.head.nlmsg_type = static_cast<std::uint16_t>(type);
  m.head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  return m;
}

void add_attribute(Message<ifaddrmsg>& m, int type, std::span<const std::uint8_t> value) noexcept {
  rtattr attribute{};
  attribute.rta_type = static_cast<std::uint16_t>(type);
  attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
  auto* at = reinterpret_cast<std::uint8_t*>(&m) + NLMSG_ALIGN(m.head.nlmsg_len);
  std::memcpy(at, &attribute, sizeof attribute);
  std::memcpy(at + RTA_LENGTH(0), value.data(), value.size());
  m.head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(m.head.nlmsg_len) + RTA_SPACE(value.size()));
}

template <class Body>
std::span<std::uint8_t> bytes_of(Message<Body>& m) noexcept {
  return {reinterpret_cast<std::uint8_t*>(&m), m.head.nlmsg_len};
}

}  // namespace

Result<Netlink> Netlink::open() {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return last_error();
  const timeval limit{1, 0};  // the kernel answers within the send; this is for a kernel that does not answer at all
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) return last_error();
  return Netlink(std::move(fd));
}

Result<> Netlink::request(std::span<std::uint8_t> message) {
  nlmsghdr head{};
  std::memcpy(&head, message.data(), sizeof head);
  head.nlmsg_seq = ++sequence_;
  std::memcpy(message.data(), &head, sizeof head);
  if (::send(fd_.get(), message.data(), message.size(), 0) != static_cast<ssize_t>(message.size())) return last_error();

  alignas(nlmsghdr) std::array<std::uint8_t, 4096> buffer;
  for (int tries = 0; tries < 16; ++tries) {
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return got < 0 ? last_error() : Errc::malformed;
    std::memcpy(&head, buffer.data(), sizeof head);
    if (head.nlmsg_type != NLMSG_ERROR || head.nlmsg_seq != sequence_) continue;  // an answer that came too late
    nlmsgerr answer{};
    std::memcpy(&answer, buffer.data() + NLMSG_HDRLEN, sizeof answer);
    if (answer.error == 0) return {};
    return Error(-answer.error, boost::system::system_category());
  }
  return Errc::timed_out;
}

Result<> Netlink::change_address(int type, int index, const base::IpAddress& ip, std::uint8_t prefix) {
  auto m = message_of<ifaddrmsg>(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0);
  m.body.ifa_family = AF_INET;
  m.body.ifa_prefixlen = prefix;
  m.body.ifa_scope = RT_SCOPE_UNIVERSE;
  m.body.ifa_index = static_cast<std::uint32_t>(index);
  const auto v4 = std::span(ip.bytes).subspan<12>();
  add_attribute(m, IFA_LOCAL, v4);
  add_attribute(m, IFA_ADDRESS, v4);
  return request(bytes_of(m));
}

Result<> Netlink::add_address(int index, const base::IpAddress& ip, std::uint8_t prefix) {
  auto r = change_address(RTM_NEWADDR, index, ip, prefix);
  if (!r && r.error().value() == EEXIST) return {};
  return r;
}

Result<> Netlink::remove_address(int index, const base::IpAddress& ip, std::uint8_t prefix) {
  auto r = change_address(RTM_DELADDR, index, ip, prefix);
  if (!r && (r.error().value() == EADDRNOTAVAIL || r.error().value() == ENODEV)) return {};
  return r;
}

Result<> Netlink::set_up(int index) {
  auto m = message_of<ifinfomsg>(RTM_NEWLINK, 0);
  m.body.ifi_family = AF_UNSPEC;
  m.body.ifi_index = index;
  m.body.ifi_flags = IFF_UP;
  m.body.ifi_change = IFF_UP;
  return request(bytes_of(m));
}

Result<base::UniqueFd> watch_links() {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return last_error();
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) return last_error();
  return fd;
}

}  // namespace genkan::vip
