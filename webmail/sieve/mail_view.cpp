#include "webmail/sieve/mail_view.hpp"

#include "base/text.hpp"
#include "webmail/sieve/program.hpp"

namespace genkan::webmail::sieve {

namespace {

// With the empty line.
std::size_t header_size(std::string_view content) noexcept {
  if (content.starts_with("\r\n")) return 2;
  const auto end = content.find("\r\n\r\n");
  return end == content.npos ? content.size() : end + 4;
}

// "\"a b\"" is a b.
std::string unquoted(std::string_view local) {
  if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
  std::string out;
  for (std::size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\' && i + 2 < local.size()) ++i;
    out += local[i];
  }
  return out;
}

}  // namespace

MailView::MailView(std::string_view content)
    : content_(content), header_size_(header_size(content)), header_(mime::parse(content.substr(0, header_size_))) {}

std::vector<std::string_view> MailView::raw(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& field : fields()) {
    if (base::iequals(field.name, name)) out.push_back(field.value.in(content_));
  }
  return out;
}

std::string MailView::first(std::string_view name) const {
  for (const auto& field : fields()) {
    if (base::iequals(field.name, name)) return mime::decode_text(field.value.in(content_));
  }
  return {};
}

bool address_part(std::string_view address, AddressPart part, std::string& out) {
  const auto at = address.rfind('@');
  const auto local = unquoted(address.substr(0, at));
  const auto plus = local.find('+');
  switch (part) {
    case AddressPart::all:
      out = address;
      return true;
    case AddressPart::localpart:
      out = local;
      return true;
    case AddressPart::domain:
      out = at == address.npos ? std::string_view() : address.substr(at + 1);
      return at != address.npos || address.empty();
    case AddressPart::user:
      out = local.substr(0, plus);
      return true;
    case AddressPart::detail:
      if (plus == local.npos) return false;
      out = local.substr(plus + 1);
      return true;
  }
  return false;
}

}  // namespace genkan::webmail::sieve
