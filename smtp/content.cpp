#include "smtp/content.hpp"

#include <cstring>

#include "base/text.hpp"

namespace genkan::smtp {
namespace {

bool has_high_bit(std::string_view text) noexcept {
  std::uint64_t seen = 0;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    seen |= word;
  }
  for (; i < text.size(); ++i) seen |= static_cast<unsigned char>(text[i]);
  return (seen & 0x8080808080808080ull) != 0;
}

std::size_t find(std::string_view text, char c) noexcept {
  const auto* at = text.empty() ? nullptr : std::memchr(text.data(), c, text.size());
  return at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data()) : text.size();
}

}  // namespace

std::size_t ContentReader::feed(std::string_view in, std::string& out) {
  std::size_t used = 0;
  if (framing_ == Framing::binary && state_ != State::done) {
    put(in, out);
    used = in.size();
  }
  while (used < in.size() && state_ != State::done) {
    const auto rest = in.substr(used);
    used += state_ == State::middle ? run(rest, out) : step(rest, out);
  }
  taken_ += used;
  return used;
}

// Takes whole lines as long as they neither begin with a dot nor hold a stray CR or LF: one append for all of them.
std::size_t ContentReader::run(std::string_view in, std::string& out) {
  std::size_t good = 0;  // octets that go out as they are
  for (;;) {
    const auto line = in.substr(good);
    const auto lf = find(line, '\n');
    const auto cr = find(line.substr(0, lf), '\r');
    if (lf == line.size() || cr + 1 != lf) {
      // The end of what is here, or something that step() judges octet by octet.
      const auto stop = good + (cr < lf ? cr : lf);
      put(in.substr(0, stop), out);
      if (stop == in.size()) return stop;
      if (in[stop] == '\r') {
        state_ = State::cr;
      } else {
        bare_lf(out);
      }
      return stop + 1;
    }
    good += lf + 1;
    if (good == in.size() || in[good] == '.' || in[good] == '\r' || in[good] == '\n') {
      put(in.substr(0, good), out);
      state_ = State::line_start;
      return good;
    }
  }
}

// One octet in a state where it matters; returns 0 when the octet is to be looked at again in the new state.
std::size_t ContentReader::step(std::string_view in, std::string& out) {
  const char c = in.front();
  switch (state_) {
    case State::line_start:
    case State::mended_start:
      if (c == '.') {
        if (framing_ == Framing::dots && state_ == State::line_start) {
          state_ = State::dot;
          return 1;
        }
        facts_.dot_lines = true;
      } else if (c == '\r') {
        state_ = State::cr;
        return 1;
      } else if (c == '\n') {
        bare_lf(out);
        return 1;
      }
      state_ = State::middle;
      return 0;
    case State::dot:
      if (c == '\r') {
        state_ = State::dot_cr;
        return 1;
      }
      if (c == '\n') {  // CRLF "." LF is no end of data but a line that holds a dot
        put(".", out);
        facts_.dot_lines = true;
        bare_lf(out);
        return 1;
      }
      facts_.dot_lines = facts_.dot_lines || c == '.';
      state_ = State::middle;
      return 0;
    case State::dot_cr:
      if (c == '\n') {
        state_ = State::done;
        return 1;
      }
      bare_cr(out);
      return 0;
    case State::cr:
      if (c == '\n') {
        put("\r\n", out);
        state_ = State::line_start;
        return 1;
      }
      bare_cr(out);
      return 0;
    default:
      return in.size();
  }
}

void ContentReader::bare_lf(std::string& out) {
  facts_.bare_newline = true;
  put("\r\n", out);
  state_ = State::mended_start;
}

void ContentReader::bare_cr(std::string& out) {
  facts_.bare_newline = true;
  put(" ", out);
  state_ = State::middle;
}

void ContentReader::put(std::string_view octets, std::string& out) {
  facts_.size += octets.size();
  if (facts_.size > max_size_) facts_.too_large = true;
  if (refused()) return;
  if (!facts_.eight_bit) facts_.eight_bit = has_high_bit(octets);
  out.append(octets);
}

void ContentReader::finish_chunks(std::string& out) {
  if (framing_ == Framing::binary) state_ = State::done;
  if (state_ == State::cr) bare_cr(out);
  if (state_ == State::middle) put("\r\n", out);
  state_ = State::done;
}

std::size_t count_received(std::string_view content) noexcept {
  std::size_t count = 0;
  while (!content.empty() && content.front() != '\r') {
    if (base::istarts_with(content, "received:")) ++count;
    const auto end = find(content, '\n');
    if (end == content.size()) break;
    content.remove_prefix(end + 1);
  }
  return count;
}

}  // namespace genkan::smtp
