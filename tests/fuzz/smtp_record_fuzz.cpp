// room: smtp
// Any octets as a record of the spool: nothing but values or Errc::corrupt comes out, and what was read is written back
// to something that reads the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "smtp/queue/record.hpp"

using namespace genkan::smtp;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto head = decode_head(in)) {
    const auto meta = in.substr(kRecordHead, head->meta_size);
    head_is_good(*head, in, meta);
  }
  if (const auto message = decode_message(in)) {
    const auto record = encode_message(*message, "body");
    const auto again = decode_message(std::string_view(record).substr(kRecordHead));
    require(again && again->items.size() == message->items.size() &&
            again->envelope.sender == message->envelope.sender);
    require(encode_message(*again, "body") == record);
  }
  if (const auto state = decode_state(in)) {
    const auto record = encode_state(*state);
    const auto again = decode_state(std::string_view(record).substr(kRecordHead));
    require(again && encode_state(*again) == record);
  }
  return 0;
}
