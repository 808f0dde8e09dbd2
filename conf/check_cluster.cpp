// Checks of [cluster], [[vip]], [admin].
#include <algorithm>
#include <string>

#include "base/address.hpp"
#include "conf/check.hpp"

namespace genkan::conf {

void check_cluster(Checker& check) {
  constexpr std::size_t kMinKey = 16;
  const Cluster& cluster = check.conf.cluster;
  const Admin& admin = check.conf.admin;
  if (cluster.enabled) {
    if (cluster.key.size() < kMinKey) {
      check.error("cluster.key",
                  cluster.key.empty() ? "[cluster] needs a `key`" : "the `key` of [cluster] is shorter than 16 bytes",
                  "make one: head -c 32 /dev/urandom | base64 > cluster.key; key = \"file:cluster.key\"");
    }
    if (cluster.max_age < cluster.interval * 3) {
      check.warning("cluster.max_age",
                    "`max_age` is shorter than three times `interval`: one lost packet or two make a node seem gone");
    }
  }
  if (const auto group = base::Endpoint::parse(cluster.multicast);
      group && (group->is_unix() || !group->ip.is_multicast())) {
    check.error("cluster.multicast", "`multicast` is not a multicast address",
                "from 224.0.0.0 to 239.255.255.255; single nodes go into `peers`");
  }
  const auto listen = base::Endpoint::parse(admin.listen);
  if (admin.enabled && admin.listen.empty())
    check.error("admin.listen", "[admin] needs `listen`", "or enabled = false");
  if (admin.enabled && listen && !listen->is_unix() && !listen->ip.is_loopback() && admin.token.empty()) {
    check.error("admin.listen", "the status page can be reached from outside this host, but has no `token`",
                "token = \"file:admin.token\", or listen = \"127.0.0.1:" + std::to_string(listen->port) + "\"");
  }
}

void check_vips(Checker& check) {
  const auto& vips = check.conf.vips;
  Names names(check, "VIP"), addresses(check, "VIP address");
  for (std::size_t i = 0; i < vips.size(); ++i) {
    const Vip& vip = vips[i];
    names.add(vip.name, at("vip", i, "name"));
    const auto ip = base::IpAddress::parse(std::string_view(vip.address).substr(0, vip.address.find('/')));
    if (ip) {
      addresses.add(ip->text(), at("vip", i, "address"));
      if (!ip->is_v4()) check.error(at("vip", i, "address"), "a VIP must be an IPv4 address");
    }
    const auto twin = std::find_if(vips.begin(), vips.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&](const Vip& v) { return v.vrid == vip.vrid && v.interface == vip.interface; });
    if (vip.vrid != 0 && twin != vips.begin() + static_cast<std::ptrdiff_t>(i)) {
      check.error(
          at("vip", i, "vrid"), "the vrid " + std::to_string(vip.vrid) + " is there twice on " + vip.interface,
          "the other one is at " + check.conf.where(at("vip", static_cast<std::size_t>(twin - vips.begin()), "vrid")));
    }
    if (vip.advert_interval.count() % 10 != 0) {
      check.error(at("vip", i, "advert_interval"),
                  "`advert_interval` must be in steps of 10ms (VRRP counts hundredths of a second)");
    }
    for (const auto& peer : vip.peers) {
      const auto address = base::IpAddress::parse(peer);
      if (!address || !address->is_v4()) {
        check.error(at("vip", i, "peers"), "\"" + peer + "\" is not an IPv4 address",
                    "the other node's own address, without a port");
      }
    }
  }
}

}  // namespace genkan::conf
