// room: http
// A table of routes and requests from the same bytes: the index must find what asking row by row finds.
// Input: lines. "r KIND TEXT" adds to the last row (h host, p path, f prefix, e pattern, u agent, m method), "n" begins
// a row, "q HOST PATH AGENT" is a request.
#include <cstdint>
#include <cstdlib>

#include "base/pattern.hpp"
#include "base/text.hpp"
#include "http/router.hpp"
#include "net/loop.hpp"

using namespace genkan;

namespace {

constexpr std::size_t kMaxRows = 64, kMaxText = 60;

bool good_pattern(std::string_view text) {
  std::string why;
  return base::Pattern::compile(text, why).has_value();
}

void add(conf::Route& route, char kind, std::string text) {
  const bool one_path = route.path.empty() && route.path_prefix.empty() && route.path_pattern.empty();
  switch (kind) {
    case 'h':
      if (!text.starts_with('~') || good_pattern(text.substr(1))) route.hosts.push_back(text);
      break;
    case 'p':
      if (one_path) route.path = text;
      break;
    case 'f':
      if (one_path) route.path_prefix = text;
      break;
    case 'e':
      if (one_path && good_pattern(text)) route.path_pattern = text;
      break;
    case 'u':
      if (good_pattern(text)) route.user_agent = text;
      break;
    case 'm':
      route.methods.push_back(text);
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<conf::Route> routes(12);  // more than are asked one by one
  std::vector<std::vector<std::string_view>> requests;
  for (std::size_t i = 0; i < routes.size(); ++i) routes[i].path = "/never/" + std::to_string(i);
  routes.emplace_back();
  for (auto line : base::split(text, '\n')) {
    if (line == "n" && routes.size() < kMaxRows) routes.emplace_back();
    if (line.size() > 4 && line.starts_with("r ") && line.size() < kMaxText)
      add(routes.back(), line[2], std::string(line.substr(4)));
    if (line.starts_with("q ") && requests.size() < 32) requests.push_back(base::split(line.substr(2), ' '));
  }
  std::string why;
  const auto router = http::Router::make(routes, std::vector<std::shared_ptr<http::Handler>>(routes.size()), why);
  if (!router) return 0;
  net::Loop loop(1);
  for (const auto& parts : requests) {
    http::Request r(loop);
    const std::string host = base::to_lower(parts[0]);
    r.host = host;
    r.path = parts.size() > 1 ? parts[1] : "/";
    r.method_text = "GET";
    if (parts.size() > 2) r.fields.add("User-Agent", parts[2]);
    const int row = (*router)->match(r);
    if (row != (*router)->match_in_order(r)) std::abort();
    if (row >= 0 && (*router)->first_miss(row, r) != http::Condition::none) std::abort();
  }
  return 0;
}
