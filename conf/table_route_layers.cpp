// Rows of [[route]] for what stands around its action, of [[limit]] and of [compression].
#include "conf/table_route.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

namespace {

Section fields_section(std::string_view help) {
  SectionOf<RouteFields> s(help);
  s.row("set", &RouteFields::set, list_of(text()),
        "Fields to set, in place of those of that name, as \"Name: text\" with placeholders; an empty text only "
        "removes.");
  s.row("add", &RouteFields::add, list_of(text()), "Fields to add to those that are there, likewise.");
  s.row("remove", &RouteFields::remove, list_of(text()), "Names of fields to remove.");
  return s.take();
}

Section basic_section() {
  SectionOf<RouteBasic> s("HTTP Basic authentication: name and password from a file.");
  s.row("file", &RouteBasic::file, unset(path(), "none"),
        "File of htpasswd: name:hash in each line, with bcrypt, SHA-crypt, yescrypt or Argon2 hashes.");
  s.row("realm", &RouteBasic::realm, text(), "What the browser shows with its question.");
  return s.take();
}

Section auth_section() {
  SectionOf<RouteAuth> s(
      "Another server is asked first: a GET with the request's fields, and X-Original-Method and X-Original-URI. Any "
      "2xx lets the request pass; 401 and 403, and redirects, are answered to the client; all else is 502.");
  s.row("pool", &RouteAuth::pool, example(unset(text(), "none"), "\"app\""), "The [[pool]] to ask.");
  s.row("path", &RouteAuth::path, text(), "Its path and query, with placeholders.");
  s.row("copy", &RouteAuth::copy, list_of(text()),
        "Fields of its answer that the backend gets; those that the client sent are removed, such as "
        "[\"X-User\"].");
  return s.take();
}

Section cors_section() {
  SectionOf<RouteCors> s("Which pages of other sites may use this route (CORS). Preflights are answered here.");
  s.row("origins", &RouteCors::origins, unset(list_of(text()), "none"),
        "Origins that may: \"https://app.example\", \"https://*.example.org\", or \"*\" for all.");
  s.row("methods", &RouteCors::methods, list_of(text()), "Methods that they may use.");
  s.row("headers", &RouteCors::headers, list_of(text()), "Request fields that they may set, beyond the simple ones.");
  s.row("expose", &RouteCors::expose, list_of(text()), "Response fields that they may read, beyond the simple ones.");
  s.row("credentials", &RouteCors::credentials, flag(), "Cookies and passwords may come along; not with \"*\".");
  s.row("max_age", &RouteCors::max_age, duration(0ms, 24h), "How long a browser may remember a preflight.");
  return s.take();
}

Section security_section() {
  SectionOf<RouteSecurity> s(
      "Fields that tell browsers to be careful, added where the answer does not have them: X-Content-Type-Options: "
      "nosniff, and those below.");
  s.row("enabled", &RouteSecurity::enabled, flag(), "Add these fields.");
  s.row("hsts", &RouteSecurity::hsts, duration(0ms, 24h * 365 * 2),
        "Over TLS: Strict-Transport-Security for this long; 0s: none.");
  s.row("content_security_policy", &RouteSecurity::content_security_policy, unset(text(), "none"),
        "Content-Security-Policy.");
  s.row("frame_options", &RouteSecurity::frame_options, text(), "X-Frame-Options; empty: none.");
  s.row("referrer_policy", &RouteSecurity::referrer_policy, text(), "Referrer-Policy; empty: none.");
  return s.take();
}

Section mirror_section() {
  SectionOf<RouteMirror> s(
      "A copy of requests goes to another pool, after the real one has been read; its answer is thrown away and "
      "nothing that happens to it is felt by the client.");
  s.row("pool", &RouteMirror::pool, example(unset(text(), "none"), "\"app\""), "The [[pool]] for the copies.");
  s.row("share", &RouteMirror::share, number(0, 100), "Per cent of the requests.");
  s.row("max_body", &RouteMirror::max_body, size(0, 16u << 20), "Requests with more content than this are not copied.");
  s.row("concurrent", &RouteMirror::concurrent, number(1, 10'000),
        "Copies under way at once in one worker; above it requests are not copied, and counted.");
  return s.take();
}

}  // namespace

void route_layers(SectionOf<Route>& s) {
  s.row("rewrite", &Route::rewrite, list_of(text()),
        "\"pattern -> text\": the path becomes the text, with {1} and so on for the groups of the pattern and other "
        "placeholders; the first pattern that is found in the path counts. Example: [\"^/old/(.*) -> /new/{1}\"].");
  s.row("rewrite_query", &Route::rewrite_query, unset(text(), "as the client sent it"),
        "The query becomes this, with placeholders, such as \"{query}&lang={header:Accept-Language}\".");
  s.one("request", &Route::request, fields_section("Header fields of the request, before it goes to the backend."));
  s.one("response", &Route::response, fields_section("Header fields of the response, before it goes to the client."));
  s.row("allow", &Route::allow, unset(list_of(cidr()), "everybody"), "Only clients from these networks; others: 403.");
  s.row(
      "allow_certificates", &Route::allow_certificates, unset(list_of(pattern()), "everybody"),
      "Only clients whose verified certificate has a subject in which one of these is found; others: 403. \".\" is any "
      "verified certificate.");
  s.row("deny", &Route::deny, list_of(cidr()), "Clients from these networks are answered 403, `allow` or not.");
  s.one("basic", &Route::basic, basic_section());
  s.one("auth", &Route::auth, auth_section());
  s.row("limits", &Route::limits, list_of(text()), "Names of [[limit]]s that hold here; those of [http] come first.");
  s.row("max_body", &Route::max_body, size(0),
        "Size of a request's body; a larger one is answered 413. 0: as [http] says, whose limit holds in any case.");
  s.row("max_response_body", &Route::max_response_body, size(0),
        "Size of a response's body: a larger one is answered 502, or cut off if its size was not known before. 0: no "
        "limit.");
  s.row("compress", &Route::compress, flag(), "Compress as [compression] says; false: never.");
  s.one("cors", &Route::cors, cors_section());
  s.one("security", &Route::security, security_section());
  s.row("error_pages", &Route::error_pages, list_of(text()),
        "Own pages for errors, as \"404: /path/of/a/file.html\" or \"5xx: /path\"; {status} in the file is replaced.");
  s.row("error_pages_for_backend", &Route::error_pages_for_backend, flag(),
        "Also replace errors that a backend answered; else only Genkan's own.");
  s.row("maintenance", &Route::maintenance, flag(), "Answer 503 with Retry-After instead of the action.");
  s.row("maintenance_except", &Route::maintenance_except, list_of(cidr()),
        "With `maintenance`: clients from these networks are served as always.");
  s.one("mirror", &Route::mirror, mirror_section());
}

Section limit_section() {
  SectionOf<Limit> s(
      "How often clients may come: a token bucket for each value of a key, shared by all workers. A route names it in "
      "`limits`. What is over it is answered 429 with Retry-After.");
  s.row("name", &Limit::name, required(text(), "\"visitors\""), "Name that routes call it by.");
  s.row("key", &Limit::key, text(),
        "Who shares a bucket: \"{network}\" (the client's /24 of IPv4 or /64 of IPv6), \"{client}\" (one address), "
        "\"{header:X-Api-Key}\", \"{cookie:session}\", or any text of placeholders. Requests for which it is empty are "
        "not limited.");
  s.row("rate", &Limit::rate, example(unset(text(), "no limit"), "\"10/s\""),
        "Requests on average: \"10/s\", \"600/m\", \"5000/h\".");
  s.row("burst", &Limit::burst, number(0, 1'000'000),
        "Requests at once before the rate holds. 0: as many as come in a second.");
  s.row("concurrent", &Limit::concurrent, number(0, 1'000'000), "Requests in work at once; 0: no limit.");
  s.row("max_keys", &Limit::max_keys, number(16, 10'000'000),
        "Buckets that are kept; the one used longest ago is forgotten first. About 150 bytes each.");
  return s.take();
}

Section compression_section() {
  SectionOf<Compression> s(
      "Compression of responses on their way to the client, where the client accepts it and the backend did not do "
      "it.");
  s.row("enabled", &Compression::enabled, flag(), "Compress, on every route that does not say `compress = false`.");
  s.row("encodings", &Compression::encodings, list_of(words({"br", "zstd", "gzip"})),
        "What to use; the first one wins where the client has no preference.");
  s.row("min_size", &Compression::min_size, size(0), "Smaller responses are left alone.");
  s.row("types", &Compression::types, list_of(text()), "Media types to compress; * stands for any text.");
  s.row("level", &Compression::level, number(1, 9), "Effort: 1 is fastest, 9 smallest.");
  s.row("secrets", &Compression::secrets, flag(),
        "Also compress what may hold a secret next to a text of the visitor's (BREACH): responses with Set-Cookie or "
        "Cache-Control: private, and text, HTML, JSON and XML for requests with Authorization or Cookie unless "
        "Cache-Control: public.");
  return s.take();
}

}  // namespace genkan::conf
