// What a configuration means to ACME: made off the loops, immutable, swapped as a whole on reload.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "acme/exchange.hpp"
#include "acme/store.hpp"
#include "base/crypto_ec_key.hpp"
#include "conf/conf.hpp"
#include "net/tls.hpp"

namespace genkan::acme {

struct Plan {
  conf::Acme conf;
  std::string node;
  std::vector<conf::Certificate> certificates;  // only those with `acme`, names in lower case
  base::EcKey key;
  std::string thumbprint, external_key;  // raw
  std::shared_ptr<const net::TlsClient> tls;
  Store store;

  // Null without a certificate to order. Blocks.
  static Result<std::shared_ptr<const Plan>> make(const conf::Conf& conf, std::string& why);

  const conf::Certificate* find(std::string_view name) const;  // by first name
  std::set<std::string, std::less<>> hosts() const;
  Wanted wanted(const conf::Certificate& certificate, const State& state) const;
  // The same for one certificate and one moment on this node: what jitter is made of.
  std::uint64_t seed(std::string_view name, WallTime moment) const;
};

}  // namespace genkan::acme
