// room: http
// Anything as a client's bytes: head, framing, content. Whole and byte by byte must agree.
#include <cstdlib>

#include "http/h1/chunked.hpp"
#include "http/h1/framing.hpp"
#include "http/h1/parser.hpp"
#include "http/target.hpp"
#include "tests/fuzz/beast_head.hpp"

using namespace genkan::http;

static void content(std::string_view rest, bool drip, std::string& out) {
  h1::ChunkedDecoder decoder;
  std::size_t at = 0;
  while (at < rest.size()) {
    std::string_view in = rest.substr(at, drip ? 1 : rest.size() - at), part;
    const std::size_t given = in.size();
    const auto state = decoder.next(in, part);
    out += part;
    at += given - in.size();
    if (state == h1::ChunkedDecoder::State::end || state == h1::ChunkedDecoder::State::malformed) {
      out += state == h1::ChunkedDecoder::State::end ? "|end" : "|bad";
      return;
    }
  }
}

// What goes out reads back as the same fields.
static void rewritten(const Fields& fields) {
  std::string text;
  fields.each_run(Fields::bit(FieldId::host), [&](std::string_view part) { text += part; });
  text += "\r\n";
  Fields again;
  again.clear(text.data());
  if (h1::parse_trailers(text, again) != h1::HeadError::none) std::abort();
  std::size_t at = 0;
  fields.each([&](std::string_view name, std::string_view value, FieldId id) {
    if (id == FieldId::host) return;
    if (at == again.entries() || again.name(at) != name || again.value(at) != value) std::abort();
    ++at;
  });
  if (at != again.entries()) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  h1::HeadScanner scanner, drip;
  const auto whole = scanner.scan(text, 50);
  auto dripped = h1::HeadScanner::State::more;
  for (std::size_t n = 1; n <= size && dripped == h1::HeadScanner::State::more; ++n) {
    dripped = drip.scan(std::string_view(text).substr(0, n), 50);
  }
  if (whole != dripped || (whole == h1::HeadScanner::State::complete && scanner.end() != drip.end())) std::abort();
  if (whole != h1::HeadScanner::State::complete) return 0;
  const std::string_view head = std::string_view(text).substr(0, scanner.end());
  Fields fields;
  fields.clear(head.data());
  h1::RequestLine line;
  if (h1::parse_request(head, line, fields) != h1::HeadError::none) return 0;
  genkan::fuzz::BeastHead<true> second;
  const std::string plain = genkan::fuzz::for_beast(head, true);
  const bool lists = fields.has(FieldId::connection) || fields.has(FieldId::proxy_connection);
  if (!second.accepts(plain, lists)) std::abort();
  for (std::size_t i = 0; i < second.fields.size(); ++i) {
    if (fields.name(i) != second.fields[i].first || fields.value(i) != second.fields[i].second) std::abort();
  }
  fields.each([&](std::string_view name, std::string_view value, FieldId) {
    if (name.empty() || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) std::abort();
  });
  const auto framing = h1::request_framing(fields, line.minor_version);
  if (const auto target = split_target(line.target)) {
    std::string store, again;
    if (const auto path = normalise_path(target->path, store); path && target->form != TargetForm::asterisk) {
      const auto twice = normalise_path(*path, again);  // normal is normal
      if (!twice || *twice != *path) std::abort();
    }
  }
  if (const auto host = fields.get(FieldId::host)) (void)parse_authority(*host);
  if (!framing.refuse && framing.framing.kind == h1::Framing::Kind::chunked) {
    std::string one, two;
    content(std::string_view(text).substr(scanner.end()), false, one);
    content(std::string_view(text).substr(scanner.end()), true, two);
    if (one != two) std::abort();
  }
  h1::remove_hop_by_hop(fields);
  Fields copy = fields;
  rewritten(fields);
  return 0;
}
