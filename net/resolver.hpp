// DNS through c-ares, on a loop, with a cache that obeys TTLs (1 s .. 1 h; failures 5 s). One resolver per loop.
// All configured name servers are asked in turn when one fails. Answers are hostile: counts and lengths are limited.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace genkan::net {

struct MxRecord {
  std::uint16_t preference = 0;
  std::string host;  // empty: null MX (RFC 7505)
};
struct SrvRecord {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string host;
};
template <class T>
struct DnsAnswer {
  std::vector<T> records;
  std::chrono::seconds ttl{0};
  bool whole = true;  // false: of two questions (A and AAAA) one was not answered
};

struct TlsaRecord {  // RFC 6698
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string data;
};
struct SecureAnswer {
  bool authentic = false;        // the name server vouches for it (AD bit)
  bool any = false;              // there are records of the type
  std::vector<TlsaRecord> tlsa;  // of SecureType::tlsa
  std::chrono::seconds ttl{0};
};
enum class SecureType { a, mx, tlsa };

class Resolver {
 public:
  // `servers`: "address:port"; empty: /etc/resolv.conf.
  Resolver(Loop& loop, std::vector<std::string> servers, Duration timeout = std::chrono::seconds(5));
  ~Resolver();  // nothing may be outstanding: cancel() first
  void cancel();

  // Errc::not_found: the name or the type does not exist; Errc::unavailable: no server answered; Errc::timed_out.
  Task<Result<DnsAnswer<base::IpAddress>>> addresses(std::string name);  // A and AAAA, IPv4 first; IP literals at once
  Task<Result<DnsAnswer<MxRecord>>> mx(std::string name);                // sorted by preference
  Task<Result<DnsAnswer<std::string>>> txt(std::string name);
  Task<Result<DnsAnswer<SrvRecord>>> srv(std::string name);
  // What DNS itself says, A or AAAA: neither the hosts file nor literals, for questions that a stranger chose.
  Task<Result<DnsAnswer<base::IpAddress>>> host(std::string name, bool v6);
  Task<Result<DnsAnswer<std::string>>> names(base::IpAddress ip);  // PTR: lower case
  // Whether the name server vouches for what it says, also that there is nothing. Not cached. What that is worth
  // depends on the way to the server: ask only one on this host, or one that the configuration trusts.
  Task<Result<SecureAnswer>> secure(std::string name, SecureType type);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "host:port" or any form of base::Endpoint, resolved. The first address; `all` gets every one.
Task<Result<std::vector<base::Endpoint>>> resolve_endpoint(Resolver& resolver, std::string host_and_port);

}  // namespace genkan::net
