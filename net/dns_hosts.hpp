// The hosts file (hosts(5)), asked before any name server, as getaddrinfo does. Read again when it changes; looked at
// once a second at most. One loop's. It is small and local, so that reading it here is no wait.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "base/clock.hpp"

namespace genkan::net::dns {

using Hosts = std::unordered_map<std::string, std::vector<base::IpAddress>>;

// Names in their normal form (dns_message.hpp). Lines that say nothing useful are passed over, as everyone does.
Hosts parse_hosts(std::string_view text);

class HostsFile {
 public:
  explicit HostsFile(std::string path = "/etc/hosts") : path_(std::move(path)) {}
  // Null when the name is not there. Valid until the next call.
  const std::vector<base::IpAddress>* find(const std::string& name, Time now);

 private:
  static constexpr std::uint64_t kMaxSize = 4 * 1024 * 1024;  // beyond that it is no hosts file
  void look_again();

  std::string path_;
  Hosts hosts_;
  Time next_look_{};
  std::int64_t changed_ns_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace genkan::net::dns
