// The words of a body: text without markup, for previews and for search.
#pragma once

#include <string>
#include <string_view>

namespace genkan::webmail::mime {

// Linear in the input; scripts, styles, comments and markup are left out, entities decoded, blocks become line ends.
std::string html_to_text(std::string_view html, std::size_t max = std::string::npos);
// One entity ("&amp;", "&#x3042;") at `at`, which is on '&'. Appends its text and returns the length read, or 0.
std::size_t decode_entity(std::string_view html, std::size_t at, std::string& out);
std::string decode_entities(std::string_view html);
// White space collapsed, quoted lines ("> ...") left out, at most `characters` characters (RFC 8621: 256).
std::string preview_of(std::string_view text, std::size_t characters = 256);

}  // namespace genkan::webmail::mime
