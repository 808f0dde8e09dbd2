#include "smtp/plan.hpp"

#include "base/text.hpp"

namespace genkan::smtp {

Plan::Plan(conf::ConfPtr c, std::shared_ptr<const net::TlsServer> server, std::shared_ptr<const net::TlsClient> client)
    : conf(std::move(c)), router(conf->smtp), tls_server(std::move(server)), tls_client(std::move(client)) {
  const auto& mail = conf->smtp;
  session.hostname = mail.hostname.empty() ? conf->node.name : mail.hostname;
  if (session.hostname.empty()) session.hostname = "localhost";
  session.max_message = mail.max_message;
  session.max_recipients = mail.max_recipients;
  session.max_errors = mail.max_errors;
  session.tls = tls_server != nullptr;
  retry.first = mail.retry_first;
  retry.max = mail.retry_max;
  retry.expire = mail.expire;
  retry.delay_notice = mail.delay_notice;
}

const conf::SmtpRelay* Plan::relay(std::string_view name) const noexcept {
  for (const auto& relay : smtp().relays) {
    if (relay.name == name) return &relay;
  }
  return nullptr;
}

std::string local_user(std::string_view address, const Router& router) {
  auto domain = domain_of(address);
  if (domain.empty()) domain = router.first_local_domain();
  return local_of(address) + "@" + base::to_lower(domain);
}

}  // namespace genkan::smtp
