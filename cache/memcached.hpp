// A client of memcached servers: small values that nodes share and that may be lost at any time. Blocks on the network,
// for at most about a second; a server that fails is left alone for some seconds, and its keys are unknown meanwhile.
// Thread-safe: for a pool of threads, never on a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"

struct memcached_st;

namespace genkan::cache {

class Memcached {
 public:
  // "192.0.2.21:11211", "memcached.example:11211", "unix:/run/memcached.sock". Connects on the first use.
  explicit Memcached(const std::vector<std::string>& servers);
  ~Memcached();
  Memcached(const Memcached&) = delete;
  Memcached& operator=(const Memcached&) = delete;

  // `key`: at most 250 printable octets without spaces. Errc::not_found: nothing is known; others: no server answers.
  Result<std::string> get(const std::string& key);
  // Kept for `seconds`, if the server likes.
  Result<void> set(const std::string& key, const std::string& value, std::int64_t seconds);

 private:
  std::mutex mutex_;  // guards client_; held for one exchange
  ::memcached_st* client_;
};

}  // namespace genkan::cache
