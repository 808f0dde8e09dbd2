// Lists of addresses in DNS (RFC 5782): whoever is on enough of them may not send. Lists of good clients count against.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "conf/conf.hpp"
#include "net/resolver.hpp"
#include "net/task.hpp"

namespace genkan::smtp {

// "4.3.2.192.zone" of 192.2.3.4; IPv6 by nibbles.
std::string dnsbl_name(const base::IpAddress& ip, std::string_view zone);
// Only an address in 127/8 says "listed", and 127.255/16 is how lists say "do not ask me like this" (RFC 5782 2.1).
bool says_listed(const std::vector<base::IpAddress>& answer) noexcept;

struct DnsblVerdict {
  int score = 0;
  std::string by;  // the first list that named the client
};

// All lists at once. One that gives no answer in time counts nothing.
net::Task<DnsblVerdict> ask_dnsbls(net::Loop& loop, net::Resolver& resolver, base::IpAddress ip,
                                   std::vector<conf::SmtpDnsbl> lists);

}  // namespace genkan::smtp
