// Content-Transfer-Encoding: base64 and quoted-printable (RFC 2045 section 6). The decoders are lenient, as mail in the
// wild needs: bytes outside the alphabet are skipped, missing padding loses nothing, a bad =XX stays as it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace genkan::webmail::mime {

enum class Encoding { identity, base64, quoted_printable };

// Unknown names are identity; `known` (may be null) says whether the name was one of RFC 2045's.
Encoding encoding_from(std::string_view name, bool* known = nullptr);

// At most `max` bytes come out.
std::string decode_transfer(std::string_view bytes, Encoding encoding, std::size_t max = std::string::npos);
std::string decode_base64(std::string_view bytes, std::size_t max = std::string::npos);
std::string decode_quoted_printable(std::string_view bytes, std::size_t max = std::string::npos);
std::string decode_q(std::string_view bytes);  // RFC 2047 4.2: '_' is a space

std::string encode_base64_lines(std::string_view bytes);     // lines of 76, each with CRLF
std::string encode_quoted_printable(std::string_view text);  // line ends become CRLF, lines stay within 76

}  // namespace genkan::webmail::mime
