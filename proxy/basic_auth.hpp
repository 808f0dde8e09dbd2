// HTTP Basic authentication (RFC 7617) against a file of htpasswd. Hashes are computed on the offload pool; who was
// right is remembered for a while as a keyed digest, so that only the first request of a visitor waits.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "net/offload.hpp"
#include "proxy/layer.hpp"
#include "proxy/password.hpp"

namespace genkan::proxy {

struct Credentials {
  std::string user, password;
};
std::optional<Credentials> parse_basic(std::string_view authorization);  // pure

class BasicAuthLayer final : public Layer {
 public:
  BasicAuthLayer(HandlerPtr next, std::string realm, PasswordFile users, net::Offload& pool);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  net::Task<Result<http::Response>> ask(http::Request& request);
  net::Task<Result<http::Response>> check(http::Request& request, Credentials credentials, std::string digest);
  bool remembered(const std::string& digest, Time now);
  void remember(const std::string& digest, Time now);

  std::string realm_;
  std::shared_ptr<const PasswordFile> users_;
  net::Offload& pool_;
  std::string secret_;
  std::mutex mutex_;  // guards right_; held for one look-up
  std::unordered_map<std::string, Time> right_;
};

}  // namespace genkan::proxy
