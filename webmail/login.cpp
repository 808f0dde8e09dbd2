// The part of the service that finds out who asks.
#include <boost/json.hpp>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "webmail/mime/header.hpp"
#include "webmail/service.hpp"

namespace genkan::webmail {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 320, kMaxPassword = 1024;
constexpr std::int64_t kBasicFor = 60;  // seconds that a verified Basic password is believed
constexpr std::size_t kMaxVerified = 1000;

// An IPv6 host has a whole /64: it counts as one.
std::string network_of(const base::IpAddress& ip) {
  if (ip.is_v4()) return ip.text();
  auto cut = ip;
  for (std::size_t i = 8; i < cut.bytes.size(); ++i) cut.bytes[i] = 0;
  return cut.text();
}

Answer too_many(std::int64_t wait) {
  auto answer = problem(429, "too many failed logins: try again later");
  answer.fields.emplace_back("Retry-After", std::to_string(wait));
  return answer;
}

std::string member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

json::object me_json(const User& user, std::int64_t expires) {
  json::object out{{"username", user.address}, {"name", user.name}, {"accountId", user.account_id}};
  if (expires > 0) out["expires"] = mime::rfc3339_utc(expires);
  return out;
}

}  // namespace

std::string Service::full_name(std::string_view name) const {
  auto full = base::to_lower(base::trim(name));
  if (full.find('@') == std::string::npos && !options_.conf.domains.empty())
    full += "@" + options_.conf.domains.front();
  return full;
}

// Name and password are right, or `refusal` says what to answer. Throttled.
std::optional<User> Service::check(const std::string& name, std::string_view password, const Ask& ask, std::int64_t now,
                                   Answer& refusal) {
  const auto network = network_of(ask.client);
  const auto key = name.substr(0, kMaxName);
  {
    const std::lock_guard lock(mutex_);
    const auto wait = throttle_.wait(key, network, now);
    // Counted before the password is looked at, so that guesses sent side by side count as well.
    if (wait > 0) {
      refusal = too_many(wait);
      return {};
    }
    throttle_.failed(key, network, now);
  }
  auto user = users_.verify(name, password);
  if (!user) {
    telemetry_.log.error("the accounts can't be read", {{"error", user.error().message()}});
    refusal = problem(503, "the accounts can't be read");
    return {};
  }
  if (!*user) {
    failures_.add();
    telemetry_.log.warning("a login failed", {{"user", key}, {"client", ask.client.text()}});
    refusal = problem(401, "wrong user name or password");
    return {};
  }
  const std::lock_guard lock(mutex_);
  throttle_.succeeded(key, network);
  return **user;
}

Answer Service::login(const Ask& ask, std::int64_t now) {
  if (const auto why = cross_site(ask, false); !why.empty()) return problem(403, why);
  if (!is_json(ask.content_type)) return problem(415, "Content-Type must be application/json");
  boost::system::error_code error;
  const auto value = json::parse(ask.body, error);
  const auto* object = error ? nullptr : value.if_object();
  if (!object) return problem(400, "the body is no JSON object");
  const auto name = member(*object, "username"), password = member(*object, "password");
  if (name.empty() || password.empty() || name.size() > kMaxName || password.size() > kMaxPassword ||
      name.find('\n') != name.npos) {
    return problem(400, "username or password is missing or too long");
  }
  Answer refusal;
  const auto user = check(full_name(name), password, ask, now, refusal);
  if (!user) return refusal;
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(options_.conf.session_ttl).count();
  auto token = users_.open_session(*user, now, ttl);
  if (!token) return problem(503, "the session can't be stored");
  logins_.add();
  telemetry_.log.info("a user logged in", {{"user", user->address}, {"client", ask.client.text()}});
  Answer answer{200, "application/json", json::serialize(me_json(*user, now + ttl)), {}};
  answer.fields.emplace_back("Set-Cookie", set_cookie(cookie_name(), *token, options_.conf.secure_cookie, ttl));
  return answer;
}

Answer Service::logout(const Identity& who) {
  if (who.by_cookie()) (void)users_.close_session(who.token);
  Answer answer{204, "", "", {}};
  answer.fields.emplace_back("Set-Cookie", set_cookie(cookie_name(), "", options_.conf.secure_cookie, 0));
  return answer;
}

Answer Service::me(const Identity& who) {
  return {200, "application/json", json::serialize(me_json(who.user, who.expires)), {}};
}

Answer Service::unauthorized(const Ask& ask) const {
  auto answer = problem(401, "not logged in");
  const bool jmap = ask.path.starts_with("/webmail/jmap/") || ask.path == "/.well-known/jmap";
  if (jmap && ask.requested_with.empty()) {
    answer.fields.emplace_back("WWW-Authenticate", "Basic realm=\"genkan\", charset=\"UTF-8\"");
  }
  return answer;
}

std::string Service::credential_key(std::string_view name, std::string_view password) const {
  const auto digest = base::hmac_sha256(secret_, std::string(name) + '\0' + std::string(password));
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

std::optional<User> Service::known(const std::string& key, const std::string& name, std::int64_t now) {
  Verified verified;
  {
    const std::lock_guard lock(mutex_);
    const auto found = verified_.find(key);
    if (found == verified_.end() || found->second.until <= now) return {};
    verified = found->second;
  }
  // A new password, or a deleted user, ends it at once.
  auto stamp = users_.stamp(name);
  if (!stamp || *stamp != verified.stamp) return {};
  return verified.user;
}

namespace {

// "Basic base64(name:password)"; RFC 7617.
bool read_basic(std::string_view authorization, std::string& name, std::string& password) {
  if (!base::istarts_with(authorization, "basic ")) return false;
  const auto text = base::base64_decode(base::trim(authorization.substr(6)));
  if (!text) return false;
  const auto colon = text->find(':');
  if (colon == std::string::npos) return false;
  name = text->substr(0, colon);
  password = text->substr(colon + 1);
  return !name.empty() && name.size() <= kMaxName && password.size() <= kMaxPassword && name.find('\n') == name.npos;
}

}  // namespace

bool Service::costly(const Ask& ask, std::int64_t now) {
  std::string name, password;
  if (!read_basic(ask.authorization, name, password)) return false;
  const std::lock_guard lock(mutex_);
  const auto found = verified_.find(credential_key(full_name(name), password));
  return found == verified_.end() || found->second.until <= now;
}

std::optional<Identity> Service::by_password(const Ask& ask, std::int64_t now, Answer& refusal) {
  std::string name, password;
  const bool jmap = ask.path.starts_with("/webmail/jmap/");
  if (!jmap || !read_basic(ask.authorization, name, password)) {
    refusal = unauthorized(ask);
    return {};
  }
  name = full_name(name);
  const auto key = credential_key(name, password);
  if (auto user = known(key, name, now)) return Identity{std::move(*user), {}, 0};
  auto user = check(name, password, ask, now, refusal);
  if (!user) {
    if (refusal.status == 401) refusal = unauthorized(ask);
    return {};
  }
  auto stamp = users_.stamp(name);
  if (stamp && !stamp->empty()) {
    const std::lock_guard lock(mutex_);
    if (verified_.size() >= kMaxVerified) verified_.clear();
    verified_[key] = {*user, *stamp, now + kBasicFor};
  }
  return Identity{std::move(*user), {}, 0};
}

std::optional<Identity> Service::by_cookie(const Ask& ask, std::int64_t now, Answer& refusal) {
  const auto token = cookie_value(ask.cookie, cookie_name());
  if (token.empty() || token.size() > 100) {
    refusal = unauthorized(ask);
    return {};
  }
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(options_.conf.session_ttl).count();
  auto session = users_.session(token, now, ttl);
  if (!session) {
    refusal = session.error() == Errc::not_found ? unauthorized(ask) : problem(503, "the accounts can't be read");
    return {};
  }
  return Identity{std::move(session->user), std::string(token), session->expires};
}

std::optional<Identity> Service::authenticate(const Ask& ask, std::int64_t now, Answer& refusal) {
  auto who = ask.authorization.empty() ? by_cookie(ask, now, refusal) : by_password(ask, now, refusal);
  if (!who && ask.path == "/webmail/auth/logout") {  // logging out twice is no error
    refusal = logout({});
    return {};
  }
  if (who && ask.post) {
    if (const auto why = cross_site(ask, who->by_cookie()); !why.empty()) {
      refusal = problem(403, why);
      return {};
    }
  }
  return who;
}

}  // namespace genkan::webmail
