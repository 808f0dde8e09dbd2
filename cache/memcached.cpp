#include "cache/memcached.hpp"

#include <libmemcached/memcached.h>

#include <cstdlib>
#include <ctime>

#include "base/text.hpp"

namespace genkan::cache {
namespace {

constexpr std::uint64_t kConnectMs = 300;
constexpr std::uint64_t kAnswerUs = 500'000;
constexpr std::uint64_t kRetryS = 5;
constexpr ::in_port_t kPort = 11211;
constexpr std::int64_t kLongestRelative = 60 * 60 * 24 * 30;  // beyond that memcached takes it for a date

void add_server(::memcached_st* client, const std::string& text) {
  if (text.starts_with("unix:")) {
    ::memcached_server_add_unix_socket(client, text.c_str() + 5);
    return;
  }
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto port =
      colon == std::string::npos ? std::nullopt : base::parse_uint(std::string_view(text).substr(colon + 1));
  ::memcached_server_add(client, host.c_str(), port ? static_cast<::in_port_t>(*port) : kPort);
}

}  // namespace

Memcached::Memcached(const std::vector<std::string>& servers) : client_(::memcached_create(nullptr)) {
  const auto set = [this](::memcached_behavior_t behavior, std::uint64_t value) {
    ::memcached_behavior_set(client_, behavior, value);
  };
  set(MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
  set(MEMCACHED_BEHAVIOR_DISTRIBUTION, MEMCACHED_DISTRIBUTION_CONSISTENT);  // every node finds a key at the same server
  set(MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, kConnectMs);
  set(MEMCACHED_BEHAVIOR_POLL_TIMEOUT, kAnswerUs / 1000);
  set(MEMCACHED_BEHAVIOR_SND_TIMEOUT, kAnswerUs);
  set(MEMCACHED_BEHAVIOR_RCV_TIMEOUT, kAnswerUs);
  set(MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, kRetryS);
  set(MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, kRetryS);
  set(MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, 1);
  for (const auto& server : servers) add_server(client_, server);
}

Memcached::~Memcached() { ::memcached_free(client_); }

Result<std::string> Memcached::get(const std::string& key) {
  std::lock_guard lock(mutex_);
  std::size_t size = 0;
  std::uint32_t flags = 0;
  ::memcached_return_t code = MEMCACHED_SUCCESS;
  char* value = ::memcached_get(client_, key.data(), key.size(), &size, &flags, &code);
  if (code == MEMCACHED_NOTFOUND) return Errc::not_found;
  if (code != MEMCACHED_SUCCESS) return Errc::unavailable;
  std::string out = value ? std::string(value, size) : std::string();
  std::free(value);  // NOLINT: allocated by the library
  return out;
}

Result<void> Memcached::set(const std::string& key, const std::string& value, std::int64_t seconds) {
  const auto expires = seconds > kLongestRelative ? seconds + std::time(nullptr) : seconds;
  std::lock_guard lock(mutex_);
  const auto code = ::memcached_set(client_, key.data(), key.size(), value.data(), value.size(),
                                    static_cast<std::time_t>(expires), 0);
  if (code == MEMCACHED_SUCCESS || code == MEMCACHED_BUFFERED) return {};
  return Errc::unavailable;
}

}  // namespace genkan::cache
