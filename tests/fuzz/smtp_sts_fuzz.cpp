// room: smtp
// What a domain, or somebody in its name, can say by MTA-STS: the policy, the HTTP answer it comes in, the TXT record;
// and whom it names for reports about TLS.
#include <cstdint>
#include <cstdlib>

#include "smtp/address.hpp"
#include "smtp/operate/tls_report_mail.hpp"
#include "smtp/sts/policy.hpp"

using namespace genkan::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  std::string why;
  const auto check = [&why](std::string_view text) {
    const auto policy = parse_sts_policy(text, why);
    if (!policy) {
      if (why.empty()) std::abort();
      return;
    }
    if (policy->max_age_s < 0 || policy->mx.size() > 100) std::abort();
    for (const auto& mx : policy->mx) {
      if (mx.empty() || (!mx.starts_with("*.") && !sts_names(*policy, mx))) std::abort();
    }
  };
  check(in);
  const auto body = sts_body(in, why);
  if (body) {
    if (body->size() > in.size()) std::abort();
    check(*body);
  }
  const auto cut = in.find('\n');
  const auto id =
      sts_id({std::string(in.substr(0, cut)), std::string(cut == std::string_view::npos ? "" : in.substr(cut))});
  const auto addresses = tls_report_addresses({std::string(in)});
  if (addresses.size() > kMaxReportAddresses) std::abort();
  for (const auto& address : addresses) {
    AddressView view;
    if (parse_mailbox(address, view) != AddressFault::none || address.find_first_of("\r\n") != address.npos)
      std::abort();
  }
  (void)parse_report_name(in);
  if (id && (id->empty() || id->size() > 32)) std::abort();
  return 0;
}
