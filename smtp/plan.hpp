// The part of the configuration that mail runs by, made ready: immutable, shared, replaced as a whole on a reload.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "conf/conf.hpp"
#include "net/address_set.hpp"
#include "net/tls.hpp"
#include "smtp/alias.hpp"
#include "smtp/auth/message_auth.hpp"
#include "smtp/delivery/settle.hpp"
#include "smtp/route.hpp"
#include "smtp/session.hpp"

namespace genkan::smtp {

struct Plan {
  Plan(conf::ConfPtr c, std::shared_ptr<const net::TlsServer> server, std::shared_ptr<const net::TlsClient> client);
  // With what can fail: `why` says which file.
  static Result<std::shared_ptr<const Plan>> make(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> server,
                                                  std::shared_ptr<const net::TlsClient> client, std::string& why);

  conf::ConfPtr conf;
  Router router;
  AliasTable aliases;
  SessionOptions session;
  RetryRules retry;
  AuthRulesPtr auth;                                              // never null once made
  std::shared_ptr<const net::TlsServer> tls_server;               // null: no STARTTLS offered
  std::shared_ptr<const net::TlsClient> tls_client;               // encrypts without verifying; null: none used
  std::shared_ptr<const net::TlsClient> dane_client, sts_client;  // null where they are switched off
  // By relay group, where certificates are verified.
  std::map<std::string, std::shared_ptr<const net::TlsClient>, std::less<>> verifying;
  net::AddressSet relay_from, xclient_from, allow_from, deny_from;

  const conf::Smtp& smtp() const noexcept { return conf->smtp; }
  const std::string& hostname() const noexcept { return session.hostname; }
  const conf::SmtpRelay* relay(std::string_view name) const noexcept;
};
using PlanPtr = std::shared_ptr<const Plan>;

// "name@domain" in lower case without quotes; <Postmaster> is at the first local domain.
std::string local_user(std::string_view address, const Router& router);

}  // namespace genkan::smtp
