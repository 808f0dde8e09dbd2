#include "conf/syslog.hpp"

#include <algorithm>
#include <array>

#include "base/address.hpp"
#include "base/text.hpp"
#include "conf/check.hpp"

namespace genkan::conf {
namespace {

constexpr std::array<std::string_view, 24> kFacilities = {"kern",
                                                          "user",
                                                          "mail",
                                                          "daemon",
                                                          "auth",
                                                          "syslog",
                                                          "lpr",
                                                          "news",
                                                          "uucp",
                                                          "cron",
                                                          "authpriv",
                                                          "ftp",
                                                          /* ntp, audit, alert, clock */ "",
                                                          "",
                                                          "",
                                                          "",
                                                          "local0",
                                                          "local1",
                                                          "local2",
                                                          "local3",
                                                          "local4",
                                                          "local5",
                                                          "local6",
                                                          "local7"};
constexpr std::size_t kMaxHost = 253;
constexpr std::size_t kMaxAppName = 48;

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHost && std::all_of(text.begin(), text.end(), [](char c) {
    return (base::lower(c) >= 'a' && base::lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

}  // namespace

Result<SyslogServer> parse_syslog_server(std::string_view text) {
  SyslogServer out;
  if (text.starts_with("udp://")) {
    out.port = 514;
  } else if (text.starts_with("tcp://")) {
    out.way = SyslogServer::Way::tcp;
    out.port = 601;
  } else if (text.starts_with("tls://")) {
    out.way = SyslogServer::Way::tls;
    out.port = 6514;
  } else {
    return Errc::malformed;
  }
  text.remove_prefix(6);
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Errc::malformed;
    out.host = text.substr(1, end - 1);
    const auto ip = base::IpAddress::parse(out.host);
    if (!ip || ip->is_v4()) return Errc::malformed;
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return Errc::malformed;
    port = text;
  } else {
    const auto colon = text.find(':');
    out.host = text.substr(0, colon);
    if (!is_host(out.host)) return Errc::malformed;
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (port.empty()) return out;
  const auto number = base::parse_uint(port.substr(1));
  if (!number || *number == 0 || *number > 65535) return Errc::malformed;
  out.port = static_cast<std::uint16_t>(*number);
  return out;
}

int syslog_facility(std::string_view name) noexcept {
  const auto found = std::find(kFacilities.begin(), kFacilities.end(), name);
  return name.empty() || found == kFacilities.end() ? -1 : static_cast<int>(found - kFacilities.begin());
}

void check_syslog(Checker& check) {
  const Syslog& syslog = check.conf.syslog;
  const std::string_view name = syslog.app_name;
  if (name.empty() || name.size() > kMaxAppName ||
      !std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    check.error("syslog.app_name", "`app_name` must be 1 to 48 printable characters without blanks");
  }
  if (syslog.cert.empty() != syslog.key.empty()) {
    check.error(syslog.cert.empty() ? "syslog.key" : "syslog.cert", "`cert` and `key` go together");
  }
  if (syslog.server.empty()) return;
  const auto server = parse_syslog_server(syslog.server);
  if (!server) {
    check.error("syslog.server", "\"" + syslog.server + "\" is not where syslog can be sent",
                "udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT");
    return;
  }
  if (server->way == SyslogServer::Way::tls) return;
  for (const char* only : {"ca", "tls_name", "cert", "key"}) {
    if (check.written(std::string("syslog.") + only)) {
      check.warning(std::string("syslog.") + only, std::string("`") + only + "` has an effect with tls:// only");
    }
  }
}

}  // namespace genkan::conf
