// room: base
// The small parsers and encoders: what is read is written the same way, what is written is safe to read.
#include <cstdlib>

#include "base/address.hpp"
#include "base/log_format.hpp"
#include "base/pattern.hpp"
#include "base/text.hpp"

using namespace genkan;

namespace {

void must(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto ip = base::IpAddress::parse(text)) must(*base::IpAddress::parse(ip->text()) == *ip);
  if (auto e = base::Endpoint::parse(text)) must(*base::Endpoint::parse(e->text()) == *e);
  if (auto c = base::Cidr::parse(text)) must(*base::Cidr::parse(c->text()) == *c && c->contains(c->network));
  if (auto d = base::parse_duration(text)) must(*base::parse_duration(base::format_duration(*d)) == *d);
  if (auto s = base::parse_size(text)) must(*base::parse_size(base::format_size(*s)) == *s);
  if (auto t = base::parse_http_date(text)) {
    auto again = base::parse_http_date(base::http_date(*t));
    must(again && *again == *t);
    base::rfc3339(*t);
    base::rfc5322_date(*t);
  }
  must(*base::base64_decode(base::base64(text)) == text && *base::base64_decode(base::base64url(text)) == text);
  if (auto raw = base::base64_decode(text)) must(*base::base64_decode(base::base64(*raw)) == *raw);
  for (char c : base::json_quote(text)) must(static_cast<unsigned char>(c) >= 0x20);
  must(base::html_escape(text).find('<') == std::string::npos);
  base::each_in_list(text, [](std::string_view part) { must(!part.empty()); });

  const base::Field fields[] = {{"value", text}};
  base::LogLine line{WallClock::from_time_t(0), base::Level::info, text, fields};
  std::string out;
  base::format_text(line, false, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    must(static_cast<unsigned char>(out[i]) >= 0x20 || (out[i] == '\n' && i + 1 == out.size()));
  }
  std::string json;
  base::format_json(line, json);
  must(json.find('\n') + 1 == json.size());
  return 0;
}
