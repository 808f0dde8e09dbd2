#include "smtp/trace.hpp"

#include "base/text.hpp"

namespace genkan::smtp {

void put_received(const TraceInput& input, std::string& out) {
  const bool v6 = input.ip.find(':') != std::string_view::npos;
  out += "Received: from ";
  out += input.helo.empty() ? std::string_view("unknown") : input.helo;
  out += v6 ? " ([IPv6:" : " ([";
  out += input.ip;
  out += "])\r\n\tby ";
  out += input.hostname;
  out += " with ";
  out += input.protocol;
  out += " id ";
  out += input.id;
  if (!input.only_recipient.empty()) {
    out += "\r\n\tfor <";
    out += input.only_recipient;
    out += '>';
  }
  out += ";\r\n\t";
  out += base::rfc5322_date(input.now);
  out += "\r\n";
}

}  // namespace genkan::smtp
