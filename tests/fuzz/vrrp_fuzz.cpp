// room: vip
// What anyone on the wire can send to the guardian: an IPv4 packet of protocol 112.
// What is accepted must be writable again, and read back as the same.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vip/control.hpp"
#include "vip/packet.hpp"

using namespace genkan;

namespace {

void decode_as(const vip::Datagram& datagram, std::uint8_t version) {
  vip::Advert advert;
  auto form = vip::ChecksumForm::rfc9568;
  if (vip::decode(datagram, version, advert, form) != vip::Drop::none) return;
  const auto drop = vip::check(advert, {advert.vrid, false, advert.interval, advert.addresses});
  const bool empty = advert.interval == 0 || advert.addresses.empty();
  if ((drop == vip::Drop::none) == empty) std::abort();

  const auto written = vip::encode(advert, form, datagram.source, datagram.destination);
  vip::Advert again;
  auto form_again = vip::ChecksumForm::rfc9568;
  if (vip::decode({datagram.source, datagram.destination, vip::kVrrpTtl, written}, version, again, form_again) !=
      vip::Drop::none) {
    std::abort();
  }
  if (again.addresses != advert.addresses || again.interval != advert.interval || again.priority != advert.priority) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  vip::Datagram datagram;
  if (vip::parse_ipv4(input, datagram) == vip::Drop::none) {
    for (const std::uint8_t version : {2, 3}) decode_as(datagram, version);
  }
  // The same bytes as a message over IPv6, with no header to get right first.
  vip::Datagram v6;
  v6.source.bytes[0] = 0xFE;
  v6.source.bytes[1] = 0x80;
  v6.destination.bytes[0] = 0xFF;
  v6.ttl = vip::kVrrpTtl;
  v6.payload = input;
  decode_as(v6, 3);

  static_cast<void>(vip::read_as<vip::LevelMessage>(input));
  static_cast<void>(vip::read_as<vip::RouterMessage>(input));
  return 0;
}
