// Keys of session tickets, derived from a secret and the time of day: every worker, every node with the same secret and
// a process that starts again have the same ones, and nothing of them is ever sent. See docs/decisions/0006-*.md.
//
//   secret = [cluster] key, else state_dir/tls/tickets.key
//   key(e) = HKDF-SHA256(secret, "genkan tls tickets 1", rotation | e), e = seconds since 1970 / rotation
//
// New tickets are made with the key of now; those of the epoch before are still read, and of the one after, for nodes
// whose clocks are ahead.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace genkan::net {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{}, mac{};
};

std::int64_t ticket_epoch(WallTime now, std::chrono::seconds rotation) noexcept;
TicketKey derive_ticket_key(std::string_view secret, std::chrono::seconds rotation, std::int64_t epoch);

// Kept beside the other state of a node that is in no cluster; made when it is not there. Blocks.
Result<std::string> own_ticket_secret(const std::string& state_dir, std::string& why);

class TicketKeys {
 public:
  TicketKeys(std::string secret, std::chrono::seconds rotation, bool for_tls_1_2);
  std::chrono::seconds rotation() const noexcept { return rotation_; }

  // OpenSSL's callback (SSL_CTX_set_tlsext_ticket_key_evp_cb): RFC 5077 4, AES-256-CBC then HMAC-SHA-256.
  int use(::SSL* ssl, unsigned char* name, unsigned char* iv, ::EVP_CIPHER_CTX* cipher, ::EVP_MAC_CTX* mac,
          bool encrypt) const;

 private:
  struct Ring;
  const Ring& ring() const;  // of this thread
  std::string secret_;
  std::chrono::seconds rotation_;
  bool for_tls_1_2_;
  std::uint64_t id_;  // no two objects share one
};

}  // namespace genkan::net
