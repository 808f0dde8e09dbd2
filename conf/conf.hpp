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
  milliseconds upgrade_drain{3'600'000};      // how long the old process of an upgrade serves what is still open
  std::vector<std::string> name_servers;      // "127.0.0.1:53"; empty: /etc/resolv.conf
};

// [log] and [access_log]
struct AccessLog {
  std::string path;                 // empty: none; "-": standard output
  std::string format = "combined";  // or "json", or a text with {items}
  milliseconds slow{0};             // requests that take longer are warned about; 0: none
};

// [syslog]: RFC 5424
struct Syslog {
  std::string server;  // "udp://192.0.2.1:514", "tcp://...", "tls://..."; empty: off
  std::string facility = "local0";
  std::string app_name = "genkan";
  bool access_log = true, mail_log = true, log = true;
  std::uint64_t buffer = 64ull << 20;  // bytes on the disk while the receiver is away; 0: none
  std::string ca;                      // PEM file; empty: the system's
  std::string tls_name;                // that the certificate must bear; empty: the host of `server`
  std::string cert, key;               // of ours, where the receiver asks for one
  bool operator==(const Syslog&) const = default;
};

// [[listen]]
struct Listen {
  std::string name;
  std::vector<std::string> address;  // "0.0.0.0:80", "[::]:80", "unix:/run/genkan.sock"
  bool tls = false;
  std::vector<std::string> protocols{"h2", "http/1.1"};  // in order of preference
  std::vector<base::Cidr> proxy_protocol_from;           // peers that must send a PROXY header
  std::string client_auth;                               // off | optional | required; empty: as the certificate says
  std::string client_ca, client_crl;                     // PEM files
  bool early_data = false;                               // 0-RTT, RFC 8446 2.3
};

// [[certificate]]
struct Certificate {
  std::vector<std::string> names;   // host names; empty: those in the certificate
  std::string cert, key;            // PEM files
  bool self_signed = false;         // make one in state_dir when there is none (demo, tests)
  std::string client_auth = "off";  // certificates of clients: off | optional | required
  std::string client_ca;            // PEM file: who may have issued them
  std::string client_crl;           // PEM file: those that were revoked
  bool ocsp_stapling = false;       // ask the responder that the certificate names
  std::string ocsp_file;            // DER file that somebody else keeps fresh
  bool acme = false;                // order it from the CA of [acme], and renew it
};

// [acme]: certificates from a CA that speaks RFC 8555
struct Acme {
  std::string directory = "https://acme-v02.api.letsencrypt.org/directory";
  bool accept_terms = false;
  std::vector<std::string> contact;   // mail addresses, or URLs
  std::string challenge = "http-01";  // or tls-alpn-01
  std::string account_key;            // PEM file; empty: made in state_dir/acme
  milliseconds renew_before{0};       // 0: a third of the certificate's lifetime
  milliseconds retry{3'600'000};      // after the first failure; doubles up to a day
  std::string ca_file;                // for the connection to the CA; empty: the system's
  std::string eab_key_id, eab_key;    // external account binding; the key is base64url
};

// [tls]
struct Tls {
  std::string preset = "intermediate";       // Mozilla's: modern | intermediate
  std::string min_version;                   // "1.2", "1.3"; empty: the preset's
  std::string ciphers;                       // OpenSSL list for TLS 1.2; empty: the preset's
  std::string cipher_suites;                 // for TLS 1.3; empty: the preset's
  std::vector<std::string> curves;           // groups for the key exchange; empty: the preset's
  std::string session_tickets = "on";        // on | 1.3 | off
  milliseconds ticket_rotation{43'200'000};  // a key of tickets is used so long, and read once as long again
  milliseconds watch_interval{10'000};       // certificate files are looked at so often; 0: never
  // "Field-Name: fact": what backends are told of a client's certificate
  std::vector<std::string> client_fields{"X-Client-Cert-Verified: verified",       "X-Client-Cert-Subject: subject",
                                         "X-Client-Cert-Issuer: issuer",           "X-Client-Cert-Serial: serial",
                                         "X-Client-Cert-Fingerprint: fingerprint", "X-Client-Cert-SAN: san"};
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
  bool request_id = false;                    // every request has an X-Request-ID
  std::vector<base::Cidr> request_id_from;    // peers whose own is kept
  bool trace = false;                         // every request has a valid traceparent
  std::uint32_t trace_sample = 100;           // percent of the traces begun here that ask to be recorded
  std::uint64_t max_memory = 0;               // bytes of buffers of all connections; 0: no limit
  // IPv6: of a /64; 0: no limit
  std::uint32_t max_connections_per_address = 0;
};

// [[pool]] and [[pool.backend]]
struct Backend {
  std::string name;  // default: the address
  // "192.0.2.1:8080", "[::1]:80", "unix:/run/x", "host.example:80" (resolved by TTL), "srv:_http._tcp.example"
  std::string address;
  std::string node;  // the name under which this host's agent announces its load; default: none
  std::uint32_t weight = 1;
  std::uint32_t max_connections = 0;  // per node; 0: no limit
  std::string addresses = "all";      // of a name: all | first
};

struct Health {
  bool enabled = true;
  std::string type = "http";  // http | tcp | tls | grpc
  std::string path = "/";
  std::string host;           // Host field; default: the backend's address
  std::string body;           // RE2: what the content of an HTTP answer must hold; empty: not looked at
  std::string service;        // of grpc: which one is asked for; empty: the server as a whole
  std::uint32_t jitter = 10;  // percent of the interval
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
  std::string protocol = "http/1.1";  // http/1.1 | h2 | auto
  std::string tls = "off";            // off | on
  bool tls_verify = true;
  std::string tls_ca;                  // PEM file; empty: the system's
  std::string tls_name;                // SNI and what the certificate must be for; empty: the backend's host name
  std::string tls_cert, tls_key;       // PEM files: what we show the backend
  std::string send_proxy = "off";      // off | v1 | v2
  std::uint32_t hedge_percentile = 0;  // of the time to a response head, after which another backend is asked; 0: off
  milliseconds hedge_after{0};         // or this time; with a percentile: at least this time
  std::uint32_t hedge_budget = 10;     // second requests, in percent of the requests
  std::uint32_t warm_connections = 0;  // kept open per worker and backend
  std::uint32_t max_pending = 0;       // connections to one backend that are being opened; 0: no limit
  std::string from_agents;             // members are the nodes that announce to serve this
  bool webmail = false;                // the built-in webmail is this pool's only backend
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
  milliseconds max_age{5'000};          // a node not heard for this long is gone
  std::vector<std::string> queue_dirs;  // whose files are announced as this host's mail queue
  std::vector<std::string> serves;      // "web:8080": pools with from_agents = "web" take this node for a backend
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
  bool before_queue = false;            // 250 only after the next hop's
};
struct SmtpMember {
  std::string address;            // "192.0.2.1:25", "host:25"
  std::string node;               // for load, as in [[pool.backend]]
  std::uint32_t preference = 10;  // as MX: lowest first
};
struct SmtpRelay {
  std::string name;
  std::vector<SmtpMember> members;
  std::string scheduler = "least_loaded";  // among members of one preference; also those of a pool
  std::vector<std::string> chain;          // candidacy functions for the scheduler "chain"
  std::uint32_t max_load = 0;      // percent: load average for each processor of a member's node; 0: not looked at
  std::uint32_t max_queue = 0;     // messages in a member's own queue; 0: not looked at
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
  std::uint32_t sender_messages_per_minute = 0;     // from one address or user
  std::uint32_t recipient_messages_per_minute = 0;  // to one address
  std::vector<std::string> greylist_memcached;      // servers that share what was seen
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
// [smtp.sieve]
struct SmtpSieve {
  bool enabled = true;
  std::string before;  // script that runs before everybody's own
  std::uint64_t max_script = 64ull << 10;
  std::uint32_t max_actions = 32;         // of one message
  std::uint32_t max_redirects = 4;        // of one message; 0: none is allowed
  milliseconds vacation_min{86'400'000};  // the shortest time between two answers to one sender
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
  SmtpSieve sieve;
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
  std::uint32_t max_connections_per_network = 0;  // /24, /64; 0: no limit
  std::uint32_t max_errors = 20;                  // bad commands before 421
  milliseconds command_timeout{300'000};
  milliseconds data_timeout{180'000};
  std::uint64_t min_free = 64ull << 20;  // bytes free on the spool's disk, else 452
  milliseconds retry_first{60'000};
  milliseconds retry_max{3'600'000};
  milliseconds expire{432'000'000};  // 5 days
  milliseconds delay_notice{14'400'000};
  // Mail yields to HTTP: how much of each is too much (0: not looked at), and what happens then.
  bool yield = true;
  std::uint32_t yield_load = 200;     // percent: load average for each processor
  std::uint32_t yield_busy = 97;      // percent of processor time
  std::uint32_t yield_requests = 0;   // HTTP requests in flight
  std::uint32_t yield_backends = 50;  // percent of the backends that are out of service or over-loaded
  milliseconds yield_lag{100};        // how late a worker comes to serve
  milliseconds yield_delay{1'000};    // of greetings and replies
  milliseconds yield_hold{10'000};    // until it ends
  // Who is on the other side of a connection to mail hosts found by DNS.
  bool dane = false, mta_sts = false;
  bool trust_dns = false;  // the name servers validate, and nobody is between
  std::uint16_t mta_sts_port = 443;
  std::string mta_sts_ca;
  bool tls_reports = false;  // state_dir/tls-reports
  bool tls_reports_send = false;
  std::string tls_report_contact;
  std::uint64_t mailbox_quota = 0;   // bytes of one mailbox; 0: none
  std::string over_quota = "defer";  // defer, reject
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
  Syslog syslog;
  Tls tls;
  Http http;
  std::vector<Listen> listens;
  std::vector<Certificate> certificates;
  Acme acme;
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
