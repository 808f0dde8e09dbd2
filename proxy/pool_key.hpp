// What a pool with the scheduler "hash" looks at: `hash_key` of its configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace genkan::proxy {

class PoolKey {
 public:
  enum class What : std::uint8_t { client, path, uri, header, cookie, query };

  // "client", "path", "uri" (path and query), "header:NAME", "cookie:NAME", "query:NAME". Empty: it is none of these.
  static std::optional<PoolKey> parse(std::string_view text);

  // Where the request has no such header, cookie or argument, the client's address decides.
  std::uint64_t of(const http::Request& request) const;

 private:
  PoolKey(What what, std::string name) : what_(what), name_(std::move(name)) {}
  What what_;
  std::string name_;
};

}  // namespace genkan::proxy
