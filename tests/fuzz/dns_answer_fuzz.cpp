// room: net
// What a name server, or somebody in its name, can answer. What comes out keeps every limit.
#include <cstdint>
#include <cstdlib>

#include "net/dns_hosts.hpp"
#include "net/dns_message.hpp"
#include "net/dns_secure.hpp"

using namespace genkan;
namespace dns = net::dns;

namespace {

template <class T>
const std::vector<T>& limited(const Result<net::DnsAnswer<T>>& answer) {
  static const std::vector<T> none;
  if (!answer) return none;
  if (answer->records.empty() || answer->records.size() > dns::kMaxRecords) std::abort();
  if (answer->ttl.count() < 0 || answer->ttl.count() > 0x7FFF'FFFF) std::abort();
  return answer->records;
}

void check_name(const std::string& name) {
  if (name.empty() || dns::normal_name(name) != name) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const dns::Bytes message(data, size);
  static_cast<void>(dns::least_ttl(message));
  limited(dns::parse_addresses(message, dns::Type::a));
  limited(dns::parse_addresses(message, dns::Type::aaaa));
  const auto mx = dns::parse_mx(message);
  for (const auto& record : limited(mx)) {
    if (!record.host.empty()) check_name(record.host);
  }
  const auto srv = dns::parse_srv(message);
  for (const auto& record : limited(srv)) check_name(record.host);
  const auto ptr = dns::parse_ptr(message);
  for (const auto& name : limited(ptr)) check_name(name);
  const auto txt = dns::parse_txt(message);
  for (const auto& text : limited(txt)) {
    if (text.size() > dns::kMaxText) std::abort();
  }
  for (const auto type : {dns::Type::a, dns::Type::mx, dns::Type::tlsa}) {
    const auto secure = dns::parse_secure(message, type);
    if (!secure) continue;
    if (secure->tlsa.size() > dns::kMaxTlsa || secure->ttl.count() > 0x7FFF'FFFF) std::abort();
    if (type != dns::Type::tlsa && !secure->tlsa.empty()) std::abort();
    for (const auto& record : secure->tlsa) {
      if (record.data.empty() || record.data.size() > dns::kMaxTlsaData) std::abort();
    }
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, addresses] : dns::parse_hosts(text)) {
    check_name(name);
    if (addresses.empty() || addresses.size() > dns::kMaxRecords) std::abort();
  }
  return 0;
}
