#include "http/h1/chunked.hpp"

#include <algorithm>

#include "http/h1/parser.hpp"

namespace genkan::http::h1 {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void ChunkedDecoder::reset() noexcept {
  step_ = Step::size_first;
  quoted_ = escaped_ = false;
  left_ = 0;
  extension_ = 0;
  extensions_ = 0;
  section_.clear();
  trailers_.clear();
}

ChunkedDecoder::State ChunkedDecoder::next(std::string_view& in, std::string_view& out) {
  while (!in.empty() || step_ == Step::done) {
    switch (step_) {
      case Step::size_first:
      case Step::size: {
        const char c = in.front();
        if (const int digit = hex_value(c); digit >= 0) {
          if (left_ >> 58) break;  // more than 2^62: nobody means that
          left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
          step_ = Step::size;
        } else if (step_ == Step::size_first) {
          break;  // no digit at all
        } else if (c == '\r') {
          step_ = Step::size_lf;
        } else if (c == ';' || c == ' ' || c == '\t') {
          step_ = Step::extension;  // BWS before ';' (RFC 9112 7.1.1)
          extension_ = c == ';' ? 2 : 1;
          quoted_ = escaped_ = false;
        } else {
          break;
        }
        in.remove_prefix(1);
        continue;
      }
      case Step::extension: {
        const char c = in.front();
        // extension_ 1: only white space so far, a ';' must come
        if (extension_ == 1 && c != ';' && c != ' ' && c != '\t') break;
        if (c == '\r') {
          if (quoted_) break;
          step_ = Step::size_lf;
        } else if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f) {
          break;
        } else {
          if (c == '"' && !escaped_) quoted_ = !quoted_;
          escaped_ = c == '\\' && quoted_ && !escaped_;
          if (extension_ != 1 || c == ';') ++extension_;
          if (extension_ > kMaxExtension || ++extensions_ > kMaxExtensions) break;
        }
        in.remove_prefix(1);
        continue;
      }
      case Step::size_lf:
        if (in.front() != '\n') break;
        in.remove_prefix(1);
        step_ = left_ == 0 ? Step::trailers : Step::data;
        continue;
      case Step::data: {
        const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
        out = in.substr(0, n);
        in.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) step_ = Step::data_cr;
        return State::data;
      }
      case Step::data_cr:
        if (in.front() != '\r') break;
        in.remove_prefix(1);
        step_ = Step::data_lf;
        continue;
      case Step::data_lf:
        if (in.front() != '\n') break;
        in.remove_prefix(1);
        step_ = Step::size_first;
        left_ = 0;
        continue;
      case Step::trailers: {
        const State state = trailer_bytes(in);
        if (state == State::malformed) break;
        return state;
      }
      case Step::done:
        return State::end;
      case Step::bad:
        return State::malformed;
    }
    step_ = Step::bad;
    return State::malformed;
  }
  return step_ == Step::bad ? State::malformed : State::more;
}

ChunkedDecoder::State ChunkedDecoder::trailer_bytes(std::string_view& in) {
  while (!in.empty()) {
    const std::size_t lf = in.find('\n');
    const std::size_t n = lf == std::string_view::npos ? in.size() : lf + 1;
    if (section_.size() + n > kMaxTrailers) return State::malformed;
    section_.append(in.substr(0, n));
    in.remove_prefix(n);
    if (section_ == "\r\n" || section_.ends_with("\r\n\r\n")) {
      HeadScanner scanner;  // bare CR or LF, folded lines, NUL
      if (section_ != "\r\n" && scanner.scan(section_, 100) != HeadScanner::State::complete) return State::malformed;
      trailers_.clear(section_.data());
      if (parse_trailers(section_, trailers_) != HeadError::none) return State::malformed;
      step_ = Step::done;
      return State::end;
    }
    if (section_.ends_with("\n") && !section_.ends_with("\r\n")) return State::malformed;
  }
  return State::more;
}

}  // namespace genkan::http::h1
