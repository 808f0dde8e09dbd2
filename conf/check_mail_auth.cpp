// Checks of [smtp.auth] and [[smtp.dkim]].
#include <algorithm>
#include <string>

#include "base/text.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

// Letters, digits, '-', '_' in labels: what can stand in d= and s= and be asked of DNS.
bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  const auto labels = base::split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && std::all_of(label.begin(), label.end(), [](char c) {
      const char l = base::lower(c);
      return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_';
    });
  });
}

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127 && c != ':' && c != ';'; });
}

void check_dkim_rows(Checker& check) {
  const auto& rows = check.conf.smtp.dkims;
  Names names(check, "DKIM key");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto place = at("smtp.dkim", i);
    names.add(base::to_lower(rows[i].selector + "._domainkey." + rows[i].domain), place + ".selector");
    if (!rows[i].domain.empty() && !is_dns_name(rows[i].domain))
      check.error(place + ".domain", "\"" + rows[i].domain + "\" is not a domain", "\"example.org\"");
    if (!rows[i].selector.empty() && !is_dns_name(rows[i].selector))
      check.error(place + ".selector", "\"" + rows[i].selector + "\" is not a selector", "\"mail2026\"");
    for (const auto& header : rows[i].headers) {
      if (!is_field_name(header)) {
        check.error(place + ".headers", "\"" + header + "\" is not the name of a field", "\"Subject\"");
      } else if (base::iequals(header, "received") || base::iequals(header, "return-path")) {
        check.warning(place + ".headers", "`" + header + "` changes on the way: the signature would not hold");
      }
    }
  }
}

}  // namespace

void check_smtp_auth(Checker& check) {
  const auto& auth = check.conf.smtp.auth;
  check_dkim_rows(check);
  if (!auth.authserv_id.empty() && !is_dns_name(auth.authserv_id)) {
    check.error("smtp.auth.authserv_id", "\"" + auth.authserv_id + "\" is not a host name", "\"mx.example.org\"");
  }
  for (const auto& domain : auth.arc_trusted) {
    if (!is_dns_name(domain)) check.error("smtp.auth.arc_trusted", "\"" + domain + "\" is not a domain");
  }
  if (!auth.arc_trusted.empty() && auth.arc == "off")
    check.error("smtp.auth.arc_trusted", "`arc_trusted` without ARC", "arc = \"mark\"");
  // The defaults of spf and dkim go with every dmarc; only who switched one of them off is told.
  if (auth.dmarc == "enforce" && (auth.spf == "off" || auth.dkim == "off")) {
    check.error("smtp.auth.dmarc", "`dmarc` would refuse good mail: it needs `spf` and `dkim`",
                "spf = \"mark\", dkim = \"mark\"");
  }
  if (auth.arc_seal.empty()) return;
  const auto& rows = check.conf.smtp.dkims;
  const bool known = std::any_of(rows.begin(), rows.end(),
                                 [&](const SmtpDkim& row) { return base::iequals(row.domain, auth.arc_seal); });
  if (!known) {
    std::vector<std::string_view> names;
    for (const auto& row : rows) names.push_back(row.domain);
    check.error("smtp.auth.arc_seal", "there is no [[smtp.dkim]] for `" + auth.arc_seal + "`",
                nearest_hint(auth.arc_seal, names));
  }
}

}  // namespace genkan::conf
