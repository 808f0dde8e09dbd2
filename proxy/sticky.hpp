// A cookie that brings a client back to the backend that has its session. Its value is an HMAC of the backend's name:
// it tells nothing, can't be made up, and every node that shares the key knows it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cluster/pool.hpp"
#include "http/message.hpp"

namespace genkan::proxy {

class Sticky {
 public:
  Sticky(const cluster::Pool& pool, std::string cookie, std::string_view key, std::chrono::milliseconds max_age);

  // Where the request's cookie points to; null: it has none, or the backend is gone.
  cluster::Backend* find(const http::Request& request) const;
  // Adds Set-Cookie when the client would come back elsewhere.
  void mark(const http::Request& request, const cluster::Backend& backend, http::ResponseHead& head) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  std::string cookie_;
  std::string attributes_;
  std::unordered_map<std::string, cluster::Backend*, Hash, std::equal_to<>> by_token_;
  std::unordered_map<const cluster::Backend*, std::string> tokens_;
};

}  // namespace genkan::proxy
