// Checks of [smtp] and [webmail].
#include <algorithm>
#include <string>

#include "base/address.hpp"
#include "base/text.hpp"
#include "conf/chain.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

void need_relay(Checker& check, const std::string& name, const std::string& path) {
  if (name.empty() || check.conf.find_relay(name) != nullptr) return;
  std::vector<std::string_view> names;
  for (const auto& relay : check.conf.smtp.relays) names.push_back(relay.name);
  check.error(path, "there is no [[smtp.relay]] `" + name + "`", nearest_hint(name, names));
}

// "example.org", "*.example.org" where `wild`, never an address or a URL.
bool is_domain(std::string_view text, bool wild) {
  if (wild && text.starts_with("*.")) text.remove_prefix(2);
  if (text.empty() || text.size() > 253) return false;
  const auto labels = base::split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.find_first_of("@/:*[] \t") == std::string_view::npos;
  });
}

void check_address(Checker& check, std::string_view address, const std::string& path) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || !is_domain(address.substr(at + 1), false))
    check.error(path, "\"" + std::string(address) + "\" is not an address", "\"ann@example.org\"");
}

void check_aliases(Checker& check) {
  const auto& aliases = check.conf.smtp.aliases;
  Names names(check, "alias");
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    const auto place = at("smtp.alias", i);
    names.add(base::to_lower(aliases[i].address), place + ".address");
    if (!aliases[i].address.starts_with('@')) check_address(check, aliases[i].address, place + ".address");
    for (const auto& to : aliases[i].to) check_address(check, to, place + ".to");
  }
}

void check_mail_routes(Checker& check) {
  const auto& routes = check.conf.smtp.routes;
  Names domains(check, "domain");
  bool everything = false;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::string place = at("smtp.route", i);
    if (everything) check.warning(place, "this route is never reached", "an earlier one takes every domain (\"*\")");
    for (const auto& domain : routes[i].domains) {
      everything = everything || domain == "*";
      domains.add(base::to_lower(domain), place + ".domains");
      if (domain != "*" && !is_domain(domain, true)) {
        check.error(place + ".domains", "\"" + domain + "\" is not a domain",
                    "\"example.org\", \"*.example.org\" or \"*\"");
      }
    }
    const int actions = (routes[i].local ? 1 : 0) + (routes[i].mx ? 1 : 0) + (routes[i].relay.empty() ? 0 : 1);
    if (actions > 1) check.error(place, "the route has more than one of `local`, `relay` and `mx`");
    if (actions == 0)
      check.error(place, "the route has no action", "give it one of `local = true`, `relay` and `mx = true`");
    if (routes[i].domains.empty() && routes[i].addresses.empty() && routes[i].pattern.empty())
      check.error(place, "the route is for nobody", "give it `domains`, `addresses` or a `pattern`");
    for (const auto& address : routes[i].addresses) check_address(check, address, place + ".addresses");
    for (const auto& address : routes[i].recipients) check_address(check, address, place + ".recipients");
    if (routes[i].callback && routes[i].local)
      check.error(place + ".callback", "local mailboxes are looked up, there is no next hop to ask");
    if (routes[i].before_queue && routes[i].local)
      check.error(place + ".before_queue", "local mailboxes have no next hop that could answer first");
    need_relay(check, routes[i].relay, place + ".relay");
  }
}

void check_relay_chain(Checker& check, const SmtpRelay& relay, const std::string& place) {
  for (const auto& function : relay.chain) {
    std::string why, hint;
    if (!check_candidacy(function, why, hint)) check.error(place + ".chain", why, hint);
  }
  if (relay.scheduler == "chain" && relay.chain.empty()) {
    check.error(place + ".scheduler", "the scheduler \"chain\" needs `chain`",
                "chain = [\"byAge 5s\", \"byRandom\", \"byLogWindow\", \"byQueue\"]");
  }
  if (relay.scheduler != "chain" && !relay.chain.empty())
    check.warning(place + ".chain", "`chain` has no effect with the scheduler \"" + relay.scheduler + "\"");
  const bool nodes =
      std::any_of(relay.members.begin(), relay.members.end(), [](const auto& m) { return !m.node.empty(); });
  if ((relay.max_load != 0 || relay.max_queue != 0) && !nodes)
    check.warning(place, "`max_load` and `max_queue` have no effect: no member names its `node`");
}

// DANE is worth what the answers of DNS are worth.
void check_trust(Checker& check) {
  const Conf& conf = check.conf;
  if (!conf.smtp.dane || conf.smtp.trust_dns) return;
  const auto near = [](const std::string& server) {
    const auto at = base::Endpoint::parse(server);
    return at && !at->is_unix() && at->ip.is_loopback();
  };
  const auto& servers = conf.node.name_servers;
  if (servers.empty() || !std::all_of(servers.begin(), servers.end(), near)) {
    check.error("smtp.dane", "`dane` needs name servers that can be trusted",
                "name_servers of [node] on a loopback address, or trust_dns = true");
  }
}

void check_tls_reports(Checker& check) {
  const auto& smtp = check.conf.smtp;
  if (!smtp.tls_report_contact.empty()) check_address(check, smtp.tls_report_contact, "smtp.tls_report_contact");
  if (!smtp.tls_reports_send) return;
  if (!smtp.tls_reports) check.error("smtp.tls_reports_send", "there are no reports to send", "tls_reports = true");
  if (smtp.dkims.empty()) {
    check.warning("smtp.tls_reports_send", "reports without a signature are ignored by those who get them",
                  "add a [[smtp.dkim]] for the domain of `tls_report_contact`");
  }
}

void check_sieve(Checker& check) {
  const auto& sieve = check.conf.smtp.sieve;
  if (!sieve.enabled && !sieve.before.empty())
    check.warning("smtp.sieve.before", "`before` has no effect: Sieve is switched off");
  if (sieve.max_redirects > sieve.max_actions && check.written("smtp.sieve.max_redirects"))
    check.warning("smtp.sieve.max_redirects", "`max_redirects` is larger than `max_actions`");
}

void check_relays(Checker& check) {
  const auto& relays = check.conf.smtp.relays;
  Names names(check, "relay");
  for (std::size_t i = 0; i < relays.size(); ++i) {
    const std::string place = at("smtp.relay", i);
    names.add(relays[i].name, place + ".name");
    if (relays[i].members.empty()) {
      check.error(place, "the relay `" + relays[i].name + "` has no member", "add a [[smtp.relay.member]] below it");
    }
    check_relay_chain(check, relays[i], place);
    if (relays[i].protocol == "lmtp" && relays[i].implicit_tls)
      check.error(place + ".implicit_tls", "LMTP has no implicit TLS");
    if (relays[i].implicit_tls && relays[i].tls == "off")
      check.error(place + ".tls", "`implicit_tls` with `tls = \"off\"`");
    Names members(check, "member");
    for (std::size_t m = 0; m < relays[i].members.size(); ++m) {
      members.add(relays[i].members[m].address, at(place + ".member", m, "address"));
    }
  }
}

}  // namespace

void check_smtp(Checker& check) {
  const Smtp& smtp = check.conf.smtp;
  check_mail_routes(check);
  check_relays(check);
  check_aliases(check);
  check_smtp_auth(check);
  check_trust(check);
  check_sieve(check);
  check_tls_reports(check);
  if (smtp.relay_for_others != "mx") need_relay(check, smtp.relay_for_others, "smtp.relay_for_others");
  Names names(check, "listener");
  for (std::size_t i = 0; i < smtp.listens.size(); ++i) names.add(smtp.listens[i].name, at("smtp.listen", i, "name"));
  for (std::size_t i = 0; i < smtp.listens.size(); ++i) {
    const auto& listen = smtp.listens[i];
    if ((listen.implicit_tls || listen.submission) && check.conf.certificates.empty()) {
      check.error(at("smtp.listen", i), "this port needs TLS, and there is no [[certificate]]");
    }
  }
  if (smtp.enabled && smtp.listens.empty()) {
    check.error("smtp.enabled", "[smtp] is enabled, but has no port", "add a [[smtp.listen]]");
  }
  if (smtp.enabled && smtp.routes.empty() && smtp.relay_for_others.empty()) {
    check.warning("smtp", "there is no [[smtp.route]]: all mail will be refused");
  }
  for (const auto& cidr : smtp.relay_from) {
    // ::/0 holds IPv4 too; 0.0.0.0/0 is ::ffff:0:0/96 in the form that Cidr keeps.
    if (cidr.prefix == 0 || (cidr.network.is_v4() && cidr.prefix <= 96)) {
      check.warning("smtp.relay_from",
                    "`relay_from` holds the whole world (" + cidr.text() + "): this is an open relay",
                    "name the networks of your own hosts");
    }
  }
  if (smtp.max_connections_per_address > smtp.max_connections && check.written("smtp.max_connections_per_address")) {
    check.warning("smtp.max_connections_per_address", "`max_connections_per_address` is larger than `max_connections`");
  }
  if (smtp.retry_first > smtp.retry_max) check.error("smtp.retry_first", "`retry_first` is longer than `retry_max`");
  if (smtp.retry_max > smtp.expire)
    check.warning("smtp.retry_max", "`retry_max` is longer than `expire`: mail is tried once only");
}

void check_webmail(Checker& check) {
  const Conf& conf = check.conf;
  bool reachable = false;
  for (std::size_t i = 0; i < conf.pools.size(); ++i) {
    if (!conf.pools[i].webmail) continue;
    reachable = true;
    if (!conf.webmail.enabled) {
      check.error(at("pool", i, "webmail"), "the pool needs the webmail, which is not enabled",
                  "[webmail] enabled = true");
    }
  }
  if (!conf.webmail.enabled) return;
  if (!reachable) check.warning("webmail.enabled", "no pool has `webmail = true`: the webmail can't be reached");
  if (conf.webmail.domains.empty())
    check.error("webmail.domains", "[webmail] needs `domains`", "domains = [\"example.org\"]");
  for (const auto& domain : conf.webmail.domains) {
    if (!is_domain(domain, false)) check.error("webmail.domains", "\"" + domain + "\" is not a domain");
  }
}

}  // namespace genkan::conf
