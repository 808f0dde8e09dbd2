// room: smtp
// What a filter may say: packets in any pieces, answers, and changes carried out on a message. Whatever it sends, the
// message that comes out has no CR or LF alone in it, and its body begins where the changes say.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/milter/protocol.hpp"

using namespace genkan::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string in(reinterpret_cast<const char*>(data), size);
  std::vector<MilterChange> changes;
  for (;;) {
    const auto packet = take_milter_packet(in);
    if (!packet || !*packet) break;
    (void)read_negotiation(**packet);
    auto reading = read_answer(**packet);
    if (!reading) continue;
    for (const char c : reading->reply) {
      if (c == '\r' || c == '\n') std::abort();
    }
    if (reading->change && changes.size() < 100) changes.push_back(std::move(*reading->change));
  }
  const auto out = changed_content("A: 1\r\nB: 2\r\n x\r\n\r\nbody\r\n", changes, size % 2 == 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] == '\n' && (i == 0 || out[i - 1] != '\r')) std::abort();
    if (out[i] == '\r' && (i + 1 == out.size() || out[i + 1] != '\n')) std::abort();
  }
  return 0;
}
