// ARP for IPv4 over Ethernet (RFC 826): announcements of an address that moved, and questions to a peer.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "vip/link.hpp"

namespace genkan::vip {
namespace {

constexpr std::uint8_t kReply = 2;
using Frame = std::array<std::uint8_t, 28>;
constexpr std::array<std::uint8_t, 6> kHead = {0, 1, 8, 0, 6, 4};  // Ethernet, IPv4, lengths of addresses

Frame request(const LinkFacts& facts, const base::IpAddress& sender, const std::array<std::uint8_t, 6>& target_mac,
              const base::IpAddress& target) noexcept {
  Frame arp{};
  std::ranges::copy(kHead, arp.begin());
  arp[7] = 1;
  std::ranges::copy(facts.mac, arp.begin() + 8);
  std::copy_n(sender.bytes.begin() + 12, 4, arp.begin() + 14);
  std::ranges::copy(target_mac, arp.begin() + 18);
  std::copy_n(target.bytes.begin() + 12, 4, arp.begin() + 24);
  return arp;
}

Result<> broadcast(int fd, const LinkFacts& facts, const Frame& arp) noexcept {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ARP);
  to.sll_ifindex = facts.index;
  to.sll_halen = 6;
  std::fill_n(to.sll_addr, 6, 0xFF);
  const auto sent =
      ::sendto(fd, arp.data(), arp.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (sent != static_cast<ssize_t>(arp.size())) return last_error();
  return {};
}

base::IpAddress address_at(std::span<const std::uint8_t> bytes) noexcept {
  return base::IpAddress::v4(static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
                             static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]);
}

}  // namespace

Result<base::UniqueFd> open_arp(const LinkFacts& facts) {
  // Not bound to a protocol until the filter is there, so that nothing else ever gets in.
  base::UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return last_error();
  std::array<sock_filter, 4> code = {{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),  // the operation
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kReply, 0, 1),
                                      BPF_STMT(BPF_RET | BPF_K, sizeof(Frame)), BPF_STMT(BPF_RET | BPF_K, 0)}};
  const sock_fprog filter{code.size(), code.data()};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) return last_error();
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ETH_P_ARP);
  here.sll_ifindex = facts.index;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return last_error();
  return fd;
}

Result<> send_gratuitous_arp(int fd, const LinkFacts& facts, const base::IpAddress& ip) {
  return broadcast(fd, facts, request(facts, ip, facts.mac, ip));
}

Result<> send_arp_question(int fd, const LinkFacts& facts, const base::IpAddress& ip) {
  return broadcast(fd, facts, request(facts, facts.primary, {}, ip));
}

std::optional<base::IpAddress> read_arp_reply(std::span<const std::uint8_t> packet,
                                              const base::IpAddress& self) noexcept {
  if (packet.size() < sizeof(Frame) || !std::ranges::equal(packet.first(kHead.size()), kHead)) return std::nullopt;
  if (packet[6] != 0 || packet[7] != kReply || address_at(packet.subspan(24)) != self) return std::nullopt;
  return address_at(packet.subspan(14));
}

}  // namespace genkan::vip
