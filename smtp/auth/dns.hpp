// What the checks of this folder ask of DNS, as an interface, so that they can be tested against a table. A question
// has three answers: records, "there is none" (no such name, no such type), and "nobody could say", which is temporary.
//
// One AuthDns is one message's: it holds the time by which all its questions must be answered.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/task.hpp"

namespace genkan::smtp {

template <class T>
struct DnsFound {
  enum class State { found, none, failed } state = State::none;
  std::vector<T> records;

  bool found() const noexcept { return state == State::found; }
  bool none() const noexcept { return state == State::none; }
  bool failed() const noexcept { return state == State::failed; }
};
using DnsTexts = DnsFound<std::string>;
using DnsAddresses = DnsFound<base::IpAddress>;

class AuthDns {
 public:
  virtual ~AuthDns() = default;
  virtual net::Task<DnsTexts> txt(std::string name) = 0;
  virtual net::Task<DnsAddresses> addresses(std::string name, bool v6) = 0;  // A, or AAAA
  virtual net::Task<DnsTexts> mx(std::string name) = 0;                      // hosts by preference; null MX: ""
  virtual net::Task<DnsTexts> names(base::IpAddress ip) = 0;                 // PTR
};

// By the node's resolver. After `deadline` nothing is asked any more: everything failed.
class ResolverDns final : public AuthDns {
 public:
  ResolverDns(net::Loop& loop, net::Resolver& resolver, Time deadline)
      : loop_(loop), resolver_(resolver), deadline_(deadline) {}
  net::Task<DnsTexts> txt(std::string name) override;
  net::Task<DnsAddresses> addresses(std::string name, bool v6) override;
  net::Task<DnsTexts> mx(std::string name) override;
  net::Task<DnsTexts> names(base::IpAddress ip) override;

 private:
  bool late() const noexcept { return loop_.now() >= deadline_; }
  net::Loop& loop_;
  net::Resolver& resolver_;
  const Time deadline_;
};

}  // namespace genkan::smtp
