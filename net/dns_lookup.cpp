#include "net/dns_lookup.hpp"

namespace genkan::net::dns {
namespace {

std::size_t weight_of(const base::IpAddress&) { return sizeof(base::IpAddress); }
std::size_t weight_of(const MxRecord& r) { return sizeof r + r.host.size(); }
std::size_t weight_of(const std::string& r) { return sizeof(std::string) + r.size(); }
std::size_t weight_of(const SrvRecord& r) { return sizeof r + r.host.size(); }

}  // namespace

std::size_t weight(const Outcome& outcome) {
  std::size_t total = sizeof outcome;
  const auto add = [&total](const auto& records) {
    for (const auto& record : records) total += weight_of(record);
  };
  std::visit(add, outcome.records);
  return total;
}

Outcome Lookup::take(Time now) {
  Outcome outcome;
  outcome.records = std::move(records_);
  const bool found = std::visit([](const auto& records) { return !records.empty(); }, outcome.records);
  if (!found) outcome.error = error_ ? error_ : make_error_code(Errc::not_found);
  outcome.whole = !error_ || error_ == Errc::not_found;
  const seconds most = found && outcome.whole ? kMaxTtl : kFailureTtl;  // half an answer is asked for again soon
  outcome.expires = now + (found ? std::clamp(ttl_, kMinTtl, most) : kFailureTtl);
  if (auto* ips = std::get_if<std::vector<base::IpAddress>>(&outcome.records)) {
    std::stable_partition(ips->begin(), ips->end(), [](const base::IpAddress& ip) { return ip.is_v4(); });
    if (ips->size() > kMaxRecords) ips->resize(kMaxRecords);
  }
  return outcome;
}

void Lookup::finish(OutcomePtr outcome) {
  loop_.wheel().cancel(*this);
  outcome_ = std::move(outcome);
  for (const auto handle : std::exchange(waiters_, {})) loop_.defer(handle);
}

}  // namespace genkan::net::dns
