// ISO-2022-JP as Japanese mail really writes it (RFC 1468 plus Microsoft's CP50221): escapes choose a character set,
// a line end or the end of the text returns to ASCII whether or not the escape was closed.
//   ESC ( B  ASCII      ESC ( J  JIS X 0201 Roman     ESC ( I  half-width kana
//   ESC $ @, ESC $ B, ESC $ ( B   JIS X 0208 with NEC row 13 and IBM rows (the cp932 table)
//   ESC $ ( D JIS X 0212 (by EUC-JP)    ESC $ A  GB 2312    ESC $ ( C  KS X 1001
#pragma once

#include <string>
#include <string_view>

namespace genkan::webmail::mime {

std::string decode_iso2022jp(std::string_view bytes);

// The tables it needs; charset.cpp has them.
std::string decode_cp932(std::string_view bytes);
std::string decode_named(std::string_view bytes, const std::string& converter);

}  // namespace genkan::webmail::mime
