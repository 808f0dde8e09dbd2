// Finds bytes that end or break a piece of text, sixteen at a time where the machine can (SSE2 is part of x86-64).
// All return `end` when there is none.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace genkan::base {

namespace detail {

// Vector(text) marks the bytes that One(c) is true for.
template <class Vector, class One>
const char* find_byte(const char* p, const char* end, [[maybe_unused]] Vector vector, One one) noexcept {
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const int mask = _mm_movemask_epi8(vector(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (p != end && !one(static_cast<unsigned char>(*p))) ++p;
  return p;
}

#ifdef __SSE2__
inline __m128i equal(__m128i text, char c) noexcept { return _mm_cmpeq_epi8(text, _mm_set1_epi8(c)); }
inline __m128i below_space(__m128i text) noexcept {
  return _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
}
inline __m128i within(__m128i text, char first, char last) noexcept {
  const __m128i offset = _mm_sub_epi8(text, _mm_set1_epi8(first));
  return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(static_cast<char>(last - first))), offset);
}
#define GENKAN_VECTOR(expression) [](__m128i text) noexcept { return expression; }
#else
#define GENKAN_VECTOR(expression) 0
#endif

}  // namespace detail

// CR, LF or NUL.
inline const char* find_line_byte(const char* p, const char* end) noexcept {
  return detail::find_byte(
      p, end,
      GENKAN_VECTOR(
          _mm_or_si128(_mm_or_si128(detail::equal(text, '\r'), detail::equal(text, '\n')), detail::equal(text, '\0'))),
      [](unsigned char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// A control character other than HTAB: what no field value may hold (RFC 9110 5.5).
inline const char* find_control(const char* p, const char* end) noexcept {
  return detail::find_byte(
      p, end,
      GENKAN_VECTOR(_mm_or_si128(_mm_andnot_si128(detail::equal(text, '\t'), detail::below_space(text)),
                                 detail::equal(text, 0x7f))),
      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// Anything but a letter, a digit or '-': what nearly every field name consists of.
inline const char* find_beyond_name(const char* p, const char* end) noexcept {
  return detail::find_byte(
      p, end,
      GENKAN_VECTOR(
          _mm_xor_si128(_mm_or_si128(_mm_or_si128(detail::within(_mm_or_si128(text, _mm_set1_epi8(0x20)), 'a', 'z'),
                                                  detail::within(text, '0', '9')),
                                     detail::equal(text, '-')),
                        _mm_set1_epi8(-1))),
      [](unsigned char c) {
        return !(((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-');
      });
}

// What would end a quoted string in a log, or its line.
inline const char* find_unquotable(const char* p, const char* end) noexcept {
  return detail::find_byte(
      p, end,
      GENKAN_VECTOR(_mm_or_si128(_mm_or_si128(detail::below_space(text), detail::equal(text, 0x7f)),
                                 _mm_or_si128(detail::equal(text, '"'), detail::equal(text, '\\')))),
      [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; });
}

#undef GENKAN_VECTOR

}  // namespace genkan::base
