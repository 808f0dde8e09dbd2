#include "smtp/plan.hpp"

#include "base/text.hpp"

namespace genkan::smtp {

Plan::Plan(conf::ConfPtr c, std::shared_ptr<const net::TlsServer> server, std::shared_ptr<const net::TlsClient> client)
    : conf(std::move(c)),
      router(conf->smtp),
      aliases(conf->smtp),
      tls_server(std::move(server)),
      tls_client(std::move(client)) {
  const auto& mail = conf->smtp;
  session.hostname = mail.hostname.empty() ? conf->node.name : mail.hostname;
  if (session.hostname.empty()) session.hostname = "localhost";
  session.max_message = mail.max_message;
  session.max_recipients = mail.max_recipients;
  session.max_errors = mail.max_errors;
  session.tls = tls_server != nullptr;
  session.bare_newline = mail.bare_newline == "mend" ? BareNewline::mend : BareNewline::refuse;
  relay_from = mail.relay_from;
  xclient_from = mail.xclient_from;
  allow_from = mail.policy.allow_from;
  deny_from = mail.policy.deny_from;
  retry.first = mail.retry_first;
  retry.max = mail.retry_max;
  retry.expire = mail.expire;
  retry.delay_notice = mail.delay_notice;
}

Result<std::shared_ptr<const Plan>> Plan::make(conf::ConfPtr conf, std::shared_ptr<const net::TlsServer> server,
                                               std::shared_ptr<const net::TlsClient> client, std::string& why) {
  auto plan = std::make_shared<Plan>(std::move(conf), std::move(server), std::move(client));
  auto auth = AuthRules::make(plan->smtp(), plan->hostname(), why);
  if (!auth) return auth.error();
  plan->auth = std::move(*auth);
  const auto client_for = [&why](bool wanted, const std::string& ca, std::shared_ptr<const net::TlsClient>& out) {
    if (!wanted) return true;
    net::TlsClient::Options options;
    options.ca_file = ca;
    auto made = net::TlsClient::make(options, why);
    if (made) out = *made;
    return made.has_value();
  };
  if (!client_for(plan->smtp().dane, "", plan->dane_client) ||
      !client_for(plan->smtp().mta_sts, plan->smtp().mta_sts_ca, plan->sts_client)) {
    why = "smtp.mta_sts or smtp.dane: " + why;
    return Errc::tls_failed;
  }
  for (const auto& relay : plan->smtp().relays) {
    if (relay.tls != "verified") continue;
    net::TlsClient::Options options;
    options.ca_file = relay.tls_ca;
    auto made = net::TlsClient::make(options, why);
    if (!made) {
      why = "smtp.relay `" + relay.name + "`: " + why;
      return made.error();
    }
    plan->verifying.emplace(relay.name, *made);
  }
  return std::shared_ptr<const Plan>(std::move(plan));
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
