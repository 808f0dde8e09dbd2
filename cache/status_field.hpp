// The Cache-Status field (RFC 9211): what this cache did with a request, for people who look at responses. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace genkan::cache {

// RFC 9211 2.2: why a request went on to the origin.
enum class Forward { none, bypass, method, uri_miss, vary_miss, request, stale };
std::string_view forward_name(Forward forward) noexcept;

struct CacheStatus {
  bool hit = false;
  Forward forward = Forward::none;
  int forward_status = 0;                   // 0: not said
  std::optional<std::chrono::seconds> ttl;  // negative: stale for so long
  bool stored = false;
  bool collapsed = false;
  std::string_view detail;  // a token, or empty
};

// One member of the list, e.g. `genkan; hit; ttl=30`. `name` becomes a token, or a string when it is none.
std::string cache_status_text(std::string_view name, const CacheStatus& status);

}  // namespace genkan::cache
