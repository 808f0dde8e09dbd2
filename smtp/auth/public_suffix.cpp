#include "smtp/auth/public_suffix.hpp"

#include <libpsl.h>

namespace genkan::smtp {
namespace {

// The newer one of the system's file and what libpsl was built with.
const ::psl_ctx_t* suffixes() {
  static const ::psl_ctx_t* list = [] {
    const auto* latest = ::psl_latest(nullptr);
    return latest ? latest : ::psl_builtin();
  }();
  return list;
}

}  // namespace

void load_public_suffixes() { static_cast<void>(suffixes()); }

std::string organisational_domain(std::string_view domain) {
  const std::string text(domain);
  const auto* list = suffixes();
  const char* found = list ? ::psl_registrable_domain(list, text.c_str()) : nullptr;
  return found ? std::string(found) : text;
}

}  // namespace genkan::smtp
