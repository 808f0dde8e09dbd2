#include "smtp/delivery/report_signing.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool is_at_or_above(std::string_view domain, std::string_view host) {
  if (host.size() <= domain.size()) return base::iequals(domain, host);
  const auto end = host.substr(host.size() - domain.size());
  return base::iequals(domain, end) && host[host.size() - domain.size() - 1] == '.';
}

}  // namespace

std::vector<const DkimKey*> report_keys(const std::vector<DkimKey>& keys, std::string_view hostname) {
  std::vector<const DkimKey*> out;
  for (const auto& key : keys) {
    if (!is_at_or_above(key.domain, hostname)) continue;
    if (!out.empty() && out.front()->domain.size() > key.domain.size()) continue;
    if (!out.empty() && out.front()->domain.size() < key.domain.size()) out.clear();
    out.push_back(&key);
  }
  return out;
}

Result<std::string> report_signatures(const std::vector<const DkimKey*>& keys, std::string_view message,
                                      std::int64_t now_s) {
  const auto end = message.find("\r\n\r\n");
  if (end == std::string_view::npos) return Errc::malformed;
  const MailHeader header{std::string(message.substr(0, end + 2))};
  BodyHashes hashes;
  const auto hash = hashes.want(Canon::relaxed, std::nullopt);
  hashes.feed(message.substr(end + 4));
  hashes.finish();
  std::string out;
  for (const auto* key : keys) {
    auto field = sign_dkim(*key, header, hashes.at(hash).digest(), now_s);
    if (!field) return field;
    out += *field;
  }
  return Result<std::string>(std::move(out));
}

}  // namespace genkan::smtp
