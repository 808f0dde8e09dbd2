// Rows of [cluster], [[vip]] and [admin].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section cluster_section() {
  SectionOf<Cluster> s(
      "The channel on which nodes and agents announce their load to each other, by multicast or to a list of peers. "
      "Every packet is authenticated with the shared key.");
  s.row("enabled", &Cluster::enabled, flag(), "Announce this node's load and listen to others.");
  s.row("key", &Cluster::key, unset(secret(), "none; one is needed when enabled"),
        "Secret of at least 16 bytes that all nodes share, best as \"file:/etc/genkan/cluster.key\".");
  s.row("multicast", &Cluster::multicast, unset(endpoint(), "only to `peers`"),
        "Group and port to announce to, such as \"239.255.71.75:7175\".");
  s.row("interface", &Cluster::interface, unset(text(), "as the system routes it"),
        "Network interface for multicast, such as \"eth0\".");
  s.row("listen", &Cluster::listen, endpoint(), "Address and UDP port on which others are heard.");
  s.row("peers", &Cluster::peers, list_of(peer(7175)),
        "Nodes to announce to one by one, where multicast does not pass, such as [\"192.0.2.11:7175\"].");
  s.row("ttl", &Cluster::ttl, number(1, 255), "Routers that multicast may pass; 1 stays in the local network.");
  s.row("interval", &Cluster::interval, duration(50ms, 1min), "Time between two announcements.");
  s.row("max_age", &Cluster::max_age, duration(100ms, 10min),
        "A node that was not heard for this long counts as gone. At least three times `interval`.");
  s.row("queue_dirs", &Cluster::queue_dirs,
        unset(example(list_of(path()), "[\"/var/spool/postfix/deferred\"]"), "none"),
        "Folders whose files, in their subfolders too, are counted and announced as this host's mail queue, such as "
        "those of a Postfix.");
  s.row("serves", &Cluster::serves, unset(list_of(text()), "nothing"),
        "What this node is a backend for: names and ports, such as [\"web:8080\"] or [\"web:192.0.2.7:8080\"]. Pools "
        "with "
        "that name in `from_agents` take it in.");
  return s.take();
}

Section admin_section() {
  SectionOf<Admin> s("The status page, its JSON interface, metrics for Prometheus and the health endpoints.");
  s.row("enabled", &Admin::enabled, flag(), "Serve them at all.");
  s.row("listen", &Admin::listen, endpoint(), "Where they are served. Beyond this host only with a `token`.");
  s.row("token", &Admin::token, unset(secret(), "none; enough on loopback"),
        "Secret that a client must present (\"Authorization: Bearer ...\", or once in the browser), best as "
        "\"file:/etc/genkan/admin.token\".");
  return s.take();
}

Section vip_section() {
  SectionOf<Vip> s(
      "An address that moves between nodes (VRRP version 3, RFC 9568): the node with the highest priority that serves "
      "well holds it.");
  s.row("name", &Vip::name, unset(text(), "the address"), "Name for the log and the status page.");
  s.row("address", &Vip::address, required(prefix(), "\"192.0.2.10/24\""),
        "The IPv4 address with the length of its network.");
  s.row("interface", &Vip::interface, required(text(), "\"eth0\""), "Network interface that carries it.");
  s.row("vrid", &Vip::vrid, required(number(1, 255), "51"),
        "Virtual router number: the same on all nodes that share the address, unique in the network.");
  s.row("priority", &Vip::priority, number(1, 255),
        "The highest takes the address. 255 is for the node that owns it as its real address.");
  s.row("advert_interval", &Vip::advert_interval, duration(10ms, 40'950ms),
        "Time between two advertisements, in steps of 10 ms. Others take over after a little more than three of them.");
  s.row("preempt", &Vip::preempt, flag(), "Take the address back from a node of lower priority.");
  s.row("probe", &Vip::probe, flag(),
        "When an advertisement is missing, ask the holder's machine by ARP, and take over at once if it is gone.");
  s.row("checksum", &Vip::checksum, words({"auto", "rfc9568", "pseudo_header"}),
        "Form of the checksum that is sent; both are understood. \"rfc9568\" is the standard's, \"pseudo_header\" what "
        "keepalived sends, \"auto\" what the other node uses.");
  s.row("peers", &Vip::peers, unset(list_of(text()), "multicast"),
        "Addresses of the other nodes, for networks without multicast, such as [\"192.0.2.2\"].");
  return s.take();
}

}  // namespace genkan::conf
