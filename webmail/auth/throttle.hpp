// How often somebody may guess a password. Pure: time comes from the caller. Failures are counted in a window for
//   a name from an address    5      (the usual forgotten password)
//   an address, any name      30     (one host tries many)
//   a name, any address       100    (many hosts try one; high, so that a stranger can't easily lock somebody out)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace genkan::webmail {

class LoginThrottle {
 public:
  static constexpr std::int64_t kWindow = 900;  // seconds
  static constexpr std::size_t kMaxEntries = 30'000;

  // 0: may try. Else the seconds until it may.
  std::int64_t wait(std::string_view name, std::string_view address, std::int64_t now) const;
  // Call failed() before the password is looked at, so that guesses sent side by side count, and succeeded() to take
  // it back: the pair is forgotten, the other two lose this one.
  void failed(std::string_view name, std::string_view address, std::int64_t now);
  void succeeded(std::string_view name, std::string_view address);

 private:
  struct Count {
    std::int64_t since = 0;
    int failures = 0;
  };
  std::int64_t wait_for(const std::string& key, int limit, std::int64_t now) const;
  void add(const std::string& key, std::int64_t now);
  std::unordered_map<std::string, Count> counts_;
  std::int64_t next_sweep_ = 0;
};

}  // namespace genkan::webmail
