#include "conf/client_fact.hpp"

#include <array>

#include "conf/placeholders.hpp"

namespace genkan::conf {
namespace {

struct Known {
  std::string_view name;
  ClientFact fact;
};
constexpr std::array<Known, 8> kKnown{{{"verified", ClientFact::verified},
                                       {"subject", ClientFact::subject},
                                       {"issuer", ClientFact::issuer},
                                       {"serial", ClientFact::serial},
                                       {"fingerprint", ClientFact::fingerprint},
                                       {"san", ClientFact::san},
                                       {"not_after", ClientFact::not_after},
                                       {"certificate", ClientFact::certificate}}};

}  // namespace

std::optional<ClientFact> client_fact(std::string_view name) noexcept {
  for (const Known& known : kKnown) {
    if (known.name == name) return known.fact;
  }
  return std::nullopt;
}

std::optional<ClientFact> client_fact_item(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "client_";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name == "certificate") return ClientFact::subject;
  const auto fact = client_fact(name);
  return fact == ClientFact::subject || fact == ClientFact::certificate ? std::nullopt : fact;
}

Result<ClientField> parse_client_field(std::string_view rule) {
  const auto split = split_field_rule(rule);
  if (!split) return split.error();
  const auto fact = client_fact(split->text);
  if (!fact) return Errc::malformed;
  return ClientField{split->name, *fact};
}

}  // namespace genkan::conf
