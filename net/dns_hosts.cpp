#include "net/dns_hosts.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "net/dns_message.hpp"

namespace genkan::net::dns {
namespace {

constexpr Duration kLookEvery = 1s;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlank = " \t\r\v\f";
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return words;
}

}  // namespace

Hosts parse_hosts(std::string_view text) {
  Hosts hosts;
  for (const std::string_view line : base::split(text, '\n')) {
    const auto words = words_of(line.substr(0, line.find('#')));
    if (words.size() < 2) continue;
    const auto ip = base::IpAddress::parse(words.front());
    if (!ip) continue;
    for (std::size_t i = 1; i < words.size(); ++i) {
      std::string name = normal_name(words[i]);
      if (name.empty()) continue;
      auto& addresses = hosts[std::move(name)];
      const bool known = std::find(addresses.begin(), addresses.end(), *ip) != addresses.end();
      if (!known && addresses.size() < kMaxRecords) addresses.push_back(*ip);
    }
  }
  // IPv4 first, as everywhere.
  for (auto& [name, addresses] : hosts) {
    std::stable_partition(addresses.begin(), addresses.end(), [](const base::IpAddress& ip) { return ip.is_v4(); });
  }
  return hosts;
}

const std::vector<base::IpAddress>* HostsFile::find(const std::string& name, Time now) {
  if (now >= next_look_) {
    next_look_ = now + kLookEvery;
    look_again();
  }
  const auto found = hosts_.find(name);
  return found == hosts_.end() ? nullptr : &found->second;
}

void HostsFile::look_again() {
  struct ::stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    hosts_.clear();
    changed_ns_ = -1;
    return;
  }
  const std::int64_t changed = info.st_mtim.tv_sec * 1'000'000'000ll + info.st_mtim.tv_nsec;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (changed == changed_ns_ && size == size_) return;
  const auto text = base::read_file(path_, kMaxSize);
  if (!text) return;  // what was read before still stands
  changed_ns_ = changed;
  size_ = size;
  hosts_ = parse_hosts(*text);
}

}  // namespace genkan::net::dns
