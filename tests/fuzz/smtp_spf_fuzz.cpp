// room: smtp
// An SPF record that anybody may publish: whatever it says, including itself, the questions end at their limits, a name
// is never longer than DNS has them, and an explanation is visible ASCII.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/auth/spf.hpp"
#include "tests/fuzz/auth_dns.hpp"

using namespace genkan;
using namespace genkan::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& record : {text, "v=spf1 " + text}) {
    const auto parsed = parse_spf(record);
    SpfMacros macros;
    macros.local = "a.b-c+d";
    macros.sender_domain = "sender.example";
    macros.ip = base::IpAddress::v4(0xC0000201);
    if (parsed) {
      for (const auto& term : parsed->terms) {
        if (expand_macros(term.domain, macros, "sender.example", true).size() > 253) std::abort();
      }
    }
    FuzzDns dns(record);
    SpfQuestion question;
    question.ip = macros.ip;
    question.sender = "ann@sender.example";
    question.helo = "mta.sender.example";
    const auto answer = now(check_spf(dns, question, false));
    if (dns.asked > 200 || answer.lookups > kMaxSpfLookups + 1) std::abort();
    if (answer.explanation.size() > kMaxSpfExplanation) std::abort();
    for (const char c : answer.explanation) {
      if (c < ' ' || c > '~') std::abort();
    }
  }
  if (is_macro_string(text, true)) {
    SpfMacros macros;
    expand_macros(text, macros, "sender.example", false);
  }
  return 0;
}
