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

namespace genkan::conf {

using std::chrono::milliseconds;

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
  std::string path;  // empty: none; "-": standard output
};

// [[listen]]
struct Listen {
  std::string name;
  std::vector<std::string> address;  // "0.0.0.0:80", "[::]:80", "unix:/run/genkan.sock"
  std::vector<std::string> protocols{"h2", "http/1.1"};  // in order of preference
  bool tls = false;
  std::vector<base::Cidr> proxy_protocol_from;  // peers that must send a PROXY header
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
  std::string scheduler = "round_robin";  // round_robin | least_connections | chain
  std::vector<std::string> chain;         // candidacy functions: "byAge 5s", "byLoad", "byRandom", "byLogWindow"
  std::vector<Backend> backends;
  Health health;
  std::uint32_t eject_after = 5;   // consecutive failures of real requests; 0: never
  milliseconds eject_for{10'000};  // first ejection; doubles each time up to 16 times
  milliseconds connect_timeout{2'000};
  milliseconds response_timeout{30'000};  // from the end of the request to the response head
  milliseconds idle_timeout{50'000};      // kept connections to a backend
  std::uint32_t idle_connections = 1024;  // kept per worker and backend
  std::uint32_t retries = 2;              // further tries of an idempotent request
  bool webmail = false;                   // the built-in webmail is this pool's only backend
};

// [[route]]: first match wins
struct Route {
  std::string name;
  std::vector<std::string> hosts;  // exact, "*.example.org", or "~pattern"
  std::string path;                // exact
  std::string path_prefix;         // "/app/"
  std::string path_pattern;        // RE2
  std::vector<std::string> methods;
  std::string user_agent;            // RE2, case-insensitive
  std::vector<std::string> headers;  // "Name: pattern" all must match
  // one action
  std::string pool;
  std::string redirect;      // "https://{host}{target}"
  std::uint32_t status = 0;  // fixed answer, or the redirect's code
  std::string body;
  std::string root;             // static files below this folder
  bool cache = false;           // with pool: answer from the cache what may be kept
  std::string host_to_backend;  // Host sent to the backend; empty: as the client sent it
  // Where the row stands, for messages. Not a directive.
  std::string where;
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
  bool local = false;                // to Maildirs below state_dir/mail
  std::string relay;                 // or to this group
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
struct Smtp {
  bool enabled = false;
  std::string hostname;  // in greeting and Received; default: node name
  std::vector<SmtpListen> listens;
  std::vector<SmtpRoute> routes;
  std::vector<SmtpRelay> relays;
  std::vector<base::Cidr> relay_from;  // clients that may send to any domain
  std::vector<base::Cidr> xclient_from;
  std::string bare_newline = "refuse";  // refuse, mend
  std::string relay_for_others;        // group that carries their mail to other domains; empty: refuse
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
  std::vector<Route> routes;
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
