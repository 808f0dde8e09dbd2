#include "vip/control.hpp"

#include <algorithm>

namespace genkan::vip {

NoteMessage make_note(std::uint16_t index, std::uint8_t level, std::string_view text) noexcept {
  NoteMessage note;
  note.index = index;
  note.level = level;
  note.length = static_cast<std::uint8_t>(std::min(text.size(), note.text.size()));
  std::copy_n(text.begin(), note.length, note.text.begin());
  return note;
}

}  // namespace genkan::vip
