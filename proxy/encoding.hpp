// Which content coding a client wants (RFC 9110 12.5.3), and what may be compressed at all. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace genkan::proxy {

enum class Coding : std::uint8_t { identity, gzip, br, zstd };
std::string_view coding_name(Coding coding) noexcept;

// The coding of the highest q among `ours`; of equal ones the first of ours. Without the field, or with nothing of ours
// in it: identity.
Coding negotiate(std::string_view accept_encoding, const std::vector<Coding>& ours);

// "text/*", "*+json", "application/json" against "text/html; charset=utf-8".
bool type_matches(std::string_view pattern, std::string_view content_type) noexcept;

// Could the content hold a secret of one visitor beside a text that an attacker chose? Compressing both together lets
// whoever sees the sizes guess the secret (BREACH).
bool may_hold_secrets(const http::Fields& request, const http::ResponseHead& head);

}  // namespace genkan::proxy
