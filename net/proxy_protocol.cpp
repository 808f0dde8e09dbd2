#include "net/proxy_protocol.hpp"

#include <array>
#include <cstring>

#include "base/text.hpp"

namespace genkan::net {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMaxLine = 107;  // with its CRLF
using State = ProxyHeader::State;

// TCP6 may name an IPv4 client in its mapped form (::ffff:192.0.2.1): how it is written decides.
std::optional<base::Endpoint> endpoint(std::string_view ip, std::string_view port, bool v4) {
  if ((ip.find(':') == std::string_view::npos) != v4) return std::nullopt;
  if (port.size() > 1 && port.front() == '0') return std::nullopt;
  const auto address = base::IpAddress::parse(ip);
  const auto number = base::parse_uint(port);
  if (!address || !number || *number > 65535) return std::nullopt;
  base::Endpoint out;
  out.ip = *address;
  out.port = static_cast<std::uint16_t>(*number);
  return out;
}

ProxyHeader parse_text(std::string_view data) {
  ProxyHeader header;
  const std::size_t end = data.find("\r\n");
  if (end == std::string_view::npos) {
    header.state = data.size() >= kMaxLine ? State::malformed : State::more;
    return header;
  }
  header.state = State::malformed;
  if (end + 2 > kMaxLine) return header;
  const auto words = base::split(data.substr(0, end), ' ');
  if (words.size() >= 2 && words[1] == "UNKNOWN") {
    header.state = State::complete;
    header.size = end + 2;
    return header;
  }
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return header;
  const bool v4 = words[1] == "TCP4";
  header.source = endpoint(words[2], words[4], v4);
  header.destination = endpoint(words[3], words[5], v4);
  if (!header.source || !header.destination) return header;
  header.state = State::complete;
  header.size = end + 2;
  return header;
}

std::uint16_t word(std::string_view data, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(data[at]) << 8 |
                                    static_cast<unsigned char>(data[at + 1]));
}

ProxyHeader parse_binary(std::string_view data) {
  ProxyHeader header;
  if (data.size() < 16) return header;
  const auto version = static_cast<unsigned char>(data[12]), family = static_cast<unsigned char>(data[13]);
  const std::size_t length = word(data, 14);
  if (version >> 4 != 2 || (version & 15) > 1) {
    header.state = State::malformed;
    return header;
  }
  if (data.size() < 16 + length) return header;
  header.size = 16 + length;
  header.state = State::complete;
  if ((version & 15) == 0) return header;      // LOCAL: a health check of the balancer itself
  if (family >> 4 > 3 || (family & 15) > 2) {  // not in version 2
    header.state = State::malformed;
    return header;
  }
  const std::size_t width = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;
  if (width == 0) return header;  // unspecified, UDP or a Unix socket: nothing we could use
  if (length < 2 * width + 4) {
    header.state = State::malformed;
    return header;
  }
  base::Endpoint source, destination;
  auto take = [&](std::size_t at) {
    base::IpAddress ip;
    if (width == 4) {
      return base::IpAddress::v4(static_cast<std::uint32_t>(word(data, at)) << 16 | word(data, at + 2));
    }
    std::memcpy(ip.bytes.data(), data.data() + at, 16);
    return ip;
  };
  source.ip = take(16);
  destination.ip = take(16 + width);
  source.port = word(data, 16 + 2 * width);
  destination.port = word(data, 18 + 2 * width);
  header.source = source;
  header.destination = destination;
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view data) {
  const std::size_t n = std::min(data.size(), kSignature.size());
  if (data.substr(0, n) == kSignature.substr(0, n)) return n < kSignature.size() ? ProxyHeader{} : parse_binary(data);
  const std::size_t m = std::min<std::size_t>(data.size(), 6);
  if (data.substr(0, m) == std::string_view("PROXY ").substr(0, m)) return parse_text(data);
  ProxyHeader header;
  header.state = State::malformed;
  return header;
}

namespace {

void put_word(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 255);
}

void put_ip(std::string& out, const base::IpAddress& ip, bool v4) {
  const auto* bytes = reinterpret_cast<const char*>(ip.bytes.data());
  v4 ? out.append(bytes + 12, 4) : out.append(bytes, 16);
}

std::string text_of(const base::IpAddress& ip, bool v4) {
  return v4 || !ip.is_v4() ? ip.text() : "::ffff:" + ip.text();
}

}  // namespace

std::string write_proxy_header(int version, const base::Endpoint* source, const base::Endpoint* destination) {
  const bool known = source && destination && !source->is_unix() && !destination->is_unix();
  const bool v4 = known && source->ip.is_v4() && destination->ip.is_v4();
  if (version == 1) {
    if (!known) return "PROXY UNKNOWN\r\n";
    return std::string("PROXY ") + (v4 ? "TCP4 " : "TCP6 ") + text_of(source->ip, v4) + " " +
           text_of(destination->ip, v4) + " " + std::to_string(source->port) + " " + std::to_string(destination->port) +
           "\r\n";
  }
  std::string out(kSignature);
  out += known ? '\x21' : '\x20';  // version 2, PROXY or LOCAL
  out += !known ? '\0' : v4 ? '\x11' : '\x21';
  put_word(out, !known ? 0 : v4 ? 12 : 36);
  if (!known) return out;
  put_ip(out, source->ip, v4);
  put_ip(out, destination->ip, v4);
  put_word(out, source->port);
  put_word(out, destination->port);
  return out;
}

}  // namespace genkan::net
