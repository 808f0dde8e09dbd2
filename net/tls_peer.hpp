// The facts of a peer's certificate.
#pragma once

#include "net/tls_stream.hpp"

struct x509_st;

namespace genkan::net {

PeerCertificate describe_peer(x509_st* certificate);

}  // namespace genkan::net
