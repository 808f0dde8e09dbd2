#include "proxy/basic_auth.hpp"

#include "base/text.hpp"
#include "net/loop.hpp"

namespace genkan::proxy {
namespace {

using http::FieldId;

constexpr std::size_t kRemembered = 4096;
constexpr Duration kRememberFor = std::chrono::minutes(5);
constexpr std::size_t kMaxPassword = 1024;

}  // namespace

std::optional<Credentials> parse_basic(std::string_view field) {
  if (!base::istarts_with(field, "basic ")) return std::nullopt;
  const auto plain = base::base64_decode(base::trim(field.substr(6)));
  if (!plain) return std::nullopt;
  const std::size_t colon = plain->find(':');
  if (colon == std::string::npos || plain->size() > kMaxPassword) return std::nullopt;
  return Credentials{plain->substr(0, colon), plain->substr(colon + 1)};
}

BasicAuthLayer::BasicAuthLayer(HandlerPtr next, std::string realm, PasswordFile users, net::Offload& pool)
    : Layer(std::move(next)),
      users_(std::make_shared<const PasswordFile>(std::move(users))),
      pool_(pool),
      secret_(base::random_token(32)) {
  for (const char c : realm) {
    if (c == '"' || c == '\\') realm_ += '\\';
    realm_ += c;
  }
}

bool BasicAuthLayer::remembered(const std::string& digest, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = right_.find(digest);
  return found != right_.end() && found->second > now;
}

void BasicAuthLayer::remember(const std::string& digest, Time now) {
  const std::lock_guard lock(mutex_);
  if (right_.size() >= kRemembered) std::erase_if(right_, [now](const auto& entry) { return entry.second <= now; });
  if (right_.size() >= kRemembered) right_.clear();
  right_[digest] = now + kRememberFor;
}

net::Task<Result<http::Response>> BasicAuthLayer::handle(http::Request& r) {
  auto credentials = parse_basic(r.fields.get(FieldId::authorization).value_or(""));
  if (!credentials) return ask(r);
  const auto mac = base::hmac_sha256(secret_, credentials->user + ":" + credentials->password);
  std::string digest(reinterpret_cast<const char*>(mac.data()), mac.size());
  if (remembered(digest, r.loop.now())) return next_->handle(r);
  return check(r, std::move(*credentials), std::move(digest));
}

net::Task<Result<http::Response>> BasicAuthLayer::ask(http::Request& r) {
  http::Response page = http::error_page(r, 401, "A name and a password are needed here.");
  page.head->fields.add("WWW-Authenticate", "Basic realm=\"" + realm_ + "\", charset=\"UTF-8\"");
  co_return page;
}

net::Task<Result<http::Response>> BasicAuthLayer::check(http::Request& r, Credentials credentials, std::string digest) {
  const auto found = users_->find(credentials.user);
  const bool known = found != users_->end();
  // For a name that is not in the file the same work is done, so that the time does not tell which names are.
  const std::string hash = known ? found->second : users_->empty() ? std::string() : users_->begin()->second;
  auto job = [password = credentials.password, hash] { return check_password(password, hash); };
  const auto right = co_await pool_.run(r.loop, job);
  if (!right) {
    http::Response busy = http::error_page(r, 503, "Too many passwords are being checked at the moment.");
    busy.head->fields.add(FieldId::retry_after, "5");
    co_return busy;
  }
  if (!known || !*right) {
    auto page = co_await ask(r);
    co_return std::move(page);
  }
  remember(digest, r.loop.now());
  auto response = co_await next_->handle(r);
  co_return std::move(response);
}

}  // namespace genkan::proxy
