// Header fields: where they stand in the message, and what their values mean.
//   unstructured text   RFC 5322 2.2.1, encoded words RFC 2047 (a character split over two words is put together),
//   parameters          RFC 2045 5.1, RFC 2231 (charset, language, segments), encoded words in them tolerated,
//   message ids, dates  RFC 5322 3.3, 3.6.4 with the obsolete forms.
// Decoded values never contain CR, LF or NUL, so that none can be smuggled into a header that is written from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace genkan::webmail::mime {

struct Range {
  std::size_t offset = 0, length = 0;  // in the bytes of the message
  std::string_view in(std::string_view message) const { return message.substr(offset, length); }
};

struct Field {
  std::string name;  // as written
  Range value;       // after the colon, with folds, without the last line end
};

// Removes the line ends of folded lines, leaves the blanks (RFC 5322 2.2.3).
std::string unfold(std::string_view raw);

// Unfolded, encoded words decoded, trimmed, NFC.
std::string decode_text(std::string_view raw);
// The encoded words of a piece of text only; no unfolding, no trimming.
std::string decode_words(std::string_view text);

struct Parameters {
  std::string value;  // before the first ';', lower case
  std::vector<std::pair<std::string, std::string>> list;
  std::string_view find(std::string_view name) const;  // name in lower case; empty when missing
  bool has(std::string_view name) const;
};
// "text/plain; charset*0*=..." and the like. At most 64 parameters are kept.
Parameters parse_parameters(std::string_view raw);

std::vector<std::string> parse_message_ids(std::string_view raw);  // without brackets; at most 1000

struct Date {
  std::int64_t seconds = 0;   // since 1970, UTC
  int offset_minutes = 0;     // of the zone that was written
  bool unknown_zone = false;  // "-0000" or an unknown name
};
std::optional<Date> parse_date(std::string_view raw);
std::string rfc3339(const Date& date);  // with the zone as written, "Z" for UTC
std::string rfc3339_utc(std::int64_t seconds);
std::optional<std::int64_t> parse_rfc3339(std::string_view text);  // strict

}  // namespace genkan::webmail::mime
