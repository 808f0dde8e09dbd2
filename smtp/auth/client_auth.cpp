#include "smtp/auth/client_auth.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "smtp/auth/signature.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxNames = 10;

ClientRefusal refusal(int code, std::string_view status, std::string text) {
  ClientRefusal out;
  out.code = code;
  out.status = status;
  out.text = std::move(text);
  return out;
}

// An address or a mail host of its own: the name exists.
net::Task<NameCheck> exists(AuthDns& dns, std::string name) {
  const auto v4 = co_await dns.addresses(name, false);
  if (v4.found()) co_return NameCheck::pass;
  const auto v6 = co_await dns.addresses(name, true);
  if (v6.found()) co_return NameCheck::pass;
  const auto mx = co_await dns.mx(name);
  if (mx.found()) co_return NameCheck::pass;
  co_return v4.failed() || v6.failed() || mx.failed() ? NameCheck::temperror : NameCheck::fail;
}

}  // namespace

std::string helo_fault(std::string_view helo, const base::IpAddress& ip, std::string_view hostname) {
  if (helo.starts_with('[')) {
    if (!helo.ends_with(']')) return "no address in brackets";
    auto text = helo.substr(1, helo.size() - 2);
    if (base::istarts_with(text, "IPv6:")) text.remove_prefix(5);
    const auto named = base::IpAddress::parse(text);
    if (!named) return "no address in brackets";
    return *named == ip ? "" : "another address than the client's";
  }
  const bool literal = base::IpAddress::parse(helo).has_value();
  if (literal) return "an address without brackets";
  if (helo.ends_with('.')) helo.remove_suffix(1);
  if (!is_domain_text(helo) || helo.find('.') == std::string_view::npos) return "no full host name";
  if (base::iequals(helo, hostname)) return "our own name";
  return {};
}

net::Task<NameCheck> check_reverse(AuthDns& dns, base::IpAddress ip, std::string* name) {
  auto names = co_await dns.names(ip);
  if (names.failed()) co_return NameCheck::temperror;
  if (names.none()) co_return NameCheck::none;
  if (names.records.size() > kMaxNames) names.records.resize(kMaxNames);
  *name = names.records.front();
  bool failed = false;
  for (const auto& one : names.records) {
    const auto found = co_await dns.addresses(one, !ip.is_v4());
    failed = failed || found.failed();
    if (std::find(found.records.begin(), found.records.end(), ip) == found.records.end()) continue;
    *name = one;
    co_return NameCheck::pass;
  }
  co_return failed ? NameCheck::temperror : NameCheck::fail;
}

net::Task<ClientAuth> check_client(AuthDns& dns, ClientQuestion question, conf::SmtpAuth rules) {
  ClientAuth client;
  if (rules.reverse_dns != "off") client.reverse = co_await check_reverse(dns, question.ip, &client.name);
  if (rules.helo != "off") {
    client.helo_why = helo_fault(question.helo, question.ip, question.hostname);
    client.helo = client.helo_why.empty() ? NameCheck::pass : NameCheck::fail;
    if (client.helo == NameCheck::pass && !question.helo.starts_with('[')) {
      client.helo = co_await exists(dns, question.helo);
      if (client.helo == NameCheck::fail) client.helo_why = "it does not exist";
    }
  }
  if (rules.spf == "off") co_return client;
  client.spf_asked = true;
  SpfQuestion spf;
  spf.ip = question.ip;
  spf.sender = question.sender;
  spf.helo = question.helo;
  spf.receiver = question.hostname;
  spf.now = question.now;
  client.helo_spf = co_await check_spf(dns, spf, true);
  if (question.sender.empty()) {
    client.spf = client.helo_spf;  // the same identity (2.4)
    co_return client;
  }
  client.spf = co_await check_spf(dns, spf, false);
  co_return client;
}

bool judges_at_rcpt(const conf::SmtpAuth& rules) noexcept {
  return rules.spf == "reject" || rules.helo == "reject" || rules.reverse_dns == "reject";
}

std::optional<ClientRefusal> refusal_of(const ClientAuth& client, const ClientQuestion& question,
                                        const conf::SmtpAuth& rules) {
  const bool later = rules.dns_failure == "tempfail";
  if (rules.reverse_dns == "reject") {
    if (client.reverse == NameCheck::none || client.reverse == NameCheck::fail)
      return refusal(550, "5.7.25", "your address " + question.ip.text() + " has no name in DNS that leads back to it");
    if (client.reverse == NameCheck::temperror && later)
      return refusal(451, "4.7.25", "cannot look up the name of your address now");
  }
  if (rules.helo == "reject") {
    if (client.helo == NameCheck::fail)
      return refusal(550, "5.7.1", "the name in your EHLO is refused: " + client.helo_why);
    if (client.helo == NameCheck::temperror && later)
      return refusal(451, "4.7.1", "cannot look up the name in your EHLO now");
  }
  if (rules.spf == "reject") {
    for (const auto* spf : {&client.helo_spf, &client.spf}) {
      if (spf->result == SpfResult::fail) {
        auto text = "SPF: " + question.ip.text() + " may not send for this domain";
        if (!spf->explanation.empty()) text += "; it says: " + spf->explanation;
        return refusal(550, "5.7.23", std::move(text));
      }
      if (spf->result == SpfResult::temperror && later) return refusal(451, "4.7.24", "SPF: no answer from DNS now");
    }
  }
  return std::nullopt;
}

}  // namespace genkan::smtp
