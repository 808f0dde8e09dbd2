// room: smtp
// Differential: the same octets after DATA, in any segmentation, give the same content; what is stored holds no bare CR
// or LF; and content that goes out stuffed, or in chunks, comes back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/client/connection.hpp"
#include "smtp/content.hpp"

using namespace genkan::smtp;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  std::string stored;
  std::size_t taken = 0;
  bool done = false;
  ContentFacts facts;
};

Result read(std::string_view wire, std::size_t piece, ContentReader::Framing framing, BareNewline policy) {
  ContentReader reader(framing, policy, 1 << 20);
  Result result;
  while (result.taken < wire.size() && !reader.done()) {
    result.taken += reader.feed(wire.substr(result.taken, piece), result.stored);
  }
  result.done = reader.done();
  if (framing == ContentReader::Framing::chunks) reader.finish_chunks(result.stored);
  result.facts = reader.facts();
  return result;
}

void require_clean(std::string_view content) {
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (content[i] == '\n') require(i > 0 && content[i - 1] == '\r');
    if (content[i] == '\r') require(i + 1 < content.size() && content[i + 1] == '\n');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 16 + 1;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  using Framing = ContentReader::Framing;
  for (const auto policy : {BareNewline::refuse, BareNewline::mend}) {
    for (const auto framing : {Framing::dots, Framing::chunks}) {
      const auto whole = read(wire, size, framing, policy);
      const auto split = read(wire, piece, framing, policy);
      require(whole.taken == split.taken && whole.done == split.done);
      require(whole.facts.size == split.facts.size && whole.facts.bare_newline == split.facts.bare_newline);
      if (policy == BareNewline::refuse && whole.facts.bare_newline) continue;
      require(whole.stored == split.stored && whole.facts.dot_lines == split.facts.dot_lines);
      require(whole.facts.eight_bit == split.facts.eight_bit && whole.facts.size == whole.stored.size());
      if (!whole.done && framing == Framing::dots) continue;
      require_clean(whole.stored);
      require(whole.stored.empty() || whole.stored.ends_with("\r\n"));
      // Out and in again, stuffed and in chunks.
      std::string stuffed;
      for (std::size_t at = 0; at < whole.stored.size();) at = stuff_dots(whole.stored, at, piece, stuffed);
      if (!whole.facts.dot_lines) require(stuffed == whole.stored);
      const auto again = read(stuffed + ".\r\n", piece, Framing::dots, BareNewline::refuse);
      require(again.done && again.stored == whole.stored);
      const auto chunks = read(whole.stored, piece, Framing::chunks, BareNewline::refuse);
      require(chunks.stored == whole.stored && chunks.facts.dot_lines == whole.facts.dot_lines);
    }
  }
  return 0;
}
