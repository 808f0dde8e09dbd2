#include "smtp/operate/tls_report_mail.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "smtp/address.hpp"

namespace genkan::smtp {
namespace {

constexpr std::string_view kVersion = "v=TLSRPTv1";

// "v=TLSRPTv1; rua=..." with blanks where RFC 8460 3 allows them.
bool is_record(std::string_view text) {
  if (!text.starts_with(kVersion)) return false;
  const auto rest = base::trim(text.substr(kVersion.size()));
  return rest.empty() || rest.front() == ';';
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = text[i] == '%' && i + 2 < text.size() ? base::parse_hex(text.substr(i + 1, 2)) : std::nullopt;
    out += octet ? static_cast<char>(*octet) : text[i];
    i += octet ? 2 : 0;
  }
  return out;
}

void put_addresses(std::string_view list, std::vector<std::string>& out) {
  for (auto uri : base::split(list, ',')) {
    uri = base::trim(uri);
    if (!base::istarts_with(uri, "mailto:") || out.size() >= kMaxReportAddresses) continue;
    auto address = percent_decoded(uri.substr(7, uri.find('?') == uri.npos ? uri.npos : uri.find('?') - 7));
    AddressView view;
    if (parse_mailbox(address, view) != AddressFault::none || view.non_ascii || view.domain.empty()) continue;
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(std::move(address));
  }
}

std::string lines_of(std::string_view base64) {
  constexpr std::size_t kLine = 76;
  std::string out;
  for (std::size_t at = 0; at < base64.size(); at += kLine) {
    out += base64.substr(at, kLine);
    out += "\r\n";
  }
  return out;
}

std::string list_of(const std::vector<std::string>& addresses) {
  std::string out;
  for (const auto& address : addresses) out += (out.empty() ? "<" : ",\r\n <") + address + ">";
  return out;
}

}  // namespace

std::vector<std::string> tls_report_addresses(const std::vector<std::string>& txt) {
  std::vector<std::string> out;
  if (std::count_if(txt.begin(), txt.end(), is_record) != 1) return out;
  const auto& record = *std::find_if(txt.begin(), txt.end(), is_record);
  for (const auto field : base::split(record, ';')) {
    const auto equals = field.find('=');
    if (equals == field.npos || base::trim(field.substr(0, equals)) != "rua") continue;
    put_addresses(field.substr(equals + 1), out);
    break;
  }
  return out;
}

std::optional<TlsReportName> parse_report_name(std::string_view file) {
  if (!file.ends_with(".json")) return std::nullopt;
  const auto parts = base::split(file.substr(0, file.size() - 5), '!');
  if (parts.size() != 4 || !valid_domain(parts[0], false) || !valid_domain(parts[1], false)) return std::nullopt;
  const auto since = base::parse_uint(parts[2]), until = base::parse_uint(parts[3]);
  constexpr std::uint64_t kMost = 1ull << 40;
  if (!since || !until || *since > *until || *until > kMost) return std::nullopt;
  TlsReportName name;
  name.organization = parts[0];
  name.domain = parts[1];
  name.since_s = static_cast<std::int64_t>(*since);
  name.until_s = static_cast<std::int64_t>(*until);
  return name;
}

std::string build_tls_report_mail(const TlsReportMail& mail) {
  const auto id = std::to_string(mail.name.since_s) + "." + std::to_string(mail.name.until_s) + "." + mail.name.domain +
                  "@" + mail.name.organization;
  const auto boundary = "genkan-" + mail.token;
  std::string out = "From: <" + mail.from + ">\r\nTo: " + list_of(mail.to) + "\r\n";
  out += "Subject: Report Domain: " + mail.name.domain + "\r\n Submitter: " + mail.name.organization +
         "\r\n Report-ID: <" + id + ">\r\n";
  out += "Date: " + base::rfc5322_date(mail.now) + "\r\nMessage-ID: <" + mail.token + "@" + mail.hostname + ">\r\n";
  out += "TLS-Report-Domain: " + mail.name.domain + "\r\nTLS-Report-Submitter: " + mail.name.organization + "\r\n";
  out += "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" + boundary + "\"\r\n\r\n";
  out += "--" + boundary + "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n";
  out += "This is a report of " + mail.name.organization + " about TLS to the mail hosts of\r\n" + mail.name.domain +
         " (RFC 8460). _smtp._tls." + mail.name.domain + " asks for it.\r\n";
  out += "\r\n--" + boundary + "\r\nContent-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: base64\r\n";
  out += "Content-Disposition: attachment;\r\n filename=\"" + mail.file + "\"\r\n\r\n";
  out += lines_of(base::base64(mail.json));
  out += "\r\n--" + boundary + "--\r\n";
  return out;
}

}  // namespace genkan::smtp
