// `genkan explain URL`: which route takes a request, and why those before it do not. Nothing is sent and nobody need
// run.
#include <sysexits.h>

#include <cstdio>
#include <ctime>
#include <optional>

#include "app/commands.hpp"
#include "base/pattern.hpp"
#include "base/text.hpp"
#include "conf/reader.hpp"
#include "http/router.hpp"
#include "http/target.hpp"
#include "net/loop.hpp"
#include "net/tls_stream.hpp"

namespace genkan::app {
namespace {

// The TLS facts that were asked for on the command line.
class AssumedTls final : public net::TlsStream {
 public:
  std::string name, tls_version;
  std::optional<net::PeerCertificate> certificate;
  ssize_t read(net::Socket&, char*, std::size_t, net::TlsWant&, Error&) noexcept override { return 0; }
  ssize_t write(net::Socket&, const char*, std::size_t, net::TlsWant&, Error&) noexcept override { return -1; }
  bool handshake(net::Socket&, net::TlsWant&, Error&) noexcept override { return true; }
  void close_notify(net::Socket&) noexcept override {}
  bool pending() const noexcept override { return false; }
  std::string_view server_name() const noexcept override { return name; }
  std::string_view alpn() const noexcept override { return {}; }
  std::string_view version() const noexcept override { return tls_version; }
  std::string_view cipher() const noexcept override { return {}; }
  const net::PeerCertificate* peer() const noexcept override { return certificate ? &*certificate : nullptr; }
};

int usage(const std::string& what) {
  std::fprintf(stderr, "genkan: %s\n", what.c_str());
  return EX_USAGE;
}

// "2026-03-29 22:15" in this host's zone.
std::optional<WallTime> local_time(const std::string& text) {
  std::tm fields{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d %H:%M", &fields);
  if (!end || *end != '\0') return std::nullopt;
  fields.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&fields);
  if (seconds == -1) return std::nullopt;
  return WallClock::from_time_t(seconds);
}

void print_action(const conf::Route& route) {
  if (!route.redirect.empty()) {
    std::printf("  redirect = %s\n", route.redirect.c_str());
  } else if (!route.root.empty()) {
    std::printf("  root = %s\n", route.root.c_str());
  } else if (!route.pool.empty()) {
    std::printf("  pool = %s\n", route.pool.c_str());
  } else {
    std::printf("  status = %u\n", route.status);
  }
}

// What else stands in the way of a client with this certificate, or without one.
void print_access(const conf::Route& route, const http::Request& r) {
  if (route.allow_certificates.empty()) return;
  const std::string subject(r.tls ? r.tls->peer_subject() : std::string_view());
  for (const auto& text : route.allow_certificates) {
    std::string why;
    const auto pattern = base::Pattern::compile(text, why);
    if (!pattern || subject.empty() || !pattern->matches(subject)) continue;
    std::printf("  allow_certificates: %s is found in %s\n", text.c_str(), subject.c_str());
    return;
  }
  std::printf("  403: allow_certificates: none of them is found in the client's certificate, which is %s\n",
              subject.empty() ? "none" : subject.c_str());
}

// What a session would make of it. The views are of `o` and the stores.
struct Asked {
  net::Loop loop{1};
  http::Request request{loop};
  base::Endpoint client;
  AssumedTls tls;
  std::string host, path, client_text;
};

// 0, or an exit code.
int fill(Asked& a, const ExplainOptions& o, const conf::Conf& conf) {
  http::Request& r = a.request;
  const auto target = http::split_target(o.url);
  if (!target || target->form != http::TargetForm::absolute) {
    return usage("\"" + o.url + "\" is not a URL such as https://example.org/path");
  }
  const auto authority = http::parse_authority(target->authority);
  const auto path = http::normalise_path(target->path, a.path, conf.http.merge_slashes);
  if (!authority) return usage("the URL has no good host");
  if (!path) {
    std::printf("400: this path is refused before any route sees it\n");
    return EX_DATAERR;
  }
  const auto ip = base::IpAddress::parse(o.from);
  if (!ip) return usage("\"" + o.from + "\" is not an address");
  a.client = {*ip, 0, {}};
  a.client_text = ip->text();
  a.host = base::to_lower(authority->host);
  r.scheme = base::iequals(target->scheme, "https") ? "https" : "http";
  r.authority = target->authority;
  r.host = a.host;
  r.path = *path;
  r.query = target->query;
  r.has_query = target->has_query;
  r.method_text = o.method;
  r.method = http::method_of(o.method);
  r.client = &a.client;
  r.client_text = a.client_text;
  const std::optional<WallTime> at = o.at.empty() ? WallClock::now() : local_time(o.at);
  if (!at) return usage("\"" + o.at + "\" is not a time such as \"2026-03-29 22:15\"");
  r.started_wall = *at;
  if (r.scheme == "https") {
    a.tls.name = o.server_name.empty() ? a.host : base::to_lower(o.server_name);
    a.tls.tls_version = "TLSv" + o.tls_version;
    if (!o.certificate.empty()) a.tls.certificate.emplace().subject = o.certificate;
    r.tls = &a.tls;
  }
  r.fields.add(http::FieldId::host, target->authority);
  for (const auto& header : o.headers) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos) return usage("\"" + header + "\" is not \"Name: value\"");
    r.fields.add(base::trim(header.substr(0, colon)), base::trim(std::string_view(header).substr(colon + 1)));
  }
  return EX_OK;
}

}  // namespace

int command_explain(const std::string& file, const ExplainOptions& options) {
  auto read = conf::read_file(file);
  for (const auto& problem : read.problems) {
    if (!problem.warning) std::fprintf(stderr, "%s\n", problem.text().c_str());
  }
  if (!read.conf) return EX_CONFIG;
  const auto& routes = read.conf->routes;
  Asked asked;
  if (const int status = fill(asked, options, *read.conf); status != EX_OK) return status;
  std::string why;
  const auto router = http::Router::make(routes, std::vector<std::shared_ptr<http::Handler>>(routes.size()), why);
  if (!router) {
    std::fprintf(stderr, "genkan: %s\n", why.c_str());
    return EX_CONFIG;
  }
  const http::Request& r = asked.request;
  std::printf("%s %s://%s%s%s%s\n", options.method.c_str(), std::string(r.scheme).c_str(), asked.host.c_str(),
              std::string(r.path).c_str(), r.has_query ? "?" : "", std::string(r.query).c_str());
  const int found = (*router)->match(r);
  for (int i = 0; i < (found < 0 ? static_cast<int>(routes.size()) : found); ++i) {
    const auto& route = routes[static_cast<std::size_t>(i)];
    const auto missed = (*router)->first_miss(i, r);
    std::printf("no   %s: %s\n", route.name.c_str(), http::explain_miss(missed, route, r).c_str());
  }
  if (found < 0) {
    std::printf("404: no route takes it\n");
    return EX_NOHOST;
  }
  const auto& route = routes[static_cast<std::size_t>(found)];
  std::printf("yes  %s", route.name.c_str());
  if (route.where != route.name) std::printf(" (%s)", route.where.c_str());
  std::printf(": %s\n", http::explain_miss(http::Condition::none, route, r).c_str());
  print_action(route);
  print_access(route, r);
  return EX_OK;
}

}  // namespace genkan::app
