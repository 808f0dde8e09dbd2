#include "conf/table.hpp"

#include <algorithm>

namespace genkan::conf {
namespace {

Section whole() {
  SectionOf<Conf> s("");
  s.one("node", &Conf::node, node_section());
  s.one("log", &Conf::log, log_section());
  s.one("access_log", &Conf::access_log, access_log_section());
  s.many("listen", &Conf::listens, listen_section());
  s.many("certificate", &Conf::certificates, certificate_section());
  s.one("acme", &Conf::acme, acme_section());
  s.one("tls", &Conf::tls, tls_section());
  s.one("http", &Conf::http, http_section());
  s.many("pool", &Conf::pools, pool_section());
  s.many("limit", &Conf::limits, limit_section());
  s.many("route", &Conf::routes, route_section());
  s.one("compression", &Conf::compression, compression_section());
  s.one("cache", &Conf::cache, cache_section());
  s.one("cluster", &Conf::cluster, cluster_section());
  s.one("smtp", &Conf::smtp, smtp_section());
  s.one("webmail", &Conf::webmail, webmail_section());
  s.one("admin", &Conf::admin, admin_section());
  s.many("vip", &Conf::vips, vip_section());
  return s.take();
}

template <class Items>
auto find_named(const Items& items, std::string_view name) -> decltype(&items[0]) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Row* Section::find_row(std::string_view row) const { return find_named(rows, row); }
const Section* Section::find_section(std::string_view section) const { return find_named(sections, section); }

const Section& table() {
  static const Section table = whole();
  return table;
}

}  // namespace genkan::conf
