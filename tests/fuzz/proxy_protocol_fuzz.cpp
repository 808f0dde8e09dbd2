// room: net
// What the first bytes of a connection can be. However they are split, the answer is the same: a prefix wants more, or
// says what the whole says, and what is malformed is not healed by more bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/proxy_protocol.hpp"

using namespace genkan;
using State = net::ProxyHeader::State;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const net::ProxyHeader whole = net::parse_proxy_header(all);
  if (whole.state == State::complete) {
    if (whole.size == 0 || whole.size > size || whole.size > net::kMaxProxyHeader) std::abort();
    if (whole.source.has_value() != whole.destination.has_value()) std::abort();
  } else if (whole.state == State::more && size >= net::kMaxProxyHeader) {
    std::abort();
  }
  const std::size_t limit = size < 600 ? size : 600;
  for (std::size_t n = 0; n < limit; ++n) {
    const net::ProxyHeader part = net::parse_proxy_header(all.substr(0, n));
    if (part.state == State::malformed && whole.state != State::malformed) std::abort();
    if (part.state == State::complete) {
      if (whole.state != State::complete || part.size != whole.size || part.source != whole.source) std::abort();
    }
    if (whole.state == State::complete && n < whole.size && part.state != State::more) std::abort();
  }
  return 0;
}
