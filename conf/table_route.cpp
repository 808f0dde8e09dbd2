// Rows of [[route]]: conditions and actions. What stands around an action is in table_route_layers.cpp.
#include "conf/table_route.hpp"
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

namespace {

void conditions(SectionOf<Route>& s) {
  s.row("hosts", &Route::hosts, unset(list_of(text()), "any host"),
        "Condition: the request's host. \"example.org\" is exact, \"*.example.org\" any name below it, "
        "\"~^www[0-9]+\\\\.\" a regular expression.");
  s.row("path", &Route::path, unset(text(), "any path"), "Condition: the path is exactly this.");
  s.row("path_prefix", &Route::path_prefix, unset(text(), "any path"),
        "Condition: the path begins with this, such as \"/app/\".");
  s.row("path_pattern", &Route::path_pattern, unset(pattern(), "any path"),
        "Condition: this regular expression is found in the path, such as \"\\\\.(png|jpg)$\".");
  s.row("methods", &Route::methods, unset(list_of(text()), "any method"),
        "Condition: the method is one of these, such as [\"GET\", \"HEAD\"].");
  s.row("user_agent", &Route::user_agent, unset(pattern(true), "any browser"),
        "Condition: this regular expression is found in the User-Agent field, such as \"iphone|android\".");
  s.row("agents", &Route::agents, unset(list_of(words({"browser", "bot", "mobile"})), "any client"),
        "Condition: the User-Agent field is one of these kinds: a person's browser, a program (crawlers, scripts, "
        "monitors, or no field at all), a phone's or tablet's browser.");
  s.row("headers", &Route::headers, unset(list_of(text()), "any fields"),
        "Conditions on header fields, as \"Name: pattern\"; all must hold. Example: [\"X-Beta: ^yes$\"].");
  s.row("cookies", &Route::cookies, unset(list_of(text()), "any cookies"),
        "Conditions on cookies, as \"name: pattern\"; all must hold. Example: [\"beta: ^1$\"].");
  s.row("args", &Route::args, unset(list_of(text()), "any query"),
        "Conditions on arguments of the query, as \"name: pattern\" of the decoded value; all must hold. Example: "
        "[\"version: ^2$\"].");
  s.row("from", &Route::from, unset(list_of(cidr()), "any client"),
        "Condition: the client's address lies in one of these networks.");
  s.row("scheme", &Route::scheme, unset(words({"http", "https"}), "both"), "Condition: how the client came.");
  s.row("tls_versions", &Route::tls_versions, unset(list_of(words({"1.2", "1.3"})), "any, or no TLS"),
        "Condition: the TLS version of the connection is one of these.");
  s.row("server_names", &Route::server_names, unset(list_of(text()), "any, or no TLS"),
        "Condition: the name that the client asked for in TLS (SNI): exact, or \"*.example.org\".");
  s.row("client_certificate", &Route::client_certificate, unset(pattern(), "any client"),
        "Condition: this regular expression is found in the subject of the client's certificate, such as "
        "\"CN=backup,\". Without a certificate that was checked it does not hold.");
  s.row("times", &Route::times, unset(list_of(text()), "at all times"),
        "Condition: the host's local time lies in one of these: \"Mon-Fri 08:00-18:00\", \"Sat,Sun\", "
        "\"22:00-06:00\".");
}

void actions(SectionOf<Route>& s) {
  s.row("pool", &Route::pool, example(unset(text(), "none"), "\"app\""), "Action: send the request to this [[pool]].");
  s.row("redirect", &Route::redirect, unset(text(), "none"),
        "Action: redirect to this URL, with placeholders: \"https://{host}{target}\" ({target} is path with query).");
  s.row(
      "status", &Route::status, number(0, 599),
      "Action: answer with this status and `body`; with `redirect`, the redirect's status. 0: no fixed answer, and 302 "
      "for a redirect.");
  s.row("body", &Route::body, text(), "With `status`: the answer's content.");
  s.row("root", &Route::root, unset(path(), "none"),
        "Action: answer with the files below this folder; `path_prefix` is taken off first.");
  s.row("index", &Route::index, list_of(text()),
        "With `root`: the files that answer for a folder, the first there is.");
  s.row("try_files", &Route::try_files, unset(list_of(text()), "[\"{path}\"]"),
        "With `root`: what to look for instead of the path, in this order, with placeholders: [\"{path}\", "
        "\"/index.html\"] for a page that does its own routing.");
  s.row("cache", &Route::cache, flag(), "With `pool`: keep and reuse responses where HTTP allows it.");
  s.row("host_to_backend", &Route::host_to_backend, unset(text(), "as the client sent it"),
        "With `pool`: Host field that the backend gets.");
  s.row("split_by", &Route::split_by, text(),
        "With [[route.split]]: \"random\", or what the same visitor keeps: \"client\" (address), \"cookie:NAME\", "
        "\"header:NAME\".");
}

Section split_section() {
  SectionOf<RouteSplit> s(
      "With `pool`: a share of the route's requests for another pool (canary). The rest goes to the route's own pool.");
  s.row("pool", &RouteSplit::pool, required(text(), "\"app\""), "The other [[pool]].");
  s.row("weight", &RouteSplit::weight, number(0, 100), "Its share in per cent.");
  s.row("header", &RouteSplit::header, unset(text(), "none"),
        "\"Name: pattern\": requests with such a field go there in any case.");
  s.row("cookie", &RouteSplit::cookie, unset(text(), "none"),
        "\"name: pattern\": requests with such a cookie go there in any case.");
  return s.take();
}

}  // namespace

Section route_section() {
  SectionOf<Route> s(
      "Which requests go where. The first route whose conditions all hold decides; a route without conditions takes "
      "everything. Each has exactly one action: `pool`, `redirect`, `root`, or `status` alone. Without a match the "
      "answer is 404. `genkan explain URL` says which route takes a request, and why the others do not.");
  s.row("name", &Route::name, unset(text(), "its place in the file"), "Name for the log and the status page.");
  conditions(s);
  actions(s);
  s.many("split", &Route::splits, split_section());
  route_layers(s);
  return s.take();
}

Section cache_section() {
  SectionOf<Cache> s("The cache that routes with `cache = true` share.");
  s.row("memory", &Cache::memory, size(0), "Memory for kept responses, all workers together; 0 keeps nothing.");
  s.row("max_object", &Cache::max_object, size(0), "The largest response body that is kept.");
  s.row("purge_from", &Cache::purge_from, unset(list_of(cidr()), "this host (loopback)"),
        "Clients that may remove a response with the PURGE method, such as [\"192.0.2.0/24\"].");
  return s.take();
}

}  // namespace genkan::conf
