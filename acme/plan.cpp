#include "acme/plan.hpp"

#include <algorithm>
#include <set>

#include "acme/jws.hpp"
#include "base/text.hpp"

namespace genkan::acme {

Result<std::shared_ptr<const Plan>> Plan::make(const conf::Conf& conf, std::string& why) {
  std::vector<conf::Certificate> certificates;
  for (conf::Certificate certificate : conf.certificates) {
    if (!certificate.acme) continue;
    for (auto& name : certificate.names) name = base::to_lower(name);
    certificates.push_back(std::move(certificate));
  }
  if (certificates.empty()) return std::shared_ptr<const Plan>();
  const Store store(conf.node.state_dir + "/acme");
  if (auto made = store.prepare(); !made) {
    why = "cannot make " + conf.node.state_dir + "/acme: " + made.error().message();
    return made.error();
  }
  auto key = store.account_key(conf.acme.account_key, why);
  if (!key) return key.error();
  net::TlsClient::Options options;
  options.ca_file = conf.acme.ca_file;
  options.alpn = {"http/1.1"};
  auto tls = net::TlsClient::make(options, why);
  if (!tls) {
    why = "[acme] ca_file: " + why;
    return tls.error();
  }
  std::string thumbprint = thumbprint_of(*key);
  return std::make_shared<const Plan>(
      Plan{conf.acme, conf.node.name, std::move(certificates), std::move(*key), std::move(thumbprint),
           base::base64_decode(conf.acme.eab_key).value_or(std::string()), std::move(*tls), store});
}

const conf::Certificate* Plan::find(std::string_view name) const {
  const auto found = std::find_if(certificates.begin(), certificates.end(),
                                  [&](const auto& certificate) { return certificate.names.front() == name; });
  return found == certificates.end() ? nullptr : &*found;
}

std::set<std::string, std::less<>> Plan::hosts() const {
  std::set<std::string, std::less<>> out;
  for (const auto& certificate : certificates) out.insert(certificate.names.begin(), certificate.names.end());
  return out;
}

Wanted Plan::wanted(const conf::Certificate& certificate, const State& state) const {
  Wanted out;
  out.directory = conf.directory;
  out.names = certificate.names;
  out.challenge = conf.challenge;
  for (const auto& contact : conf.contact) {
    out.contacts.push_back(contact.find(':') == std::string::npos ? "mailto:" + contact : contact);
  }
  out.has_external_key = !conf.eab_key.empty();
  // Kept with the key's thumbprint: another key is another account.
  if (state.directory == conf.directory + " " + thumbprint) out.account = state.account;
  return out;
}

std::uint64_t Plan::seed(std::string_view name, WallTime moment) const {
  const auto digest =
      base::sha256(node + "\n" + std::string(name) + "\n" +
                   std::to_string(std::chrono::duration_cast<std::chrono::seconds>(moment.time_since_epoch()).count()));
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | digest[i];
  return out;
}

}  // namespace genkan::acme
