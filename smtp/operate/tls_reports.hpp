// What TLS to the mail hosts of other domains came to, counted for reports as RFC 8460 (TLSRPT) has them: metrics, and
// with `tls_reports` one JSON file for each domain and day in state_dir/tls-reports, which anybody may send.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.hpp"
#include "base/result.hpp"
#include "net/tls_stream.hpp"

namespace genkan::smtp {

enum class TlsPolicyKind { none, sts, tlsa };

// What held for one host of a domain.
struct TlsPolicyFacts {
  TlsPolicyKind kind = TlsPolicyKind::none;
  std::string domain;
  std::vector<std::string> lines;  // the policy: lines of mta-sts.txt, or TLSA records
  std::vector<std::string> mx;     // of MTA-STS
};

// RFC 8460 4.3; empty: success.
std::string_view tls_failure_of(net::TlsDoubt doubt, TlsPolicyKind kind) noexcept;

class TlsReports {
 public:
  static constexpr std::size_t kMaxPolicies = 5000;  // in a day; further ones only count in the metrics
  static constexpr std::size_t kMaxDetails = 50;     // of one of them

  explicit TlsReports(base::Metrics& metrics);

  // One session. `failure`: one of the result types; empty: it is encrypted as the policy wants it.
  void note(const TlsPolicyFacts& facts, std::string_view failure, std::string_view host, std::string_view ip);

  struct Report {
    std::string file, json;
  };
  // All that was noted since the last call, or since the start; then it begins anew.
  std::vector<Report> take(const std::string& organization, const std::string& contact, std::int64_t now_s);
  bool day_is_over(std::int64_t now_s) const;

 private:
  struct Detail {
    std::string failure, host, ip;
    auto operator<=>(const Detail&) const = default;
  };
  struct Sum {
    TlsPolicyFacts facts;
    std::uint64_t good = 0, bad = 0;
    std::map<Detail, std::uint64_t> details;
  };
  base::Metrics& metrics_;
  mutable std::mutex mutex_;         // guards what follows; held for a change or a copy
  std::map<std::string, Sum> sums_;  // by domain and policy
  std::int64_t since_s_;
  std::map<std::string, base::Counter*, std::less<>> counters_;
};

// Writes the reports into the folder. Blocks.
Result<void> write_tls_reports(const std::string& dir, const std::vector<TlsReports::Report>& reports);

}  // namespace genkan::smtp
