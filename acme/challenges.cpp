#include "acme/challenges.hpp"

#include <mutex>

#include "acme/jws.hpp"
#include "acme/message.hpp"

namespace genkan::acme {

void Challenges::put(const std::string& token, const std::string& key_authorization) {
  const std::unique_lock lock(mutex_);
  if (answers_.size() < kMax) answers_[token] = key_authorization;
}

void Challenges::take_back(const std::string& token) {
  const std::unique_lock lock(mutex_);
  answers_.erase(token);
}

void Challenges::share(std::string thumbprint, std::set<std::string, std::less<>> hosts) {
  const std::unique_lock lock(mutex_);
  thumbprint_ = std::move(thumbprint);
  hosts_ = std::move(hosts);
}

std::optional<std::string> Challenges::answer(std::string_view host, std::string_view token) const {
  if (!is_token(token)) return std::nullopt;
  const std::shared_lock lock(mutex_);
  if (const auto found = answers_.find(token); found != answers_.end()) return found->second;
  if (!thumbprint_.empty() && hosts_.find(host) != hosts_.end()) return key_authorization(token, thumbprint_);
  return std::nullopt;
}

net::Task<Result<http::Response>> ChallengeHandler::give(http::Request& request, std::string answer) {
  request.route = "acme";
  auto response = request.reply(200, "application/octet-stream", std::move(answer));
  response.head->fields.set(http::FieldId::cache_control, "no-store");
  co_return response;
}

net::Task<Result<http::Response>> ChallengeHandler::handle(http::Request& request) {
  if (request.path.starts_with(kChallengePath) &&
      (request.method == http::Method::get || request.method == http::Method::head)) {
    auto answer = challenges_->answer(request.host, request.path.substr(kChallengePath.size()));
    if (answer) return give(request, std::move(*answer));
  }
  return next_->handle(request);
}

}  // namespace genkan::acme
