#include "webmail/mime/address.hpp"

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/header.hpp"

namespace genkan::webmail::mime {

namespace {

constexpr std::size_t kMaxAddresses = 5000;

class Parser {
 public:
  explicit Parser(std::string text) : s_(std::move(text)) {}

  std::vector<AddressGroup> run() {
    groups_.push_back({});
    while (i_ < s_.size() && count_ < kMaxAddresses) step();
    finish_address();
    std::erase_if(groups_, [](const AddressGroup& g) { return !g.name && g.addresses.empty(); });
    return std::move(groups_);
  }

 private:
  void step() {
    const char c = s_[i_];
    if (c == '(') {
      comment();
    } else if (c == '"') {
      quoted();
    } else if (c == '<') {
      angle();
    } else if (c == ',') {
      finish_address();
      ++i_;
    } else if (c == ':' && !in_group_ && !has_angle_ && words_.find('@') == words_.npos) {
      groups_.push_back({decode_text(words_), {}});
      words_.clear();
      comment_.clear();
      in_group_ = true;
      ++i_;
    } else if (c == ';' && in_group_) {
      finish_address();
      groups_.push_back({});
      in_group_ = false;
      ++i_;
    } else {
      if (c == ';') {
        finish_address();  // some write ';' between addresses
      } else {
        words_ += c;
      }
      ++i_;
    }
  }

  void comment() {
    int depth = 0;
    for (; i_ < s_.size(); ++i_) {
      const char c = s_[i_];
      if (c == '(' && ++depth == 1) continue;
      if (c == ')' && --depth == 0) break;
      if (c == '\\' && i_ + 1 < s_.size()) ++i_;
      comment_ += s_[i_];
    }
    if (i_ < s_.size()) ++i_;
    words_ += ' ';
  }

  // Keeps the quotes of what may become a local part; display names lose theirs in finish_address().
  void quoted() {
    words_ += '"';
    for (++i_; i_ < s_.size() && s_[i_] != '"'; ++i_) {
      if (s_[i_] == '\\' && i_ + 1 < s_.size()) words_ += s_[i_++];
      words_ += s_[i_];
    }
    if (i_ < s_.size()) ++i_;
    words_ += '"';
  }

  void angle() {
    ++i_;
    std::string inside;
    for (; i_ < s_.size() && s_[i_] != '>'; ++i_) inside += s_[i_];
    if (i_ < s_.size()) ++i_;
    // An obsolete route "@a,@b:user@c" (RFC 5322 4.4).
    if (inside.starts_with('@')) {
      if (const auto colon = inside.rfind(':'); colon != inside.npos) inside = inside.substr(colon + 1);
    }
    email_ = inside;
    has_angle_ = true;
  }

  static std::string unquote(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"') continue;
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      out += text[i];
    }
    return out;
  }

  void finish_address() {
    Address address;
    const auto words = base::trim(words_);
    if (has_angle_) {
      address.email = email_;
      address.name = decode_text(unquote(words));
    } else if (!words.empty()) {
      address.email = words;
    }
    if (address.name.empty()) address.name = decode_text(comment_);
    std::erase_if(address.email,
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '<' || c == '>'; });
    address.email = repair_utf8(base::trim(address.email));
    if (!address.email.empty() || (has_angle_ && !address.name.empty())) {
      groups_.back().addresses.push_back(std::move(address));
      ++count_;
    }
    words_.clear();
    comment_.clear();
    email_.clear();
    has_angle_ = false;
  }

  std::string s_;
  std::size_t i_ = 0, count_ = 0;
  std::string words_, comment_, email_;
  bool has_angle_ = false, in_group_ = false;
  std::vector<AddressGroup> groups_;
};

}  // namespace

std::vector<AddressGroup> parse_address_groups(std::string_view raw) { return Parser(unfold(raw)).run(); }

std::vector<Address> parse_addresses(std::string_view raw) {
  std::vector<Address> out;
  for (auto& group : parse_address_groups(raw)) {
    for (auto& address : group.addresses) out.push_back(std::move(address));
  }
  return out;
}

bool valid_email(std::string_view email) {
  const auto at = email.rfind('@');
  if (at == email.npos || at == 0 || at > 64 || email.size() - at < 2 || email.size() > 320) return false;
  for (const char c : email) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '<' || c == '>' || c == ',' || c == ';' ||
        c == '"' || c == '\\' || c == '(' || c == ')' || c == ':' || c == '[' || c == ']') {
      return false;
    }
  }
  return email.substr(0, at).find('@') == email.npos && valid_utf8(email);
}

}  // namespace genkan::webmail::mime
