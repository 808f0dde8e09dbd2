#include "net/tls_hello.hpp"

#include <cstddef>

#include "base/text.hpp"

namespace genkan::net {
namespace {

std::size_t number(std::string_view bytes) noexcept {  // of two bytes
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 | static_cast<unsigned char>(bytes[1]);
}

}  // namespace

std::string hello_name(std::string_view data) {
  constexpr std::size_t kHead = 5;  // length of the list, kind (0: a host name), length of the name
  if (data.size() < kHead || data[2] != 0) return {};
  const std::size_t length = number(data.substr(3));
  if (length == 0 || data.size() < kHead + length) return {};
  const auto name = data.substr(kHead, length);
  return name.find('\0') == std::string_view::npos ? base::to_lower(name) : std::string();
}

bool hello_wants_challenge(std::string_view data) noexcept {
  constexpr std::size_t kHead = 3;  // length of the list, length of its only name
  return data.size() == kHead + kChallengeProtocol.size() && number(data) == data.size() - 2 &&
         static_cast<std::size_t>(data[2]) == kChallengeProtocol.size() && data.substr(kHead) == kChallengeProtocol;
}

bool hello_knows_ecdsa(std::string_view data) noexcept {
  for (std::size_t i = 2; i + 1 < data.size(); i += 2) {
    const std::size_t scheme = number(data.substr(i));
    if ((scheme & 0xff) == 3 && (scheme >> 8) >= 4 && (scheme >> 8) <= 6) return true;  // ecdsa_*_sha256 and up
  }
  return false;
}

}  // namespace genkan::net
