// room: net
// What strangers send before and beside the handshake: extensions of a ClientHello, answers of an OCSP responder.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "net/tls_hello.hpp"
#include "net/tls_ocsp.hpp"

namespace {

// A pair for which nothing that the fuzzer finds can be signed.
constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBtzCCAVygAwIBAgICEAEwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCY2EwHhcN\n"
    "MjYxMTI3MDc0NjE2WhcNMjYxMjI3MDc0NjE2WjAUMRIwEAYDVQQDDAlhLmV4YW1w\n"
    "bGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQi7EuJl5P9KcVkprfsiMarLEV7\n"
    "iKNOS6DoZ5nznJw0CP7nKldliIlEVg5fX8ehceZ3Rv0Bh1oUsxuZSPBPGrh5o4Gk\n"
    "MIGhMBQGA1UdEQQNMAuCCWEuZXhhbXBsZTAJBgNVHRMEAjAAMD4GCCsGAQUFBwEB\n"
    "BDIwMDAuBggrBgEFBQcwAYYiaHR0cDovL29jc3AuZXhhbXBsZTo4MDgwL2Fuc3dl\n"
    "cnMveDAdBgNVHQ4EFgQU57YT57x3EouqRTyCdi3rmoI7wDIwHwYDVR0jBBgwFoAU\n"
    "3kzLabA02HzVjA2UPgVrvcsyi7owCgYIKoZIzj0EAwIDSQAwRgIhAOHs8TcENLGI\n"
    "DrLpdz6+4Yeh23wUHa2p714zc/NuC3ZNAiEA+vQ2uIRwX1YeoNxvDXHkd//jwYUd\n"
    "ruReilInVgKZJbY=\n"
    "-----END CERTIFICATE-----\n";
constexpr const char* kIssuer =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbzCCARWgAwIBAgIUTme7c8SIh0S5sX70KOULLNu4mAMwCgYIKoZIzj0EAwIw\n"
    "DTELMAkGA1UEAwwCY2EwHhcNMjYxMTI3MDc0NjE2WhcNMjYxMjI3MDc0NjE2WjAN\n"
    "MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLS+ZDtO9T0m\n"
    "Ip5+3TvDIfrE+/oSils8BSuj1CZNWkCyDRhS8lhFFtNPXVvCYmSnXcYV9f/4HS8u\n"
    "GlC4zZRlRhSjUzBRMB0GA1UdDgQWBBTeTMtpsDTYfNWMDZQ+BWu9yzKLujAfBgNV\n"
    "HSMEGDAWgBTeTMtpsDTYfNWMDZQ+BWu9yzKLujAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0gAMEUCIQDBtQ2YnPk13x3JKGQlzQAbbex0rHy9CBFWbVdepFro\n"
    "lgIgSJ/nlufFB4NDJBNTLgP2Nprlh1dy4d4cggT1TPhySGM=\n"
    "-----END CERTIFICATE-----\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string why;
  switch (data[0] % 4) {
    case 0: {
      const std::string name = genkan::net::hello_name(rest);
      if (name.size() > rest.size() || name.find('\0') != std::string::npos) __builtin_trap();
      break;
    }
    case 1:
      genkan::net::hello_wants_challenge(rest);
      genkan::net::hello_knows_ecdsa(rest);
      break;
    case 2: {
      const auto content = genkan::net::ocsp_content(rest, why);
      if (content && content->size() > rest.size()) __builtin_trap();
      if (!content && why.empty()) __builtin_trap();
      break;
    }
    default: {
      const auto now = genkan::WallClock::from_time_t(1'795'780'800);
      const auto answer = genkan::net::check_ocsp_answer(rest, kCertificate, kIssuer, now, why);
      if (answer && (answer->next_update <= now)) __builtin_trap();
      if (!answer && why.empty()) __builtin_trap();
      break;
    }
  }
  return 0;
}
