// [[route]] and [[limit]] as structs: which requests a row takes, what it does with them, and what stands around that.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace genkan::conf {

using std::chrono::milliseconds;

// [[limit]]: how often and how many at once, for each value of a key. Routes name it.
struct Limit {
  std::string name;
  std::string key = "{network}";    // placeholders; what has the same text shares a bucket
  std::string rate;                 // "10/s", "600/m"; empty: no limit of the rate
  std::uint32_t burst = 0;          // at once above the rate; 0: as many as come in a second, at least 1
  std::uint32_t concurrent = 0;     // requests in work at once; 0: no limit
  std::uint32_t max_keys = 65'536;  // buckets kept; the one used longest ago is forgotten first
};

// [route.request] and [route.response]: header fields, "Name: text with {placeholders}"
struct RouteFields {
  std::vector<std::string> set, add, remove;
};

// [[route.split]]: shares of a route's requests for other pools
struct RouteSplit {
  std::string pool;
  std::uint32_t weight = 0;  // per cent of the requests
  std::string header;        // "Name: pattern": who matches goes there, whatever the weight
  std::string cookie;        // "name: pattern"
};

// [route.mirror]: a copy of requests for another pool, whose answers nobody sees
struct RouteMirror {
  std::string pool;
  std::uint32_t share = 100;           // per cent
  std::uint64_t max_body = 64 * 1024;  // requests with more content are not mirrored
  std::uint32_t concurrent = 32;       // copies under way at once, per worker
};

// [route.basic]
struct RouteBasic {
  std::string file;  // htpasswd; empty: off
  std::string realm = "Restricted";
};

// [route.auth]: another server decides
struct RouteAuth {
  std::string pool;  // empty: off
  std::string path = "/";
  std::vector<std::string> copy;  // fields of its answer that go to the backend
};

// [route.cors]
struct RouteCors {
  std::vector<std::string> origins;  // "https://app.example", "https://*.example.org", "*"; empty: off
  std::vector<std::string> methods{"GET", "HEAD", "POST"};
  std::vector<std::string> headers, expose;
  bool credentials = false;
  milliseconds max_age{600'000};
};

// [route.security]: fields that tell browsers to be careful, where the answer does not say so itself
struct RouteSecurity {
  bool enabled = false;
  milliseconds hsts{0};  // Strict-Transport-Security over TLS; 0: none
  std::string content_security_policy;
  std::string frame_options = "SAMEORIGIN";
  std::string referrer_policy = "strict-origin-when-cross-origin";
};

// [[route]]: first match wins
struct Route {
  std::string name;
  // --- conditions
  std::vector<std::string> hosts;  // exact, "*.example.org", or "~pattern"
  std::string path;                // exact
  std::string path_prefix;         // "/app/"
  std::string path_pattern;        // RE2
  std::vector<std::string> methods;
  std::string user_agent;                  // RE2, case-insensitive
  std::vector<std::string> agents;         // browser | bot | mobile
  std::vector<std::string> headers;        // "Name: pattern" all must match
  std::vector<std::string> cookies, args;  // likewise
  std::vector<base::Cidr> from;
  std::string scheme;                     // http | https
  std::vector<std::string> tls_versions;  // "1.2", "1.3"
  std::vector<std::string> server_names;  // SNI: exact or "*.example.org"
  std::string client_certificate;         // RE2 on the subject
  std::vector<std::string> times;         // "Mon-Fri 08:00-18:00", local time
  // --- one action
  std::string pool;
  std::string redirect;      // "https://{host}{target}"
  std::uint32_t status = 0;  // fixed answer, or the redirect's code
  std::string body;
  std::string root;  // static files below this folder
  std::vector<std::string> index{"index.html"}, try_files;
  bool cache = false;           // with pool: answer from the cache what may be kept
  std::string host_to_backend;  // Host sent to the backend; empty: as the client sent it
  std::vector<RouteSplit> splits;
  std::string split_by = "random";  // random | client | header:NAME | cookie:NAME
  // --- what stands around it
  std::vector<std::string> rewrite;  // "pattern -> text": of the path, the first that matches
  std::string rewrite_query;         // the new query
  RouteFields request, response;
  std::vector<base::Cidr> allow, deny;
  std::vector<std::string> allow_certificates;  // RE2 on the subject: only clients with such a certificate
  RouteBasic basic;
  RouteAuth auth;
  std::vector<std::string> limits;
  std::uint64_t max_body = 0, max_response_body = 0;  // bytes; 0: as [http] says; no limit
  bool compress = true;                               // as [compression] says; false: never
  RouteCors cors;
  RouteSecurity security;
  std::vector<std::string> error_pages;  // "404: /path/404.html", "5xx: /path/sorry.html"
  bool error_pages_for_backend = false;  // also for errors that a backend answered
  bool maintenance = false;
  std::vector<base::Cidr> maintenance_except;
  RouteMirror mirror;
  // Where the row stands, for messages. Not a directive.
  std::string where;
};

}  // namespace genkan::conf
