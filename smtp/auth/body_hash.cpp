#include "smtp/auth/body_hash.hpp"

#include <algorithm>

namespace genkan::smtp {
namespace {

constexpr std::size_t kBuffer = 4096;

}  // namespace

void BodyHash::emit(std::string_view octets) {
  buffer_ += octets;
  if (buffer_.size() >= kBuffer) flush();
}

void BodyHash::flush() {
  std::string_view octets = buffer_;
  if (limit_) octets = octets.substr(0, *limit_ > size_ ? std::min<std::uint64_t>(*limit_ - size_, octets.size()) : 0);
  hash_.update(octets);
  size_ += buffer_.size();
  buffer_.clear();
}

// Text within a line: no line end in it.
void BodyHash::text(std::string_view octets) {
  if (octets.empty()) return;
  const auto begin = [this] {
    for (; line_ends_ > 0; --line_ends_) emit("\r\n");
  };
  if (canon_ == Canon::simple) {
    begin();
    emit(octets);
    return;
  }
  while (!octets.empty()) {
    const auto end = std::min(octets.find_first_of(" \t"), octets.size());
    if (end > 0) {
      begin();
      if (space_) emit(" ");
      space_ = false;
      emit(octets.substr(0, end));
      octets.remove_prefix(end);
      continue;
    }
    space_ = true;
    octets.remove_prefix(std::min(octets.find_first_not_of(" \t"), octets.size()));
  }
}

void BodyHash::line_end() {
  space_ = false;  // white space at the end of a line is nothing
  ++line_ends_;
}

void BodyHash::feed(std::string_view octets) {
  while (!octets.empty()) {
    if (cr_) {
      cr_ = false;
      if (octets.front() == '\n') {
        octets.remove_prefix(1);
        line_end();
        continue;
      }
      text("\r");  // alone: an octet like any other
    }
    const auto cr = std::min(octets.find('\r'), octets.size());
    text(octets.substr(0, cr));
    octets.remove_prefix(cr);
    if (!octets.empty()) {
      cr_ = true;
      octets.remove_prefix(1);
    }
  }
}

void BodyHash::finish() {
  if (cr_) text("\r");
  const bool any = size_ + buffer_.size() > 0;
  if (canon_ == Canon::simple || any) emit("\r\n");
  flush();
  digest_ = hash_.finish();
}

std::size_t BodyHashes::want(Canon canon, std::optional<std::uint64_t> limit) {
  const auto same = [&](const BodyHash& hash) { return hash.canon() == canon && hash.limit() == limit; };
  const auto found = std::find_if(hashes_.begin(), hashes_.end(), same);
  if (found != hashes_.end()) return static_cast<std::size_t>(found - hashes_.begin());
  hashes_.emplace_back(canon, limit);
  return hashes_.size() - 1;
}

}  // namespace genkan::smtp
