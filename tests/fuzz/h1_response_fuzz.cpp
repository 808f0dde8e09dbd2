// room: http
// Anything as an origin's bytes: head, framing, content.
#include <cstdlib>

#include "http/h1/framing.hpp"
#include "http/h1/parser.hpp"
#include "tests/fuzz/beast_head.hpp"

using namespace genkan::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  h1::HeadScanner scanner;
  if (scanner.scan(text, 50) != h1::HeadScanner::State::complete) return 0;
  const std::string_view head = std::string_view(text).substr(0, scanner.end());
  Fields fields;
  fields.clear(head.data());
  h1::StatusLine line;
  if (h1::parse_response(head, line, fields) != h1::HeadError::none) return 0;
  genkan::fuzz::BeastHead<false> second;
  const std::string plain = genkan::fuzz::for_beast(head, false);
  const bool lists = fields.has(FieldId::connection) || fields.has(FieldId::proxy_connection);
  if (!second.accepts(plain, lists)) std::abort();
  for (std::size_t i = 0; i < second.fields.size(); ++i) {
    if (fields.name(i) != second.fields[i].first || fields.value(i) != second.fields[i].second) std::abort();
  }
  if (line.status < 0 || line.status > 999) std::abort();
  for (const Method method : {Method::get, Method::head}) {
    h1::Framing framing;
    if (!h1::response_framing(fields, line.status, line.minor_version, method, framing)) continue;
    const bool none = line.status / 100 == 1 || line.status == 204 || line.status == 304 || method == Method::head;
    if (none && framing.kind != h1::Framing::Kind::none) std::abort();
  }
  (void)h1::keeps_alive(fields, line.minor_version);
  Fields copy = fields;
  h1::remove_hop_by_hop(copy);
  if (copy.has(FieldId::connection) && copy.get(FieldId::connection)) std::abort();
  return 0;
}
