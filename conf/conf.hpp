// The whole configuration as plain structs with their defaults. conf/table.cpp has one row per directive that fills
// them; nothing else reads TOML. A Conf is immutable once read: rooms keep shared_ptr<const Conf> or copy their part.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/log.hpp"
#include "conf/route.hpp"

namespace genkan::conf {

// [node]
struct Node {
  std::string name;                           // default: the host's name
  std::string state_dir = "/var/lib/genkan";  // spool, mail, users, keys
  std::string run_dir;                        // pid file and control socket; default: state_dir/run
  std::string user, group;                    // to become after the listeners are open; empty: stay
  std::uint32_t workers = 0;                  // 0: one per core
  milliseconds drain_timeout{30'000};         // how long a stop waits for requests in flight
  std::vector<std::string> name_servers;      // "127.0.0.1:53"; empty: /etc/resolv.conf
};

// [log] and [access_log]
struct AccessLog {
  std::string path;                 // empty: none; "-": standard output
  std::string format = "combined";  // or "json", or a text with {items}
  milliseconds slow{0};             // requests that take longer are warned about; 0: none
};

// [[listen]]
struct Listen {
  std::string name;
  std::vector<std::string> address;  // "0.0.0.0:80", "[::]:80", "unix:/run/genkan.sock"
  bool tls = false;
  std::vector<std::string> protocols{"h2", "http/1.1"};  // in order of preference
  std::vector<base::Cidr> proxy_protocol_from;           // peers that must send a PROXY header
};

// [[certificate]]
struct Certificate {
  std::vector<std::string> names;  // host names; empty: those in the certificate
  std::string cert, key;           // PEM files
  bool self_signed = false;        // make one in state_dir when there is none (demo, tests)
};

// [tls]
struct Tls {
  std::string min_version = "1.2";
  std::string ciphers;  // OpenSSL list for TLS 1.2; empty: the intermediate preset
};

// [http]: limits and deadlines for clients
struct Http {
  std::uint32_t max_fields = 100;
  std::uint64_t max_head = 64 * 1024;         // bytes of start line and fields
  std::uint64_t max_target = 16 * 1024;       // bytes of the request target
  std::uint64_t max_body = 0;                 // bytes; 0: no limit
  milliseconds head_timeout{10'000};          // whole request head
  milliseconds idle_timeout{60'000};          // between requests on a kept connection
  milliseconds body_timeout{30'000};          // without progress on a body, either way
  std::uint64_t min_rate = 240;               // bytes a second of a body, on average, either way; 0: none
  milliseconds min_rate_grace{10'000};        // of waiting for the client, before that counts
  bool merge_slashes = true;                  // "//" in a path is "/"
  std::vector<std::string> limits;            // of every route
  std::uint64_t requests_per_connection = 0;  // 0: no limit
  std::string server_name = "genkan";         // Server, Via pseudonym
  std::uint32_t max_connections = 20'000;     // all listeners together
  std::uint32_t h2_max_streams = 100;         // at once on one HTTP/2 connection
  milliseconds tunnel_timeout{3'600'000};     // WebSocket and the like: without a byte either way
};

// [[pool]] and [[pool.backend]]
struct Backend {
  std::string name;     // default: the address
  std::string address;  // "192.0.2.1:8080", "[::1]:80", "unix:/run/x", "host.example:80" (resolved by TTL)
  std::string node;     // the name under which this host's agent announces its load; default: none
  std::uint32_t weight = 1;
  std::uint32_t max_connections = 0;  // per node; 0: no limit
};

struct Health {
  bool enabled = true;
  std::string type = "http";  // http | tcp
  std::string path = "/";
  std::string host;  // Host field; default: the backend's address
  milliseconds interval{2'000};
  milliseconds timeout{1'000};
  std::uint32_t rise = 2, fall = 3;
  std::string expect = "200-399";
};

struct Pool {
  std::string name;
  // round_robin | least_connections | random | two_choices | peak_ewma | hash | chain
  std::string scheduler = "round_robin";
  std::string hash_key = "client";   // client | path | uri | header:NAME | cookie:NAME | query:NAME
  std::uint32_t hash_balance = 125;  // percent of its share that a backend may hold; 0: no limit
  std::vector<std::string> chain;    // candidacy functions: "byAge 5s", "byLoad", "byRandom", "byLogWindow"
  std::vector<Backend> backends;
  Health health;
  std::uint32_t eject_after = 5;   // consecutive failures of real requests; 0: never
  milliseconds eject_for{10'000};  // first ejection; doubles each time up to 16 times
  milliseconds connect_timeout{2'000};
  milliseconds response_timeout{30'000};                   // from the end of the request to the response head
  milliseconds idle_timeout{50'000};                       // kept connections to a backend
  std::uint32_t idle_connections = 1024;                   // kept per worker and backend
  std::uint32_t retries = 2;                               // further tries of an idempotent request
  std::vector<std::string> retry_on{"connect", "broken"};  // and "timeout", "500" .. "599"
  std::uint32_t retry_budget = 20;                         // retries, in percent of the requests
  milliseconds slow_start{0};                              // a backend that comes back gets its share by and by
  std::uint32_t panic_below = 0;  // percent of the backends that work: with fewer, all of them are used
  std::string fallback;           // a pool that serves when this one has nobody
  std::uint32_t queue = 0;        // requests that wait when all are at max_connections, per worker
  milliseconds queue_timeout{5'000};
  std::string sticky_cookie;          // name; empty: off
  std::string sticky_key;             // secret; empty: from [cluster] key, else made at the first start
  milliseconds sticky_max_age{0};     // 0: until the browser closes
  std::string protocol = "http/1.1";  // http/1.1 | h2
  bool webmail = false;               // the built-in webmail is this pool's only backend
};

// [compression]
struct Compression {
  bool enabled = false;
  std::vector<std::string> encodings{"br", "zstd", "gzip"};  // in order of preference, where the client has none
  std::uint64_t min_size = 1024;
  std::vector<std::string> types{
      "text/*", "application/json", "application/javascript", "application/xml", "application/wasm", "*+json", "*+xml"};
  std::uint32_t level = 4;
  bool secrets = false;  // also what BREACH could guess from
};

// [cache]
struct Cache {
  std::uint64_t memory = 64ull << 20;
  std::uint64_t max_object = 8ull << 20;
  std::vector<base::Cidr> purge_from;  // who may PURGE; default: loopback
};

// [cluster]
struct Cluster {
  bool enabled = false;
  std::string key;        // shared secret, at least 16 bytes ("file:/etc/genkan/cluster.key")
  std::string multicast;  // "239.255.71.75:7175"; empty: peers only
  std::string interface;  // for multicast
  std::string listen = "0.0.0.0:7175";
  std::vector<std::string> peers;  // unicast destinations
  std::uint32_t ttl = 1;
  milliseconds interval{1'000};
  milliseconds max_age{5'000};  // a node not heard for this long is gone
};

// [smtp], [[smtp.listen]], [[smtp.route]], [[smtp.relay]], [[smtp.relay.member]]
struct SmtpListen {
  std::string name;
  std::vector<std::string> address;
  bool implicit_tls = false;  // port 465
  bool submission = false;    // users of ours only, with AUTH
  std::vector<base::Cidr> proxy_protocol_from;
};
struct SmtpRoute {
  std::vector<std::string> domains;  // "example.org", "*.example.org", "*" (last)
  std::vector<std::string> addresses;
  std::string pattern;                  // RE2 on the whole address
  bool local = false;                   // to Maildirs below state_dir/mail
  std::string relay;                    // or to this group
  bool mx = false;                      // or to the domain's own mail hosts, by DNS
  std::vector<std::string> recipients;  // who exists there; empty: not checked here
  bool callback = false;                // or ask the next hop
};
struct SmtpMember {
  std::string address;            // "192.0.2.1:25", "host:25"
  std::string node;               // for load, as in [[pool.backend]]
  std::uint32_t preference = 10;  // as MX: lowest first
};
struct SmtpRelay {
  std::string name;
  std::vector<SmtpMember> members;
  std::uint32_t connections = 20;  // at once to one member
  milliseconds connect_timeout{30'000};
  milliseconds command_timeout{300'000};
  std::string protocol = "smtp";      // smtp, lmtp
  std::string tls = "opportunistic";  // off, opportunistic, required, verified
  std::string tls_name;               // that the certificate must bear; default: the member's host
  std::string tls_ca;                 // PEM file; default: the system's
  bool implicit_tls = false;
};
struct SmtpAlias {
  std::string address;  // "info@example.org", "@example.org": catch-all
  std::vector<std::string> to;
};
struct SmtpDnsbl {
  std::string zone;
  std::uint32_t score = 1;
  bool allow = false;  // a list of good clients: its score counts against
};
// [smtp.policy]
struct SmtpPolicy {
  std::vector<base::Cidr> allow_from, deny_from;
  milliseconds pregreet_wait{0};
  std::vector<SmtpDnsbl> dnsbls;
  std::uint32_t dnsbl_threshold = 1;
  bool greylist = false;
  milliseconds greylist_delay{300'000};
  milliseconds greylist_lifetime{3'024'000'000};  // 35 days
  std::uint32_t messages_per_minute = 0;          // from one network; 0: no limit
  std::uint32_t recipients_per_minute = 0;
};
// [smtp.auth]
struct SmtpAuth {
  std::string authserv_id;               // in Authentication-Results; default: hostname
  std::string spf = "mark";              // off, mark, reject
  std::string dkim = "mark";             // off, mark
  std::string dmarc = "report";          // off, report, enforce
  std::string arc = "mark";              // off, mark
  std::vector<std::string> arc_trusted;  // sealers whose word outweighs a failed DMARC
  std::string arc_seal;                  // domain of a [[smtp.dkim]]; empty: forwarded mail is not sealed
  std::string reverse_dns = "mark";      // off, mark, reject
  std::string helo = "mark";             // off, mark, reject
  std::string dns_failure = "accept";    // accept, tempfail
  milliseconds timeout{10'000};          // for all look-ups about one message
};
// [[smtp.dkim]]
struct SmtpDkim {
  std::string domain, selector;
  std::string key;                   // PEM file, RSA or Ed25519
  std::vector<std::string> headers;  // to sign; empty: those that RFC 6376 5.4.1 names
};
struct SmtpMilter {
  std::string address;
  milliseconds timeout{30'000};
  std::string on_error = "tempfail";  // tempfail, accept, reject
};
struct SmtpRewrite {
  std::string pattern, to;
  std::string side = "both";  // sender, recipient, both
};
struct Smtp {
  bool enabled = false;
  std::string hostname;  // in greeting and Received; default: node name
  std::vector<SmtpListen> listens;
  std::vector<SmtpRoute> routes;
  std::vector<SmtpRelay> relays;
  std::string log;  // the mail log; empty: none
  std::string log_format = "text";
  std::vector<SmtpAlias> aliases;
  std::vector<SmtpRewrite> rewrites;
  std::vector<SmtpMilter> milters;
  SmtpPolicy policy;
  SmtpAuth auth;
  std::vector<SmtpDkim> dkims;
  std::uint16_t mx_port = 25;
  std::uint32_t mx_connections = 20;   // at once to one host of a domain
  std::vector<base::Cidr> relay_from;  // clients that may send to any domain
  std::vector<base::Cidr> xclient_from;
  std::string bare_newline = "refuse";  // refuse, mend
  std::string relay_for_others;         // group that carries their mail to other domains; empty: refuse
  std::uint64_t max_message = 50ull << 20;
  std::uint32_t max_recipients = 1000;
  std::uint32_t max_connections = 1000;
  std::uint32_t max_connections_per_address = 50;
  std::uint32_t max_errors = 20;  // bad commands before 421
  milliseconds command_timeout{300'000};
  milliseconds data_timeout{180'000};
  std::uint64_t min_free = 64ull << 20;  // bytes free on the spool's disk, else 452
  milliseconds retry_first{60'000};
  milliseconds retry_max{3'600'000};
  milliseconds expire{432'000'000};  // 5 days
  milliseconds delay_notice{14'400'000};
};

// [webmail]
struct Webmail {
  bool enabled = false;
  std::vector<std::string> domains;  // local mail domains; the first is the default
  milliseconds session_ttl{43'200'000};
  std::uint64_t max_upload = 50ull << 20;
  bool secure_cookie = true;  // false only where there is no TLS at all (demo over http)
};

// [admin]
struct Admin {
  bool enabled = true;
  std::string listen = "127.0.0.1:9070";
  std::string token;  // needed unless the listener is on loopback
};

// [[vip]]
struct Vip {
  std::string name;
  std::string address;  // "192.0.2.10/24"
  std::string interface;
  std::uint32_t vrid = 0;
  std::uint32_t priority = 100;
  milliseconds advert_interval{1'000};  // 10ms .. 40950ms
  bool preempt = true;
  bool probe = true;               // ask a silent holder's machine by ARP before waiting any longer
  std::string checksum = "auto";   // auto | rfc9568 | pseudo_header
  std::vector<std::string> peers;  // unicast instead of multicast
};

// Where a directive stands. `file` indexes Conf::files; line 0: it was not written (the default holds).
struct Place {
  std::uint32_t file = 0, line = 0, column = 0;
  auto operator<=>(const Place&) const = default;
};

struct Conf {
  Node node;
  base::LogOptions log;
  AccessLog access_log;
  Tls tls;
  Http http;
  std::vector<Listen> listens;
  std::vector<Certificate> certificates;
  std::vector<Pool> pools;
  std::vector<Limit> limits;
  std::vector<Route> routes;
  Compression compression;
  Cache cache;
  Cluster cluster;
  Smtp smtp;
  Webmail webmail;
  Admin admin;
  std::vector<Vip> vips;
  std::vector<std::string> files;  // every file that was read, in order
  // Every directive and section that was written: "node.user", "pool[0].backend[1].address", "route[2]".
  std::map<std::string, Place, std::less<>> places;

  const Pool* find_pool(std::string_view name) const;        // null when there is none
  const SmtpRelay* find_relay(std::string_view name) const;  // likewise
  // The place of `path`, or of the nearest section around it that was written.
  Place place(std::string_view path) const;
  std::string where(std::string_view path) const;  // "file:line"
};

using ConfPtr = std::shared_ptr<const Conf>;

}  // namespace genkan::conf
