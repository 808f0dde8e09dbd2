// The header of a message as signatures see it: fields as they stand, from the top; canonical forms (RFC 6376 3.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace genkan::smtp {

// Views into the header's text.
struct MailField {
  std::string_view name;   // without spaces; empty: a line that is no field
  std::string_view raw;    // the whole field with its line ends
  std::string_view value;  // what stands behind the colon, with its line ends
};

class MailHeader {
 public:
  // `text`: up to and without the empty line; kept here.
  explicit MailHeader(std::string text);
  MailHeader(const MailHeader&) = delete;
  MailHeader& operator=(const MailHeader&) = delete;

  const std::string& text() const noexcept { return text_; }
  const std::vector<MailField>& fields() const noexcept { return fields_; }
  // Indexes of the fields of this name (any case), from the top.
  const std::vector<std::uint32_t>& all(std::string_view name) const;

 private:
  const std::string text_;
  std::vector<MailField> fields_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> by_name_;  // lower case
};

enum class Canon : std::uint8_t { simple, relaxed };

// The canonical form of a field, appended to `out`, with its line end.
void put_canonical(const MailField& field, Canon canon, std::string& out);
// A field of a text of its own, such as "DKIM-Signature: ...\r\n".
MailField field_of(std::string_view raw);
// Folded lines as one: line ends are gone.
std::string unfolded(std::string_view value);

}  // namespace genkan::smtp
