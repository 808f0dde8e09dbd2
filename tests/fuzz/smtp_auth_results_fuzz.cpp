// room: smtp
// What others wrote into a header: no field that claims to be ours is left when they are taken out, all others are, and
// our own field is whole lines of visible ASCII, whatever the words that it is made of.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/auth/results.hpp"

using namespace genkan::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::size_t removed = 0, none = 0;
  const MailHeader header(text);
  const auto rest = without_forged(header, "mx.example", &removed);
  if ((removed == 0) != (rest == text)) std::abort();
  const MailHeader cleaned(rest);
  without_forged(cleaned, "mx.example", &none);
  if (none != 0 || cleaned.fields().size() + removed != header.fields().size()) std::abort();

  for (const auto& domain : address_domains(text)) {
    if (!is_domain_text(domain)) std::abort();
  }
  parse_dmarc(text);

  AuthFindings findings;
  findings.client.reverse = findings.client.helo = NameCheck::fail;
  findings.client.spf_asked = findings.dkim_asked = findings.dmarc_asked = findings.arc_asked = true;
  findings.client.name = findings.client.helo_why = findings.question.helo = findings.question.sender = text;
  findings.dmarc.domain = findings.dmarc.why = findings.arc.why = text;
  DkimResult result;
  result.check.why = result.signature.domain = result.signature.selector = result.signature.signature_text = text;
  result.signature.names.push_back(text);
  findings.dkim.push_back(result);
  const auto out = results_text("mx.example", findings);
  for (std::size_t at = 0, end = 0; at < out.size(); at = end + 2) {
    end = std::min(out.find("\r\n", at), out.size());
    if (end - at > 998) std::abort();  // RFC 5322 2.1.1
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool fold =
        out[i] == '\r' && i + 2 < out.size() && out[i + 1] == '\n' && (out[i + 2] == '\t' || out[i + 2] == ' ');
    const bool in_fold = out[i] == '\n' ? i > 0 && out[i - 1] == '\r' : out[i] == '\t' && i > 0 && out[i - 1] == '\n';
    if (!fold && !in_fold && (out[i] < ' ' || out[i] > '~')) std::abort();
  }
  if (authserv_id_of(out) != "mx.example") std::abort();
  return 0;
}
