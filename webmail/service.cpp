#include "webmail/service.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "webmail/body_page.hpp"
#include "webmail/mime/builder.hpp"

namespace genkan::webmail {

namespace {

constexpr int kMaxStreams = 8;
constexpr std::array kInlineTypes = {"image/png",  "image/jpeg",      "image/gif",
                                     "image/webp", "application/pdf", "text/plain"};

bool shown_inline(std::string_view type) {
  return std::find(kInlineTypes.begin(), kInlineTypes.end(), type) != kInlineTypes.end();
}

jmap::Limits limits_of(const conf::Webmail& conf) {
  jmap::Limits limits;
  limits.max_size_upload = limits.max_attachments = conf.max_upload;
  return limits;
}

// The pieces of a path after a prefix, percent-decoded.
std::vector<std::string> pieces(std::string_view path, std::string_view prefix) {
  std::vector<std::string> out;
  for (const auto piece : base::split(path.substr(prefix.size()), '/')) out.push_back(percent_decode(piece));
  return out;
}

}  // namespace

Service::Service(Options options, Users& users, base::Telemetry& telemetry)
    : options_(std::move(options)),
      users_(users),
      telemetry_(telemetry),
      limits_(limits_of(options_.conf)),
      accounts_(options_.state_dir, telemetry),
      uploads_(options_.state_dir + "/webmail/uploads"),
      logins_(telemetry.metrics.counter("genkan_webmail_logins_total", "Logins to the webmail", {{"result", "ok"}})),
      failures_(
          telemetry.metrics.counter("genkan_webmail_logins_total", "Logins to the webmail", {{"result", "failed"}})),
      requests_(telemetry.metrics.counter("genkan_webmail_jmap_requests_total", "JMAP requests")),
      secret_(base::random_token(32)) {}

Accounts::Share Service::take(const User& user, Accounts::Use use) {
  const int limit = use == Accounts::Use::stream   ? kMaxStreams
                    : use == Accounts::Use::upload ? static_cast<int>(limits_.max_concurrent_upload)
                                                   : static_cast<int>(limits_.max_concurrent_requests);
  return accounts_.take(user, use, limit);
}

Answer Service::serve(const Ask& ask, const Identity& who, std::int64_t now) {
  const std::string_view path = ask.path;
  struct Route {
    std::string_view path;
    bool post;
  };
  const auto is = [&](std::string_view wanted, bool post) { return path == wanted && ask.post == post; };
  if (is("/webmail/auth/logout", true)) {
    return is_json(ask.content_type) ? logout(who) : problem(415, "Content-Type must be application/json");
  }
  if (is("/webmail/auth/me", false)) return me(who);
  if (is("/webmail/jmap/session", false)) return session(ask, who);
  if (is("/webmail/jmap/api", true)) return api(ask, who, now);
  if (path.starts_with("/webmail/jmap/upload/") && ask.post) return upload(ask, who, now);
  if (path.starts_with("/webmail/jmap/download/") && !ask.post) return download(ask, who);
  if (path.starts_with("/webmail/body/") && !ask.post) return body(ask, who);
  for (const auto& known : {Route{"/webmail/auth/logout", true}, Route{"/webmail/auth/me", false},
                            Route{"/webmail/jmap/session", false}, Route{"/webmail/jmap/api", true}}) {
    if (known.path != path) continue;
    auto answer = problem(405, "another method is needed");
    answer.fields.emplace_back("Allow", known.post ? "POST" : "GET, HEAD");
    return answer;
  }
  return problem(404, "nothing here");
}

Answer Service::session(const Ask& ask, const Identity& who) {
  return {200, "application/json", jmap::session_json(who.user, limits_, ask.base), {}};
}

Answer Service::unreadable(const User& user, const Error& error) {
  telemetry_.log.error("a mailbox can't be opened", {{"user", user.address}, {"error", error.message()}});
  return problem(503, "the mailbox can't be opened: " + error.message());
}

Answer Service::api(const Ask& ask, const Identity& who, std::int64_t now) {
  if (!is_json(ask.content_type)) return problem(415, "Content-Type must be application/json");
  requests_.add();
  auto lease = accounts_.lease(who.user);
  if (!lease) return unreadable(who.user, lease.error());
  jmap::Context context{who.user, lease->store(), uploads_, options_.submit, limits_, now};
  auto reply = jmap::process(context, ask.body);
  return {reply.status, std::move(reply.type), std::move(reply.body), {}};
}

Answer Service::upload(const Ask& ask, const Identity& who, std::int64_t now) {
  const auto parts = pieces(ask.path, "/webmail/jmap/upload/");
  if (parts.empty() || parts[0] != who.user.account_id || parts.size() > 2) return problem(404, "no such account");
  if (ask.body.size() > limits_.max_size_upload) return problem(413, "the upload is too large");
  uploads_.expire(who.user.account_id, now);
  auto id = uploads_.put(who.user.account_id, ask.body);
  if (!id && id.error() == Errc::exhausted) return problem(507, "there is no room for more uploads");
  if (!id) return problem(503, "the upload can't be stored: " + id.error().message());
  auto type = base::to_lower(base::trim(std::string_view(ask.content_type).substr(0, ask.content_type.find(';'))));
  if (!mime::valid_media_type(type)) type = "application/octet-stream";
  return {201,
          "application/json",
          "{\"accountId\":" + base::json_quote(who.user.account_id) + ",\"blobId\":" + base::json_quote(*id) +
              ",\"type\":" + base::json_quote(type) + ",\"size\":" + std::to_string(ask.body.size()) + "}",
          {}};
}

Answer Service::download(const Ask& ask, const Identity& who) {
  const auto parts = pieces(ask.path, "/webmail/jmap/download/");
  if (parts.size() != 3 || parts[0] != who.user.account_id) return problem(404, "no such blob");
  auto lease = accounts_.lease(who.user);
  if (!lease) return unreadable(who.user, lease.error());
  auto blob = read_blob(lease->store(), uploads_, who.user.account_id, parts[1]);
  if (!blob && blob.error() == Errc::not_found) return problem(404, "no such blob");
  if (!blob) return unreadable(who.user, blob.error());
  const auto wanted = base::to_lower(query_value(ask.query, "type"));
  const bool harmless = shown_inline(wanted);
  const bool inside = harmless && query_value(ask.query, "inline") == "1";
  Answer answer{200, "application/octet-stream", std::move(blob->bytes), {}};
  if (harmless) answer.type = wanted == "text/plain" ? "text/plain; charset=utf-8" : wanted;
  if (wanted == "message/rfc822") answer.type = wanted;
  answer.fields = {{"Content-Disposition", content_disposition(inside ? "inline" : "attachment", parts[2])},
                   {"Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"},
                   {"Cache-Control", "private, immutable, max-age=31536000"}};
  return answer;
}

Answer Service::body(const Ask& ask, const Identity& who) {
  const auto id = std::string_view(ask.path).substr(std::string_view("/webmail/body/").size());
  auto lease = accounts_.lease(who.user);
  if (!lease) return unreadable(who.user, lease.error());
  auto email = lease->store().email(id);
  if (!email && email.error() == Errc::not_found) return problem(404, "no such mail");
  if (!email) return unreadable(who.user, email.error());
  auto message = lease->store().bytes(*email);
  if (!message) return unreadable(who.user, message.error());
  return body_page(*message, query_value(ask.query, "images") == "1");
}

std::optional<std::string> Service::states(const Identity& who, std::string_view types, std::int64_t now) {
  // Looking does not keep the session alive.
  if (who.by_cookie() ? !users_.session(who.token, now, 0) : !users_.find(who.user.address)) return {};
  auto lease = accounts_.lease(who.user);
  if (!lease) return {};
  return jmap::state_change_json(who.user, lease->store(), types);
}

}  // namespace genkan::webmail
