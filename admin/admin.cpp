#include "admin/admin.hpp"

#include "admin/page.hpp"
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "net/block.hpp"
#include "net/loop.hpp"

namespace genkan::admin {
namespace {

using http::FieldId;

constexpr std::size_t kMaxBody = 64 * 1024;
constexpr Duration kBeat = std::chrono::seconds(1);
constexpr std::string_view kCookie = "genkan_admin=";

http::Response json(http::Request& r, int status, std::string text) {
  http::Response response = r.reply(status, "application/json", std::move(text));
  response.head->fields.add(FieldId::cache_control, "no-store");
  return response;
}

http::Response json_error(http::Request& r, int status, std::string_view what) {
  return json(r, status, "{\"error\":" + base::json_quote(what) + "}\n");
}

// The value of one string member of a flat JSON object: all that a login needs.
std::string string_member(std::string_view text, std::string_view name) {
  const std::string key = base::json_quote(name);
  std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  at = text.find(':', at + key.size());
  if (at == std::string_view::npos) return {};
  at = text.find('"', at);
  if (at == std::string_view::npos) return {};
  const std::size_t end = text.find('"', at + 1);
  return end == std::string_view::npos ? std::string() : std::string(text.substr(at + 1, end - at - 1));
}

bool names_this_host(std::string_view host, std::string_view node) {
  if (host == "localhost" || host == base::to_lower(node)) return true;
  if (host.starts_with("[") && host.ends_with("]")) host = host.substr(1, host.size() - 2);
  return base::IpAddress::parse(host).has_value();
}

// One status event now, then one a second, until the client goes.
class Events final : public http::Body {
 public:
  Events(net::Loop& loop, std::function<std::string()> make) : loop_(loop), make_(std::move(make)) {}
  bool poll(Result<http::Chunk>& out) override {
    if (!first_) return false;
    first_ = false;
    out = next();
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override {
    co_await net::sleep_for(loop_, kBeat);
    co_return next();
  }
  std::optional<std::uint64_t> length() const override { return std::nullopt; }

 private:
  http::Chunk next() {
    text_ = "event: status\ndata: " + make_() + "\n\n";
    return {text_, false};
  }
  net::Loop& loop_;
  std::function<std::string()> make_;
  std::string text_;
  bool first_ = true;
};

net::Task<Result<std::string>> read_all(http::Body* body) {
  std::string text;
  Result<http::Chunk> chunk = http::Chunk{{}, body == nullptr};
  while (!chunk->last) {
    if (!body->poll(chunk)) chunk = co_await body->fetch();
    if (!chunk) co_return chunk.error();
    text.append(chunk->data);
    if (text.size() > kMaxBody) co_return Errc::too_large;
  }
  co_return text;
}

}  // namespace

Admin::Admin(base::Telemetry& telemetry, conf::Admin conf, std::string node)
    : telemetry_(telemetry),
      conf_(std::move(conf)),
      node_(std::move(node)),
      csrf_(base::random_token(24)),
      buffers_(telemetry.metrics.gauge(
          "genkan_buffers_bytes", "Bytes of buffers of all connections and requests: what http.max_memory limits")) {}

Admin::Access Admin::access(const http::Request& r, bool& by_bearer) const {
  by_bearer = false;
  if (conf_.token.empty()) return names_this_host(r.host, node_) ? Access::yes : Access::wrong_host;
  const auto authorization = r.fields.get(FieldId::authorization).value_or("");
  if (base::istarts_with(authorization, "bearer ")) {
    by_bearer = base::equal_constant_time(base::trim(authorization.substr(7)), conf_.token);
    if (by_bearer) return Access::yes;
  }
  // The cookie is a digest of the token: the token itself never lies in a browser.
  const std::string expected =
      base::hex({reinterpret_cast<const char*>(base::hmac_sha256(conf_.token, "cookie").data()), 32});
  bool known = false;
  const std::string cookies = r.fields.joined(FieldId::cookie);
  for (auto part : base::split(cookies, ';')) {
    part = base::trim(part);
    if (part.starts_with(kCookie)) known |= base::equal_constant_time(part.substr(kCookie.size()), expected);
  }
  return known ? Access::yes : Access::no_token;
}

std::string Admin::status_json() const {
  std::string why;
  const bool is_ready = telemetry_.status.ready(why);
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(WallClock::now() - started_).count();
  std::string out = "{\"version\":" + base::json_quote(base::kVersion) + ",\"node\":" + base::json_quote(node_) +
                    ",\"time\":" + base::json_quote(base::rfc3339(WallClock::now())) +
                    ",\"uptime_seconds\":" + std::to_string(uptime) + ",\"ready\":" + (is_ready ? "true" : "false") +
                    ",\"ready_why\":" + base::json_quote(why);
  for (const auto& name : telemetry_.status.section_names()) {
    if (const auto text = telemetry_.status.section(name)) out += "," + base::json_quote(name) + ":" + *text;
  }
  return out + "}";
}

http::Response Admin::page(http::Request& r) const {
  std::string text(page_text());
  for (std::string_view mark : {"{{csrf}}"}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.replace(at, mark.size(), csrf_);
  }
  http::Response response = r.reply(200, "text/html; charset=utf-8", std::move(text));
  http::Fields& fields = response.head->fields;
  fields.add(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("Referrer-Policy", "no-referrer");
  fields.add(FieldId::cache_control, "no-store");
  return response;
}

http::Response Admin::events(http::Request& r) const {
  http::Response response = r.reply(200);
  response.head->fields.add(FieldId::content_type, "text/event-stream");
  response.head->fields.add(FieldId::cache_control, "no-store");
  response.body.reset(new Events(r.loop, [this] { return status_json(); }));
  return response;
}

http::Response Admin::section(http::Request& r, std::string_view name) const {
  const auto text = telemetry_.status.section(name);
  if (!text) return json_error(r, 404, "there is no such section");
  return json(r, 200, *text + "\n");
}

http::Response Admin::ready(http::Request& r) const {
  std::string why;
  const bool is_ready = telemetry_.status.ready(why);
  return r.reply(is_ready ? 200 : 503, "text/plain; charset=utf-8", is_ready ? "ready\n" : "not ready: " + why + "\n");
}

net::Task<Result<http::Response>> Admin::handle(http::Request& r) {
  http::Response response;
  bool by_bearer = false;
  const bool reads = r.method == http::Method::get || r.method == http::Method::head;
  if (r.path == "/healthz") {
    response = r.reply(200, "text/plain; charset=utf-8", "alive\n");
  } else if (r.path == "/readyz") {
    response = ready(r);
  } else if (r.method == http::Method::post && r.path == "/api/v1/login") {
    auto posted = co_await post(r, true);
    co_return posted;
  } else if (const Access allowed = access(r, by_bearer); allowed == Access::wrong_host) {
    response = json_error(r, 421, "this listener answers to its address, localhost or the node's name only");
  } else if (allowed == Access::no_token && r.path != "/") {
    response = json_error(r, 401, "a token is needed");
    response.head->fields.add("WWW-Authenticate", "Bearer realm=\"genkan\"");
  } else if (r.method == http::Method::post) {
    auto posted = co_await post(r, by_bearer);
    co_return posted;
  } else if (!reads) {
    response = json_error(r, 405, "GET, HEAD and POST only");
    response.head->fields.add("Allow", "GET, HEAD, POST");
  } else if (r.path == "/") {
    response = page(r);
  } else if (r.path == "/api/v1/csrf") {  // for the command line; a page elsewhere can't read it (Host, no CORS)
    response = r.reply(200, "text/plain; charset=utf-8", csrf_ + "\n");
    response.head->fields.add(FieldId::cache_control, "no-store");
  } else if (r.path == "/metrics") {
    buffers_.add(static_cast<std::int64_t>(net::Buffers::in_use()) - buffers_.sum());
    response = r.reply(200, "text/plain; version=0.0.4; charset=utf-8", telemetry_.metrics.prometheus());
  } else if (r.path == "/api/v1/status") {
    response = json(r, 200, status_json() + "\n");
  } else if (r.path == "/api/v1/events") {
    response = events(r);
  } else if (r.path.starts_with("/api/v1/")) {
    response = section(r, r.path.substr(8));
  } else {
    response = json_error(r, 404, "nothing here");
  }
  co_return response;
}

net::Task<Result<http::Response>> Admin::post(http::Request& r, bool by_bearer) {
  http::Response response;
  const std::string path(r.path);
  if (path != "/api/v1/login" && !path.starts_with("/api/v1/actions/")) {
    response = json_error(r, 404, "nothing here");
    co_return response;
  }
  const bool same = base::equal_constant_time(r.fields.get("X-Genkan-CSRF").value_or(""), csrf_);
  if (!by_bearer && !same) {
    response = json_error(r, 403, "the page is from before a restart: reload it");
    co_return response;
  }
  auto text = co_await read_all(r.body);
  if (!text) co_return text.error();
  response = path == "/api/v1/login" ? login(r, *text) : act(r, path.substr(16), *text);
  co_return response;
}

http::Response Admin::act(http::Request& r, std::string_view name, std::string_view text) {
  std::string why;
  const auto done = telemetry_.status.act(name, text, why);
  telemetry_.log.notice("an operator's action",
                        {{"action", name}, {"client", r.client->text()}, {"ok", done.has_value()}, {"why", why}});
  if (done) return json(r, 200, *done + "\n");
  return json_error(r, done.error() == Errc::not_found ? 404 : 400, why.empty() ? done.error().message() : why);
}

http::Response Admin::login(http::Request& r, std::string_view text) {
  if (conf_.token.empty() || !base::equal_constant_time(string_member(text, "token"), conf_.token)) {
    telemetry_.log.warning("a wrong token at the status page", {{"client", r.client->text()}});
    return json_error(r, 401, "that is not the token");
  }
  const auto digest = base::hmac_sha256(conf_.token, "cookie");
  http::Response response = json(r, 200, "{\"ok\":true}\n");
  std::string cookie(kCookie);
  cookie += base::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  cookie += "; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800";
  response.head->fields.add(FieldId::set_cookie, cookie);
  return response;
}

}  // namespace genkan::admin
