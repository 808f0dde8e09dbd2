#include "webmail/mime/charset.hpp"

#include <unicode/normalizer2.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "webmail/mime/iso2022jp.hpp"

namespace genkan::webmail::mime {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Alias {
  std::string_view label, converter;
};
// Labels that mail uses for a superset of what they name (the same choices as WHATWG's Encoding standard).
constexpr std::array kAliases = {
    Alias{"shift_jis", "ibm-943_P15A-2003"},
    Alias{"shift-jis", "ibm-943_P15A-2003"},
    Alias{"sjis", "ibm-943_P15A-2003"},
    Alias{"x-sjis", "ibm-943_P15A-2003"},
    Alias{"cp932", "ibm-943_P15A-2003"},
    Alias{"ms932", "ibm-943_P15A-2003"},
    Alias{"ms_kanji", "ibm-943_P15A-2003"},
    Alias{"windows-31j", "ibm-943_P15A-2003"},
    Alias{"iso-8859-1", "windows-1252"},
    Alias{"iso8859-1", "windows-1252"},
    Alias{"iso_8859-1", "windows-1252"},
    Alias{"latin1", "windows-1252"},
    Alias{"latin-1", "windows-1252"},
    Alias{"cp1252", "windows-1252"},
    Alias{"gb2312", "gb18030"},
    Alias{"gbk", "gb18030"},
    Alias{"x-gbk", "gb18030"},
    Alias{"euc-kr", "windows-949"},
    Alias{"ks_c_5601-1987", "windows-949"},
    Alias{"iso-8859-9", "windows-1254"},
    Alias{"tis-620", "windows-874"},
    Alias{"iso-8859-8-i", "iso-8859-8"},
};

std::size_t sequence_length(std::string_view s, std::size_t i) noexcept {
  // Length of the valid UTF-8 sequence at i, or 0 (RFC 3629 table 3-7).
  const auto at = [&](std::size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0U; };
  const unsigned c = at(i);
  const auto follow = [&](std::size_t k, unsigned low = 0x80, unsigned high = 0xBF) {
    return at(k) >= low && at(k) <= high;
  };
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return follow(i + 1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    const unsigned low = c == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = c == 0xED ? 0x9F : 0xBF;
    return follow(i + 1, low, high) && follow(i + 2) ? 3 : 0;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    const unsigned low = c == 0xF0 ? 0x90 : 0x80;
    const unsigned high = c == 0xF4 ? 0x8F : 0xBF;
    return follow(i + 1, low, high) && follow(i + 2) && follow(i + 3) ? 4 : 0;
  }
  return 0;
}

bool is_ascii(std::string_view s) noexcept {
  for (const char c : s) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

std::string utf8_of(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

struct Converter {
  explicit Converter(const std::string& name) { handle = ucnv_open(name.c_str(), &status); }
  ~Converter() {
    if (handle) ucnv_close(handle);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  UErrorCode status = U_ZERO_ERROR;
  UConverter* handle = nullptr;
};

enum class Convert { done, bad_bytes, no_converter };

// With `strict` the first bad byte ends the try; otherwise it becomes U+FFFD.
Convert convert(std::string_view bytes, const std::string& name, bool strict, std::string& out) {
  Converter converter(name);
  if (U_FAILURE(converter.status) || !converter.handle) return Convert::no_converter;
  UErrorCode status = U_ZERO_ERROR;
  if (strict) {
    ucnv_setToUCallBack(converter.handle, UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  }
  icu::UnicodeString text;
  std::array<UChar, 4096> buffer;
  const char* source = bytes.data();
  const char* end = bytes.data() + bytes.size();
  do {
    UChar* target = buffer.data();
    status = U_ZERO_ERROR;
    ucnv_toUnicode(converter.handle, &target, buffer.data() + buffer.size(), &source, end, nullptr, true, &status);
    text.append(buffer.data(), static_cast<std::int32_t>(target - buffer.data()));
  } while (status == U_BUFFER_OVERFLOW_ERROR);
  if (U_FAILURE(status)) return Convert::bad_bytes;
  out = utf8_of(text);
  return Convert::done;
}

// Converters that ICU knows and mail has no business with: compressions and private forms.
bool allowed(std::string_view label) {
  for (const std::string_view bad : {"scsu", "bocu", "cesu", "imap", "lmbcs", "hz", "ebcdic", "utf-16", "utf-32"}) {
    if (label.find(bad) != label.npos) return bad.starts_with("utf-");
  }
  return label.size() <= 64 && label.find(',') == label.npos;
}

// Bytes without a usable label.
std::string guess(std::string_view bytes) {
  if (bytes.find("\x1B$") != bytes.npos && is_ascii(bytes)) return decode_iso2022jp(bytes);
  if (valid_utf8(bytes)) return std::string(bytes);
  std::size_t multibyte = 0, kana = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == 0x82 || c == 0x83) ++kana;
    if (const auto n = sequence_length(bytes, i); n > 1) {
      ++multibyte;
      i += n - 1;
    }
  }
  if (multibyte > 0) return repair_utf8(bytes);  // UTF-8 with a few broken places, as a cut leaves them
  std::string out;
  if (kana > 0 && convert(bytes, "ibm-943_P15A-2003", true, out) == Convert::done) return out;
  convert(bytes, "windows-1252", false, out);
  return out;
}

}  // namespace

Decoded to_utf8(std::string_view bytes, std::string_view raw_label) {
  std::string label = base::to_lower(base::trim(raw_label));
  std::erase_if(label, [](char c) { return c == '"' || c == '\''; });
  const bool plain = label.empty() || label == "us-ascii" || label == "ascii" || label == "ansi_x3.4-1968";
  if (plain || label == "utf-8" || label == "utf8") {
    const bool escapes = bytes.find("\x1B$") != bytes.npos;
    if (!escapes && valid_utf8(bytes)) return {std::string(bytes), plain && !label.empty() && !is_ascii(bytes)};
    return {guess(bytes), true};
  }
  if (label.find("2022-jp") != label.npos || label == "cp50220" || label == "cp50221" || label == "cp50222") {
    if (!is_ascii(bytes) && valid_utf8(bytes)) return {std::string(bytes), true};
    return {decode_iso2022jp(bytes), false};
  }
  std::string name = label;
  for (const auto& alias : kAliases) {
    if (alias.label == label) name = alias.converter;
  }
  Decoded out;
  if (!allowed(name)) return {guess(bytes), true};
  switch (convert(bytes, name, true, out.text)) {
    case Convert::done:
      return out;
    case Convert::no_converter:
      return {guess(bytes), true};
    case Convert::bad_bytes:
      break;
  }
  out.problem = true;
  if (valid_utf8(bytes)) {
    out.text = std::string(bytes);
  } else {
    convert(bytes, name, false, out.text);
  }
  return out;
}

std::string decode_cp932(std::string_view bytes) {
  std::string out;
  convert(bytes, "ibm-943_P15A-2003", false, out);
  return out;
}

std::string decode_named(std::string_view bytes, const std::string& converter) {
  std::string out;
  if (convert(bytes, converter, false, out) == Convert::no_converter) return std::string(kReplacement);
  return out;
}

bool valid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto n = sequence_length(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool bad_before = false;
  for (std::size_t i = 0; i < text.size();) {
    if (const auto n = sequence_length(text, i)) {
      out += text.substr(i, n);
      i += n;
      bad_before = false;
      continue;
    }
    // The tail bytes of one broken character count as one.
    const bool tail = (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
    if (!(tail && bad_before)) out += kReplacement;
    bad_before = true;
    ++i;
  }
  return out;
}

std::string normalize_nfc(std::string text) {
  if (is_ascii(text)) return text;
  UErrorCode status = U_ZERO_ERROR;
  const auto* nfc = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) return text;
  const auto result = nfc->normalize(icu::UnicodeString::fromUTF8(text), status);
  return U_FAILURE(status) ? text : utf8_of(result);
}

std::string_view utf8_prefix(std::string_view text, std::size_t max) noexcept {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max);
}

std::string fold_for_search(std::string_view text) {
  if (is_ascii(text)) return base::to_lower(text);
  UErrorCode status = U_ZERO_ERROR;
  const auto* fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_FAILURE(status)) return base::to_lower(text);
  const auto result = fold->normalize(
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int>(text.size()))), status);
  return U_FAILURE(status) ? base::to_lower(text) : utf8_of(result);
}

}  // namespace genkan::webmail::mime
