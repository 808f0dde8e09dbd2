// A name server as a table, and tasks that end at once because it answers at once.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "smtp/auth/dns.hpp"

namespace genkan::smtp::testing_support {

// {"example.com": {"TXT v=spf1 -all", "A 192.0.2.1", "AAAA ::1", "MX mail.example.com", "PTR ..."}}; "TIMEOUT": no
// answer to anything; "TIMEOUT A": to this type. PTR stands under the address itself.
using Zone = std::map<std::string, std::vector<std::string>>;

class TableDns final : public AuthDns {
 public:
  explicit TableDns(Zone zone) : zone_(std::move(zone)) {}
  std::vector<std::string> asked;

  net::Task<DnsTexts> txt(std::string name) override { co_return look(name, "TXT"); }
  net::Task<DnsTexts> mx(std::string name) override { co_return look(name, "MX"); }
  net::Task<DnsTexts> names(base::IpAddress ip) override { co_return look(ip.text(), "PTR"); }
  net::Task<DnsAddresses> addresses(std::string name, bool v6) override {
    const auto texts = look(name, v6 ? "AAAA" : "A");
    DnsAddresses out;
    if (texts.failed()) out.state = DnsAddresses::State::failed;
    if (texts.found()) out.state = DnsAddresses::State::found;
    for (const auto& text : texts.records) out.records.push_back(base::IpAddress::parse(text).value());
    co_return out;
  }

 private:
  DnsTexts look(std::string name, std::string_view type) {
    if (name.ends_with('.')) name.pop_back();
    asked.push_back(std::string(type) + " " + name);
    DnsTexts out;
    const auto found = zone_.find(base::to_lower(name));
    if (found == zone_.end()) return out;
    for (const auto& row : found->second) {
      if (row == "TIMEOUT" || row == "TIMEOUT " + std::string(type)) {
        out.state = DnsTexts::State::failed;
        return out;
      }
      if (!row.starts_with(std::string(type) + " ")) continue;
      out.state = DnsTexts::State::found;
      out.records.push_back(row.substr(type.size() + 1));
    }
    return out;
  }
  Zone zone_;
};

// The value of a task that never waits.
template <class T>
T now(net::Task<T> task) {
  if (!task.await_ready()) std::abort();
  return task.await_resume();
}

}  // namespace genkan::smtp::testing_support
