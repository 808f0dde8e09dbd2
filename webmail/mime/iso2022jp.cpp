#include "webmail/mime/iso2022jp.hpp"

#include <array>
#include <cstdint>

namespace genkan::webmail::mime {

namespace {

enum class Set { ascii, kana, jis0208, jis0212, gb2312, ks1001 };

struct Escape {
  std::string_view bytes;  // after ESC
  Set set;
};
constexpr std::array kEscapes = {
    Escape{"(B", Set::ascii},    Escape{"(J", Set::ascii},   Escape{"(H", Set::ascii},    Escape{"(I", Set::kana},
    Escape{"$@", Set::jis0208},  Escape{"$B", Set::jis0208}, Escape{"$(@", Set::jis0208}, Escape{"$(B", Set::jis0208},
    Escape{"$(D", Set::jis0212}, Escape{"$A", Set::gb2312},  Escape{"$(C", Set::ks1001},
};

// A pair of 7-bit JIS bytes as Shift_JIS (the arithmetic between the two grids of JIS X 0208 annex 1).
void put_shift_jis(std::string& out, unsigned row, unsigned cell) {
  const unsigned lead = (row - 0x21) / 2 + (row < 0x5F ? 0x81 : 0xC1);
  unsigned trail = cell;
  if (row % 2 == 1) {
    trail += cell < 0x60 ? 0x1F : 0x20;
  } else {
    trail += 0x7E;
  }
  out += static_cast<char>(lead);
  out += static_cast<char>(trail);
}

class Machine {
 public:
  explicit Machine(std::string_view bytes) : in_(bytes) {}

  std::string run() {
    while (at_ < in_.size()) {
      if (in_[at_] == '\x1B' && escape()) continue;
      step();
    }
    flush();
    return std::move(out_);
  }

 private:
  bool escape() {
    for (const auto& e : kEscapes) {
      if (in_.substr(at_ + 1, e.bytes.size()) == e.bytes) {
        change(e.set);
        at_ += 1 + e.bytes.size();
        return true;
      }
    }
    return false;
  }

  void step() {
    const auto c = static_cast<unsigned char>(in_[at_]);
    if (c == '\r' || c == '\n') change(Set::ascii);
    const bool pair = set_ != Set::ascii && set_ != Set::kana;
    const auto next = at_ + 1 < in_.size() ? static_cast<unsigned char>(in_[at_ + 1]) : 0U;
    if (pair && c >= 0x21 && c <= 0x7E && next >= 0x21 && next <= 0x7E) {
      put_pair(c, next);
      at_ += 2;
      return;
    }
    ++at_;
    if (set_ == Set::kana && c >= 0x21 && c <= 0x5F) {
      pending_ += static_cast<char>(c + 0x80);
    } else if (c < 0x80 && (!pair || c <= 0x20)) {
      flush();
      if (c != 0x1B && c != 0x0E && c != 0x0F) out_ += static_cast<char>(c);
    } else if (c >= 0xA1 && c <= 0xDF && (set_ == Set::ascii || set_ == Set::jis0208 || set_ == Set::kana)) {
      pending_ += static_cast<char>(c);  // 8-bit half-width kana
    } else {
      flush();
      out_ += "\xEF\xBF\xBD";
    }
  }

  void put_pair(unsigned row, unsigned cell) {
    if (set_ == Set::jis0208) {
      put_shift_jis(pending_, row, cell);
      return;
    }
    if (set_ == Set::jis0212) pending_ += '\x8F';
    pending_ += static_cast<char>(row | 0x80);
    pending_ += static_cast<char>(cell | 0x80);
  }

  void change(Set set) {
    if (set == set_) return;
    flush();
    set_ = set;
  }

  void flush() {
    if (pending_.empty()) return;
    switch (set_) {
      case Set::jis0212:
        out_ += decode_named(pending_, "EUC-JP");
        break;
      case Set::gb2312:
        out_ += decode_named(pending_, "gb18030");
        break;
      case Set::ks1001:
        out_ += decode_named(pending_, "windows-949");
        break;
      default:
        out_ += decode_cp932(pending_);
    }
    pending_.clear();
  }

  std::string_view in_;  // lives as long as decode_iso2022jp's argument
  std::size_t at_ = 0;
  Set set_ = Set::ascii;
  std::string pending_;  // bytes of set_, not yet decoded
  std::string out_;
};

}  // namespace

std::string decode_iso2022jp(std::string_view bytes) { return Machine(bytes).run(); }

}  // namespace genkan::webmail::mime
