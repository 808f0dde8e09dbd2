#include "smtp/mx.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

MxPlan outcome(MxPlan::Kind kind, std::string reply) {
  MxPlan plan;
  plan.kind = kind;
  plan.reply = std::move(reply);
  return plan;
}

std::string bare(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return base::to_lower(host);
}

}  // namespace

MxPlan plan_mx(std::string_view domain, const Result<net::DnsAnswer<net::MxRecord>>& records, std::string_view self) {
  MxPlan plan;
  if (!records && records.error() != make_error_code(Errc::not_found))
    return outcome(MxPlan::Kind::later, "451 4.4.3 DNS gave no answer for " + std::string(domain));
  if (!records || records->records.empty()) {  // no MX: the domain itself, as with preference 0
    plan.hosts.push_back({std::string(domain), 0});
  } else {
    for (const auto& record : records->records) {
      const auto host = bare(record.host);
      if (host.empty()) continue;
      plan.hosts.push_back({host, record.preference});
    }
    if (plan.hosts.empty())
      return outcome(MxPlan::Kind::never, "556 5.1.10 " + std::string(domain) + " takes no mail (null MX)");
  }
  const auto by_preference = [](const MxHost& a, const MxHost& b) { return a.preference < b.preference; };
  std::stable_sort(plan.hosts.begin(), plan.hosts.end(), by_preference);
  const auto own = bare(self);
  const auto here = std::find_if(plan.hosts.begin(), plan.hosts.end(), [&](const MxHost& h) { return h.host == own; });
  if (here != plan.hosts.end()) {
    const auto limit = here->preference;
    std::erase_if(plan.hosts, [&](const MxHost& h) { return h.preference >= limit; });
    if (plan.hosts.empty())
      return outcome(MxPlan::Kind::never,
                     "554 5.4.6 the mail hosts of " + std::string(domain) + " lead back to this one");
  }
  if (plan.hosts.size() > kMaxMxHosts) plan.hosts.resize(kMaxMxHosts);
  return plan;
}

}  // namespace genkan::smtp
