// Certificates on disk: names of one, and a self-signed one for demos and tests.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

struct x509_st;

namespace genkan::net {

std::vector<std::string> certificate_names(x509_st* certificate);  // DNS names, lower case

// Makes folder/self-signed-NAME.{crt,key} (ECDSA P-256, 10 years) unless they are there and valid; sets the paths.
Result<void> ensure_self_signed(const std::string& folder, const std::vector<std::string>& names, std::string& cert,
                                std::string& key, std::string& why);

}  // namespace genkan::net
