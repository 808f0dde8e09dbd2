// A request and its answer as plain values, so that the whole service can be tried without sockets: a worker copies
// what matters out of an http::Request, a pool thread makes an Answer, the worker sends it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"

namespace genkan::webmail {

struct Ask {
  bool post = false;
  std::string path;   // normalised
  std::string query;  // without '?'
  std::string base;   // "https://host", for absolute addresses
  std::string cookie, authorization, content_type, requested_with, fetch_site, if_none_match, last_event_id;
  base::IpAddress client;
  std::string body;
};

struct Answer {
  int status = 200;
  std::string type;  // empty: no content
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

// A problem+json answer (RFC 7807).
Answer problem(int status, std::string_view detail);

// "a=1&b=%E3%81%82": the decoded value of one parameter, or empty.
std::string query_value(std::string_view query, std::string_view name);
std::string percent_decode(std::string_view text);

// The value of a cookie (RFC 6265 4.2), or empty.
std::string_view cookie_value(std::string_view cookies, std::string_view name);
std::string set_cookie(std::string_view name, std::string_view value, bool secure, std::int64_t max_age);

// Empty: this POST may be served. Else why not: it may come from another site's page.
std::string_view cross_site(const Ask& ask, bool by_cookie);
bool is_json(std::string_view content_type);

// RFC 6266 with RFC 8187: attachment; filename*=UTF-8''...
std::string content_disposition(std::string_view kind, std::string_view name);

}  // namespace genkan::webmail
