// Address lists (RFC 5322 3.4): mailboxes, groups, comments, quoted strings, encoded words. Lenient, because nothing is
// gained by showing no sender at all; what can't be read as an address becomes one with an empty name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace genkan::webmail::mime {

struct Address {
  std::string name;  // decoded; may be empty
  std::string email;
  bool operator==(const Address&) const = default;
};

struct AddressGroup {
  std::optional<std::string> name;  // none: addresses outside of any group
  std::vector<Address> addresses;
};

// At most 5000 addresses are read.
std::vector<AddressGroup> parse_address_groups(std::string_view raw);
std::vector<Address> parse_addresses(std::string_view raw);  // groups flattened

// Local part and domain of an address that may go into an envelope or a header (RFC 5321 4.1.2, UTF-8 allowed):
// no blanks, no controls, no brackets, one '@' outside quotes, both sides not empty, within the length limits.
bool valid_email(std::string_view email);

}  // namespace genkan::webmail::mime
