#include "smtp/operate/tls_reports.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "cluster/flat_json.hpp"

namespace genkan::smtp {
namespace {

using cluster::JsonObject;

constexpr std::int64_t kDay = 86'400;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(WallClock::now().time_since_epoch()).count();
}

std::string_view name_of(TlsPolicyKind kind) noexcept {
  return kind == TlsPolicyKind::sts ? "sts" : kind == TlsPolicyKind::tlsa ? "tlsa" : "no-policy-found";
}

std::string array_of(const std::vector<std::string>& values, bool quoted) {
  std::string out = "[";
  for (const auto& value : values) {
    if (out.size() > 1) out += ',';
    out += quoted ? base::json_quote(value) : value;
  }
  return out + "]";
}

std::string time_of(std::int64_t seconds) { return base::rfc3339(WallTime(std::chrono::seconds(seconds))); }

}  // namespace

std::string_view tls_failure_of(net::TlsDoubt doubt, TlsPolicyKind kind) noexcept {
  switch (doubt) {
    case net::TlsDoubt::expired:
      return "certificate-expired";
    case net::TlsDoubt::wrong_name:
      return "certificate-host-mismatch";
    case net::TlsDoubt::untrusted:
      return kind == TlsPolicyKind::tlsa ? "validation-failure" : "certificate-not-trusted";
    case net::TlsDoubt::none:
    case net::TlsDoubt::other:
      break;
  }
  return "validation-failure";
}

TlsReports::TlsReports(base::Metrics& metrics) : metrics_(metrics), since_s_(now_s()) {}

void TlsReports::note(const TlsPolicyFacts& facts, std::string_view failure, std::string_view host,
                      std::string_view ip) {
  const auto result = failure.empty() ? std::string_view("success") : failure;
  std::lock_guard lock(mutex_);
  auto& counter = counters_[std::string(name_of(facts.kind)) + " " + std::string(result)];
  if (!counter) {
    counter = &metrics_.counter("genkan_smtp_tls_results_total", "TLS to mail hosts of other domains (RFC 8460)",
                                {{"policy", std::string(name_of(facts.kind))}, {"result", std::string(result)}});
  }
  counter->add();
  const auto key = facts.domain + " " + std::string(name_of(facts.kind));
  auto found = sums_.find(key);
  if (found == sums_.end()) {
    if (sums_.size() >= kMaxPolicies) return;
    found = sums_.try_emplace(key).first;
  }
  auto& sum = found->second;
  sum.facts = facts;
  if (failure.empty()) {
    ++sum.good;
    return;
  }
  ++sum.bad;
  Detail detail;
  detail.failure = failure;
  detail.host = host;
  detail.ip = ip;
  if (sum.details.size() < kMaxDetails || sum.details.contains(detail)) ++sum.details[detail];
}

bool TlsReports::day_is_over(std::int64_t now) const {
  std::lock_guard lock(mutex_);
  return now / kDay != since_s_ / kDay;
}

std::vector<TlsReports::Report> TlsReports::take(const std::string& organization, const std::string& contact,
                                                 std::int64_t now) {
  std::map<std::string, Sum> sums;
  std::int64_t since = 0;
  {
    std::lock_guard lock(mutex_);
    sums.swap(sums_);
    since = std::exchange(since_s_, now);
  }
  std::map<std::string, std::vector<std::string>> policies;  // by domain
  for (const auto& [key, sum] : sums) {
    JsonObject policy, summary, one;
    policy.text("policy-type", name_of(sum.facts.kind));
    if (!sum.facts.lines.empty()) policy.raw("policy-string", array_of(sum.facts.lines, true));
    policy.text("policy-domain", sum.facts.domain);
    if (!sum.facts.mx.empty()) policy.raw("mx-host", array_of(sum.facts.mx, true));
    summary.number("total-successful-session-count", sum.good).number("total-failure-session-count", sum.bad);
    std::vector<std::string> details;
    for (const auto& [detail, count] : sum.details) {
      JsonObject row;
      row.text("result-type", detail.failure);
      if (!detail.host.empty()) row.text("receiving-mx-hostname", detail.host);
      if (!detail.ip.empty()) row.text("receiving-ip", detail.ip);
      row.number("failed-session-count", count);
      details.push_back(std::move(row).done());
    }
    one.raw("policy", std::move(policy).done()).raw("summary", std::move(summary).done());
    if (!details.empty()) one.raw("failure-details", array_of(details, false));
    policies[sum.facts.domain].push_back(std::move(one).done());
  }
  std::vector<Report> out;
  for (const auto& [domain, rows] : policies) {
    JsonObject range, report;
    range.text("start-datetime", time_of(since)).text("end-datetime", time_of(now));
    report.text("organization-name", organization).raw("date-range", std::move(range).done());
    report.text("contact-info", contact);
    report.text("report-id", std::to_string(since) + "." + std::to_string(now) + "." + domain + "@" + organization);
    report.raw("policies", array_of(rows, false));
    auto file = organization + "!" + domain + "!" + std::to_string(since) + "!" + std::to_string(now) + ".json";
    std::replace(file.begin(), file.end(), '/', '_');
    out.push_back({std::move(file), std::move(report).done() + "\n"});
  }
  return out;
}

Result<void> write_tls_reports(const std::string& dir, const std::vector<TlsReports::Report>& reports) {
  if (reports.empty()) return {};
  if (auto made = base::make_dirs(dir, 0750); !made) return made.error();
  for (const auto& report : reports) {
    if (auto written = base::write_file_durable(dir + "/" + report.file, report.json, 0640); !written)
      return written.error();
  }
  return {};
}

}  // namespace genkan::smtp
