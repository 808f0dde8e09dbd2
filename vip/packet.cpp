#include "vip/packet.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace genkan::vip {
namespace {

constexpr std::size_t kHead = 8;
constexpr std::size_t kAuthData = 8;   // version 2 ends with eight bytes that nobody reads any more
constexpr std::size_t kV4Offset = 12;  // where the four bytes are in the IPv4-mapped form

std::size_t size_of_address(bool v4) noexcept { return v4 ? 4 : 16; }

std::span<const std::uint8_t> bytes_of(const base::IpAddress& ip, bool v4) noexcept {
  return std::span(ip.bytes).subspan(v4 ? kV4Offset : 0);
}

// RFC 1071: 16-bit words, big endian; an odd last byte is padded with zero. Folded by fold().
std::uint32_t add_words(std::uint32_t sum, std::span<const std::uint8_t> bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const std::uint32_t low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
    sum += (static_cast<std::uint32_t>(bytes[i]) << 8) | low;
  }
  return sum;
}

std::uint16_t fold(std::uint32_t sum) noexcept {
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// RFC 9293 3.1 and RFC 8200 8.1 give the same sum: addresses, protocol, length.
std::uint32_t pseudo_header(const base::IpAddress& source, const base::IpAddress& destination, std::size_t length,
                            bool v4) noexcept {
  std::uint32_t sum = add_words(0, bytes_of(source, v4));
  sum = add_words(sum, bytes_of(destination, v4));
  return sum + kVrrpProtocol + static_cast<std::uint32_t>(length);
}

base::IpAddress read_address(std::span<const std::uint8_t> bytes, bool v4) noexcept {
  base::IpAddress ip;
  if (v4) ip.bytes[10] = ip.bytes[11] = 0xFF;
  std::copy_n(bytes.begin(), size_of_address(v4), ip.bytes.begin() + (v4 ? kV4Offset : 0));
  return ip;
}

// True when the sum over the message, its own checksum field included, comes out as all ones.
bool verify(const Datagram& datagram, std::uint8_t version, bool v4, ChecksumForm& form) noexcept {
  const std::uint32_t message = add_words(0, datagram.payload);
  const std::uint32_t with =
      message + pseudo_header(datagram.source, datagram.destination, datagram.payload.size(), v4);
  if (version == 3 && fold(with) == 0xFFFF) {
    form = ChecksumForm::pseudo_header;
    return true;
  }
  form = ChecksumForm::rfc9568;
  return v4 && fold(message) == 0xFFFF;
}

}  // namespace

std::string_view name_of(ChecksumForm form) noexcept {
  return form == ChecksumForm::rfc9568 ? "rfc9568" : "pseudo_header";
}

std::string_view name_of(Drop drop) noexcept {
  static constexpr std::array<std::string_view, kDropReasons> kNames = {
      "none",           "ip_header", "ttl",   "version",  "type",  "length",    "checksum",
      "authentication", "vrid",      "owner", "interval", "count", "addresses", "peer"};
  const auto i = static_cast<std::size_t>(drop);
  return i < kNames.size() ? kNames[i] : "unknown";
}

Drop parse_ipv4(std::span<const std::uint8_t> packet, Datagram& out) noexcept {
  if (packet.size() < 20 || packet[0] >> 4 != 4) return Drop::ip_header;
  const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0F) * 4;
  const std::size_t total = static_cast<std::size_t>(packet[2]) << 8 | packet[3];
  if (header < 20 || total < header || total > packet.size() || packet[9] != kVrrpProtocol) return Drop::ip_header;
  out.ttl = packet[8];
  out.source = read_address(packet.subspan(12, 4), true);
  out.destination = read_address(packet.subspan(16, 4), true);
  out.payload = packet.subspan(header, total - header);
  return Drop::none;
}

Drop decode(const Datagram& datagram, std::uint8_t version, Advert& out, ChecksumForm& form) {
  if (datagram.ttl != kVrrpTtl) return Drop::ttl;
  const auto bytes = datagram.payload;
  if (bytes.empty()) return Drop::length;
  if (bytes[0] >> 4 != version || (version != 2 && version != 3)) return Drop::version;
  if ((bytes[0] & 0x0F) != kAdvertisement) return Drop::type;

  const bool v4 = datagram.source.is_v4();
  if (version == 2 && !v4) return Drop::version;
  const std::size_t each = size_of_address(v4);
  if (bytes.size() < kHead) return Drop::length;
  const std::size_t count = bytes[3];
  if (bytes.size() < kHead + count * each + (version == 2 ? kAuthData : 0)) return Drop::length;
  if (!verify(datagram, version, v4, form)) return Drop::checksum;
  if (version == 2 && bytes[4] != 0) return Drop::authentication;

  out.version = version;
  out.vrid = bytes[1];
  out.priority = bytes[2];
  out.interval = version == 2 ? static_cast<std::uint16_t>(bytes[5] * 100)
                              : static_cast<std::uint16_t>((bytes[4] & 0x0F) << 8 | bytes[5]);
  out.addresses.clear();
  for (std::size_t i = 0; i < count; ++i) out.addresses.push_back(read_address(bytes.subspan(kHead + i * each), v4));
  return Drop::none;
}

Drop check(const Advert& advert, const Expectation& expected) noexcept {
  if (advert.vrid != expected.vrid) return Drop::vrid;
  if (expected.owner) return Drop::owner;
  if (advert.interval == 0 || (advert.version == 2 && advert.interval != expected.interval)) return Drop::interval;
  if (advert.addresses.empty()) return Drop::count;
  if (expected.addresses.empty()) return Drop::none;
  // The order of the list says nothing (but for IPv6, where the link-local address leads).
  if (!std::ranges::is_permutation(advert.addresses, expected.addresses)) return Drop::addresses;
  return Drop::none;
}

std::vector<std::uint8_t> encode(const Advert& advert, ChecksumForm form, const base::IpAddress& source,
                                 const base::IpAddress& destination) {
  const bool v4 = source.is_v4();
  if (advert.addresses.size() > 255 || advert.interval > (advert.version == 2 ? 25500 : kMaxInterval)) std::abort();

  std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(advert.version << 4 | kAdvertisement), advert.vrid,
                                   advert.priority, static_cast<std::uint8_t>(advert.addresses.size())};
  if (advert.version == 2) {
    out.push_back(0);  // authentication type: none
    out.push_back(static_cast<std::uint8_t>(advert.interval / 100));
  } else {
    out.push_back(static_cast<std::uint8_t>(advert.interval >> 8));
    out.push_back(static_cast<std::uint8_t>(advert.interval & 0xFF));
  }
  out.insert(out.end(), 2, 0);
  for (const auto& ip : advert.addresses) {
    if (ip.is_v4() != v4) std::abort();
    const auto bytes = bytes_of(ip, v4);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  if (advert.version == 2) out.insert(out.end(), kAuthData, 0);

  std::uint32_t sum = add_words(0, out);
  const bool covers_addresses = !v4 || (advert.version == 3 && form == ChecksumForm::pseudo_header);
  if (covers_addresses) sum += pseudo_header(source, destination, out.size(), v4);
  const auto checksum = static_cast<std::uint16_t>(~fold(sum));
  out[6] = static_cast<std::uint8_t>(checksum >> 8);
  out[7] = static_cast<std::uint8_t>(checksum & 0xFF);
  return out;
}

}  // namespace genkan::vip
