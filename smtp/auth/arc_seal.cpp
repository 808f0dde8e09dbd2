// A set of our own at the end of an ARC chain (RFC 8617 5.1).
#include <algorithm>

#include "base/text.hpp"
#include "smtp/auth/arc.hpp"

namespace genkan::smtp {
namespace {

std::string algorithm(const DkimKey& key) {
  return key.key->kind() == base::KeyKind::rsa ? "rsa-sha256" : "ed25519-sha256";
}

// The field of this name and number, or nothing.
const MailField* set_field(const MailHeader& header, std::string_view name, std::size_t number) {
  for (const auto index : header.all(name)) {
    const auto& field = header.fields()[index];
    const auto first = without_space(field.value.substr(0, field.value.find(';')));
    const auto tags = TagList::parse(field.value);
    const auto text = tags ? tags->packed("i") : first.starts_with("i=") ? first.substr(2) : std::string();
    if (base::parse_uint(text) == number) return &field;
  }
  return nullptr;
}

Result<std::string> signed_field(std::string field, const DkimKey& key, const base::Sha256& digest) {
  auto signature = key.key->sign(digest);
  if (!signature) return signature.error();
  field.resize(field.size() - 2);
  field += folded_base64(*signature) + "\r\n";
  return Result<std::string>(std::move(field));
}

std::vector<std::string> names_for_arc(const MailHeader& header, const DkimKey& key) {
  auto wanted = key.names;
  wanted.emplace_back("dkim-signature");
  std::erase_if(wanted,
                [](const std::string& name) { return name.starts_with("arc-") || name == "authentication-results"; });
  auto names = names_to_sign(header, wanted);
  // No field named once too often: who passes it on may add to it, and says so by the next set.
  std::vector<std::string> out;
  for (const auto& name : names) {
    const auto have = static_cast<std::size_t>(std::count(out.begin(), out.end(), name));
    if (have < header.all(name).size()) out.push_back(name);
  }
  return out;
}

}  // namespace

Result<std::string> seal_arc(const DkimKey& key, const MailHeader& header, const ArcAnswer& chain,
                             const base::Sha256& body_hash, std::string_view results, std::int64_t now_s) {
  const auto number = chain.sets + 1;
  if (chain.was_failed || number > kMaxArcSets) return Result<std::string>(std::string());
  const bool failed = chain.result == ArcAnswer::Result::fail;
  const auto i = std::to_string(number), t = std::to_string(now_s);
  const std::string from = "; a=" + algorithm(key) + ";";
  const std::string aar = "ARC-Authentication-Results: i=" + i + "; " + std::string(results) + "\r\n";

  const auto names = names_for_arc(header, key);
  std::string message = "ARC-Message-Signature: i=" + i + from + " c=relaxed/relaxed; d=" + key.domain + ";\r\n\ts=";
  message += key.selector + "; t=" + t + ";\r\n\th=";
  std::size_t line = 0;
  for (const auto& name : names) {
    if (&name != &names.front()) message += ':';
    if (line + name.size() > 70) {
      message += "\r\n\t ";
      line = 0;
    }
    message += name;
    line += name.size() + 1;
  }
  message += ";\r\n\tbh=";
  message += base::base64(std::string_view(reinterpret_cast<const char*>(body_hash.data()), body_hash.size()));
  message += ";\r\n\tb=\r\n";
  auto signed_message = signed_field(message, key, header_digest(header, names, Canon::relaxed, field_of(message)));
  if (!signed_message) return signed_message;

  std::string cv = chain.sets == 0 ? "none" : failed ? "fail" : "pass";
  std::string seal = "ARC-Seal: i=" + i + from + " t=" + t + "; cv=" + cv + ";\r\n\td=" + key.domain;
  seal += "; s=" + key.selector + ";\r\n\tb=\r\n";
  std::string text;
  for (std::size_t n = 1; n < number && !failed; ++n) {  // a broken chain is not covered (5.1.2)
    for (const auto* name : {"arc-authentication-results", "arc-message-signature", "arc-seal"}) {
      const auto* field = set_field(header, name, n);
      if (field) put_canonical(*field, Canon::relaxed, text);
    }
  }
  put_canonical(field_of(aar), Canon::relaxed, text);
  put_canonical(field_of(*signed_message), Canon::relaxed, text);
  put_canonical(field_of(seal), Canon::relaxed, text);
  text.resize(text.size() - 2);
  auto signed_seal = signed_field(seal, key, base::sha256(text));
  if (!signed_seal) return signed_seal;
  return Result<std::string>(*signed_seal + *signed_message + aar);
}

}  // namespace genkan::smtp
