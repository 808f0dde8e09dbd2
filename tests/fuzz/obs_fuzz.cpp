// room: http
// Ids and traces of strangers: whatever stands in the fields, what goes on is one harmless id and one valid
// traceparent. And whatever a line holds, a syslog message stays one line of UTF-8 within its bounds.
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/syslog_format.hpp"
#include "base/text.hpp"
#include "http/identity.hpp"
#include "net/loop.hpp"

namespace {

void need(bool good) {
  if (!good) std::abort();
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = genkan::base::utf8_sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void check_identity(std::string_view input) {
  using namespace genkan;
  static net::Loop loop(1);
  static const base::Endpoint client{*base::IpAddress::parse("192.0.2.1"), 1, {}};
  http::Request r(loop);
  r.client = &client;
  conf::Http conf;
  conf.request_id = conf.trace = true;
  if (!input.empty() && input.front() % 2 != 0) conf.request_id_from = {*base::Cidr::parse("192.0.2.0/24")};
  std::size_t lines = 0;
  for (const auto line : base::split(input, '\n')) {
    if (++lines > 8) break;
    const auto id = lines % 3 == 0   ? http::FieldId::tracestate
                    : lines % 3 == 1 ? http::FieldId::traceparent
                                     : http::FieldId::x_request_id;
    r.fields.add(id, line);
  }
  const bool had_one = r.fields.count(http::FieldId::traceparent) == 1;
  const auto given = std::string(r.fields.get(http::FieldId::traceparent).value_or(""));
  http::identify(r, conf);
  need(r.fields.count(http::FieldId::x_request_id) == 1);
  need(http::is_harmless_id(*r.fields.get(http::FieldId::x_request_id)));
  need(r.fields.count(http::FieldId::traceparent) == 1);
  const auto now = http::parse_traceparent(*r.fields.get(http::FieldId::traceparent));
  need(now && now->version == "00");
  const auto before = http::parse_traceparent(given);
  if (had_one && before) {
    need(now->trace_id == before->trace_id && now->parent_id == before->parent_id);
  } else {
    need(!r.fields.has(http::FieldId::tracestate) || r.fields.count(http::FieldId::tracestate) == 0);
  }
}

void check_syslog(std::string_view input) {
  using namespace genkan::base;
  std::string out;
  const SyslogOrigin origin{16, std::string(input.substr(0, 300)), std::string(input.substr(0, 60)), "1"};
  format_syslog(origin, 6, genkan::WallTime{}, input.substr(0, 40), input, 2048, out);
  need(out.size() <= 2048 + 700 && is_utf8(out));
  for (const char c : out) need(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  std::string framed;
  frame_syslog(out, framed);
  need(framed == std::to_string(out.size()) + " " + out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_identity(input);
  check_syslog(input);
  return 0;
}
