// A message as tests see it: fields by name, decoded (RFC 2047), addresses, the body's parts. Views into the message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webmail/mime/header.hpp"
#include "webmail/mime/parser.hpp"

namespace genkan::webmail::sieve {

class MailView {
 public:
  // `content` must outlive it. A header of more than 256 KiB or 1000 fields is seen up to there.
  explicit MailView(std::string_view content);

  std::size_t size() const noexcept { return content_.size(); }
  std::string_view body() const noexcept { return content_.substr(header_size_); }
  std::vector<std::string_view> raw(std::string_view name) const;  // values as they stand
  std::string first(std::string_view name) const;                  // decoded; empty when there is none
  bool has(std::string_view name) const { return !raw(name).empty(); }
  const std::vector<mime::Field>& fields() const noexcept { return header_.root.fields; }
  std::string_view content() const noexcept { return content_; }

 private:
  std::string_view content_;
  std::size_t header_size_ = 0;
  mime::Message header_;
};

// "localpart" and so on of an address. False: it has none (no detail).
enum class AddressPart : std::uint8_t;
bool address_part(std::string_view address, AddressPart part, std::string& out);

}  // namespace genkan::webmail::sieve
