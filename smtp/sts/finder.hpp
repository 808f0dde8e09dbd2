// Finds the MTA-STS policy of a domain (RFC 8461): the TXT record says whether there is one and which; the policy
// comes over HTTPS from mta-sts.DOMAIN, whose certificate is verified, and is kept in state_dir/mta-sts.db for its
// max_age, so that somebody who can make DNS or that server silent cannot make us forget it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/telemetry.hpp"
#include "net/loop.hpp"
#include "net/offload.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"
#include "smtp/sts/policy.hpp"

struct sqlite3;

namespace genkan::smtp {

// Thread-safe; blocks on the disk.
class StsStore {
 public:
  struct Row {
    std::string id, text;
    std::int64_t expires_s = 0;
  };
  static Result<std::unique_ptr<StsStore>> open(const std::string& file);
  ~StsStore();
  Result<std::optional<Row>> find(const std::string& domain, std::int64_t now_s);  // not when it has expired
  Result<void> keep(const std::string& domain, const Row& row, std::int64_t now_s);

 private:
  explicit StsStore(::sqlite3* db) : db_(db) {}
  std::mutex mutex_;  // guards db_; held for one statement
  ::sqlite3* db_;
};

// What one look-up needs; all of it outlives the look-up but for `tls`, which it holds.
struct StsNeeds {
  net::Loop& loop;
  net::Resolver& resolver;
  net::Offload& files;
  StsStore& store;
  base::Telemetry& telemetry;
  std::shared_ptr<const net::TlsClient> tls;
  std::uint16_t port = 443;
};

struct StsFound {
  std::optional<StsPolicy> policy;  // none: the domain has none, or none that could ever be had
  std::string text;                 // of the policy, for reports
  std::string failure;              // of TLSRPT, when there should be one: "sts-policy-fetch-error", ...
};

net::Task<StsFound> find_sts(StsNeeds needs, std::string domain);

}  // namespace genkan::smtp
