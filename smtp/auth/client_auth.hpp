// Who the client is, before any content: the name of its address (iprev, RFC 8601 3), the name that it says it has
// (RFC 5321 4.1.4), and SPF of both its identities.
#pragma once

#include <optional>
#include <string>

#include "conf/conf.hpp"
#include "smtp/auth/dns.hpp"
#include "smtp/auth/spf.hpp"

namespace genkan::smtp {

enum class NameCheck { not_asked, pass, fail, none, temperror };  // none: the address has no name

struct ClientAuth {
  NameCheck reverse = NameCheck::not_asked;
  std::string name;  // that leads back to the address; with fail: the first that does not
  NameCheck helo = NameCheck::not_asked;
  std::string helo_why;
  bool spf_asked = false;
  SpfAnswer spf, helo_spf;
};

struct ClientQuestion {
  base::IpAddress ip;
  std::string helo, sender;  // empty sender: the null sender
  std::string hostname;      // ours
  WallTime now{};
};

// What can be said of the HELO name without DNS; empty: nothing against it.
std::string helo_fault(std::string_view helo, const base::IpAddress& ip, std::string_view hostname);

net::Task<NameCheck> check_reverse(AuthDns& dns, base::IpAddress ip, std::string* name);
net::Task<ClientAuth> check_client(AuthDns& dns, ClientQuestion question, conf::SmtpAuth rules);

struct ClientRefusal {
  int code = 550;
  std::string_view status;
  std::string text;
};
// At RCPT, by what is configured. Pure.
std::optional<ClientRefusal> refusal_of(const ClientAuth& client, const ClientQuestion& question,
                                        const conf::SmtpAuth& rules);
// Whether the client must be judged at RCPT, because something may be refused.
bool judges_at_rcpt(const conf::SmtpAuth& rules) noexcept;

}  // namespace genkan::smtp
