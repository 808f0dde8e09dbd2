// The answers to HTTP-01 (RFC 8555 8.3), and the handler that gives them, in front of every route. Thread-safe: orders
// put and take back, workers look.
//
// Where several nodes share one account key (`account_key` is written), a node need not know of an order to answer: the
// answer is the token and the key's thumbprint, and says nothing but that this account may have a certificate for this
// host. So it is given for any token, for the hosts whose certificates come from there.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "http/handler.hpp"

namespace genkan::acme {

constexpr std::string_view kChallengePath = "/.well-known/acme-challenge/";

class Challenges {
 public:
  void put(const std::string& token, const std::string& key_authorization);
  void take_back(const std::string& token);
  // From now on: any token, for these hosts (lower case). An empty thumbprint ends it.
  void share(std::string thumbprint, std::set<std::string, std::less<>> hosts);

  std::optional<std::string> answer(std::string_view host, std::string_view token) const;

 private:
  static constexpr std::size_t kMax = 1000;
  mutable std::shared_mutex mutex_;  // guards all below; held for a look-up
  std::map<std::string, std::string, std::less<>> answers_;
  std::string thumbprint_;
  std::set<std::string, std::less<>> hosts_;
};

class ChallengeHandler final : public http::Handler {
 public:
  ChallengeHandler(std::shared_ptr<const Challenges> challenges, std::shared_ptr<http::Handler> next)
      : challenges_(std::move(challenges)), next_(std::move(next)) {}
  // What is no answer of ours goes on: another ACME client may be behind us.
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  static net::Task<Result<http::Response>> give(http::Request& request, std::string answer);
  std::shared_ptr<const Challenges> challenges_;
  std::shared_ptr<http::Handler> next_;
};

}  // namespace genkan::acme
