// A name server for fuzzers: every question gets the octets at hand, or what they say.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "smtp/auth/dns.hpp"

namespace genkan::smtp {

class FuzzDns final : public AuthDns {
 public:
  explicit FuzzDns(std::string text) : text_(std::move(text)) {}
  int asked = 0;

  net::Task<DnsTexts> txt(std::string) override { co_return answer(text_); }
  net::Task<DnsTexts> mx(std::string) override { co_return answer("mx.example"); }
  net::Task<DnsTexts> names(base::IpAddress) override { co_return answer("host.example"); }
  net::Task<DnsAddresses> addresses(std::string name, bool) override {
    DnsAddresses out;
    ++asked;
    if (name.size() % 3 == 1) out.state = DnsAddresses::State::failed;
    if (name.size() % 3 == 0) {
      out.state = DnsAddresses::State::found;
      out.records.push_back(base::IpAddress::v4(static_cast<std::uint32_t>(name.size() * 2'654'435'761u)));
    }
    co_return out;
  }

 private:
  DnsTexts answer(std::string text) {
    DnsTexts out;
    ++asked;
    out.state = DnsTexts::State::found;
    out.records.push_back(std::move(text));
    return out;
  }
  std::string text_;
};

// The value of a task that never waits.
template <class T>
T now(net::Task<T> task) {
  if (!task.await_ready()) std::abort();
  return task.await_resume();
}

}  // namespace genkan::smtp
