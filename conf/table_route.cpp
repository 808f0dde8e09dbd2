// Rows of [[route]] and [cache].
#include "conf/table.hpp"

namespace genkan::conf {

using namespace std::chrono_literals;

Section route_section() {
  SectionOf<Route> s(
      "Which requests go where. The first route whose conditions all hold decides; a route without conditions takes "
      "everything. Each has exactly one action: `pool`, `redirect`, `root`, or `status` alone. Without a match the "
      "answer is 404.");
  s.row("name", &Route::name, unset(text(), "its place in the file"), "Name for the log and the status page.");
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
  s.row("headers", &Route::headers, unset(list_of(text()), "any fields"),
        "Conditions on header fields, as \"Name: pattern\"; all must hold. Example: [\"X-Beta: ^yes$\"].");
  s.row("pool", &Route::pool, example(unset(text(), "none"), "\"app\""), "Action: send the request to this [[pool]].");
  s.row("redirect", &Route::redirect, unset(text(), "none"),
        "Action: redirect to this URL. {scheme}, {host}, {path}, {query} and {target} (path with query) come from the "
        "request: "
        "\"https://{host}{target}\".");
  s.row(
      "status", &Route::status, number(0, 599),
      "Action: answer with this status code (200 to 599) and `body`. With `redirect`: its code (301, 302, 303, 307 or "
      "308; 0 means 302).");
  s.row("body", &Route::body, text(), "Text of a fixed answer. It is HTML when it begins with \"<\".");
  s.row("root", &Route::root, unset(path(), "none"),
        "Action: serve the files below this folder. `path_prefix` is cut off before the file is looked for.");
  s.row("cache", &Route::cache, flag(), "With `pool`: keep and reuse responses where HTTP allows it.");
  s.row("host_to_backend", &Route::host_to_backend, unset(text(), "as the client sent it"),
        "With `pool`: Host field that the backend gets.");
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
