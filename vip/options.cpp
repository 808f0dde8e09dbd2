#include "vip/options.hpp"

#include <net/if.h>

#include <utility>

#include "base/text.hpp"
#include "conf/conf.hpp"

namespace genkan::vip {
namespace {

Error complain(std::string& why, const conf::Vip& vip, std::string sentence) {
  why = "vip " + base::json_quote(vip.name) + ": " + std::move(sentence);
  return Errc::malformed;
}

Result<> read_address(const conf::Vip& vip, RouterOptions& out, std::string& why) {
  const auto slash = vip.address.find('/');
  const auto ip = base::IpAddress::parse(std::string_view(vip.address).substr(0, slash));
  if (!ip) return complain(why, vip, base::json_quote(vip.address) + " is not an address like \"192.0.2.10/24\"");
  if (!ip->is_v4()) return complain(why, vip, "only IPv4 addresses can move between nodes");
  if (ip->is_multicast() || ip->is_loopback()) return complain(why, vip, ip->text() + " can't be shared by nodes");
  out.address = *ip;
  out.prefix = 32;
  if (slash == std::string::npos) return {};
  const auto bits = base::parse_uint(std::string_view(vip.address).substr(slash + 1));
  if (!bits || *bits == 0 || *bits > 32) return complain(why, vip, "the prefix length must be 1 to 32");
  out.prefix = static_cast<std::uint8_t>(*bits);
  return {};
}

Result<> read_peers(const conf::Vip& vip, RouterOptions& out, std::string& why) {
  if (vip.peers.size() > kMaxPeers) return complain(why, vip, "more than 64 peers");
  for (const auto& text : vip.peers) {
    const auto ip = base::IpAddress::parse(text);
    if (!ip || !ip->is_v4()) return complain(why, vip, "peer " + base::json_quote(text) + " is not an IPv4 address");
    out.peers.push_back(*ip);
  }
  return {};
}

Result<> read_numbers(const conf::Vip& vip, RouterOptions& out, std::string& why) {
  if (vip.vrid < 1 || vip.vrid > 255) return complain(why, vip, "vrid must be 1 to 255");
  if (vip.priority < 1 || vip.priority > 255) return complain(why, vip, "priority must be 1 to 255");
  const auto interval = vip.advert_interval.count();
  if (interval < 10 || interval > 40'950 || interval % 10 != 0) {
    return complain(why, vip, "advert_interval must be 10ms to 40950ms, in steps of 10ms");
  }
  out.vrid = static_cast<std::uint8_t>(vip.vrid);
  out.priority = static_cast<std::uint8_t>(vip.priority);
  out.interval = static_cast<std::uint16_t>(interval / 10);
  return {};
}

Result<RouterOptions> read(const conf::Vip& vip, std::string& why) {
  RouterOptions out;
  out.name = vip.name;
  out.interface = vip.interface;
  out.preempt = vip.preempt;
  out.probe = vip.probe;
  if (vip.interface.empty() || vip.interface.size() >= IFNAMSIZ || vip.interface.find('/') != std::string::npos) {
    return complain(why, vip, base::json_quote(vip.interface) + " is not the name of an interface");
  }
  if (auto r = read_address(vip, out, why); !r) return r.error();
  if (auto r = read_numbers(vip, out, why); !r) return r.error();
  if (auto r = read_peers(vip, out, why); !r) return r.error();
  if (vip.checksum == "rfc9568")
    out.checksum = ChecksumForm::rfc9568;
  else if (vip.checksum == "pseudo_header")
    out.checksum = ChecksumForm::pseudo_header;
  else if (vip.checksum != "auto")
    return complain(why, vip, "checksum must be auto, rfc9568 or pseudo_header");
  return out;
}

}  // namespace

Result<GuardianOptions> options_from(std::span<const conf::Vip> vips, std::string& why) {
  GuardianOptions out;
  for (const auto& vip : vips) {
    auto router = read(vip, why);
    if (!router) return router.error();
    if (out.routers.size() == kMaxRouters) return complain(why, vip, "more than 64 virtual addresses");
    for (const auto& other : out.routers) {
      if (other.interface == router->interface && other.vrid == router->vrid) {
        return complain(why, vip, "vrid " + std::to_string(vip.vrid) + " is already used on " + vip.interface);
      }
    }
    out.routers.push_back(std::move(*router));
  }
  return out;
}

}  // namespace genkan::vip
