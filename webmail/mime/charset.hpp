// From the charset of a label to UTF-8 (ICU behind it), by a policy made for mail as it is, not as it is labelled:
//   label -> strict decode -> fallbacks.
//   *2022-jp    own escape machine over the cp932 table (CP50221: NEC row 13, half-width kana, unterminated escapes)
//   shift_jis   cp932;  latin1, ascii: cp1252;  gb2312: gb18030;  euc-kr: cp949
//   no label, an unknown one, or bytes that break the label: UTF-8 if valid, then a guess (2022-jp, cp932, cp1252)
// The result is always valid UTF-8; what can't be decoded is U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace genkan::webmail::mime {

struct Decoded {
  std::string text;
  bool problem = false;  // the label was unknown, or the bytes did not fit it
};

Decoded to_utf8(std::string_view bytes, std::string_view label);

bool valid_utf8(std::string_view text) noexcept;
std::string repair_utf8(std::string_view text);  // each bad sequence becomes U+FFFD
std::string normalize_nfc(std::string text);     // RFC 8621 4.1.2.2
// The longest prefix of at most `max` bytes that doesn't cut a character.
std::string_view utf8_prefix(std::string_view text, std::size_t max) noexcept;
// NFKC and case folding, for comparing what people type with what stands in the mail.
std::string fold_for_search(std::string_view text);

}  // namespace genkan::webmail::mime
