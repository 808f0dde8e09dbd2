#include "smtp/policy/dnsbl.hpp"

#include <memory>

namespace genkan::smtp {
namespace {

// Shared by the questions that are under way and whoever waits for them; the last of them takes it along.
struct Asking {
  explicit Asking(net::Loop& loop) : all(loop) {}
  net::Event all;
  std::size_t open = 0;
  std::vector<bool> listed;
};

net::Task<void> ask_one(net::Resolver& resolver, std::string name, std::shared_ptr<Asking> asking, std::size_t index) {
  auto answer = co_await resolver.addresses(std::move(name));
  asking->listed[index] = answer && says_listed(answer->records);
  if (--asking->open == 0) asking->all.notify();
}

}  // namespace

std::string dnsbl_name(const base::IpAddress& ip, std::string_view zone) {
  std::string name;
  if (ip.is_v4()) {
    for (std::size_t i = 16; i > 12; --i) name += std::to_string(ip.bytes[i - 1]) + ".";
  } else {
    constexpr char kHex[] = "0123456789abcdef";
    for (std::size_t i = 16; i > 0; --i) {
      name += kHex[ip.bytes[i - 1] & 15];
      name += '.';
      name += kHex[ip.bytes[i - 1] >> 4];
      name += '.';
    }
  }
  return name += zone;
}

bool says_listed(const std::vector<base::IpAddress>& answer) noexcept {
  for (const auto& ip : answer) {
    if (ip.is_v4() && ip.bytes[12] == 127 && ip.bytes[13] != 255) return true;
  }
  return false;
}

net::Task<DnsblVerdict> ask_dnsbls(net::Loop& loop, net::Resolver& resolver, base::IpAddress ip,
                                   std::vector<conf::SmtpDnsbl> lists) {
  DnsblVerdict verdict;
  if (lists.empty()) co_return verdict;
  auto asking = std::make_shared<Asking>(loop);
  asking->open = lists.size();
  asking->listed.resize(lists.size());
  for (std::size_t i = 0; i < lists.size(); ++i)
    net::spawn(loop, ask_one(resolver, dnsbl_name(ip, lists[i].zone), asking, i));
  co_await asking->all;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!asking->listed[i]) continue;
    const auto score = static_cast<int>(lists[i].score);
    verdict.score += lists[i].allow ? -score : score;
    if (!lists[i].allow && verdict.by.empty()) verdict.by = lists[i].zone;
  }
  co_return verdict;
}

}  // namespace genkan::smtp
