#include "http/h1/parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>

#include "base/scan.hpp"

namespace genkan::http::h1 {
namespace {

namespace beast = boost::beast;
using BeastError = beast::error_code;

constexpr std::size_t kMaxName = 4096;

// Beast's parser, for the start line: it gets that and an empty section.
template <class Parser>
class StartLine : public Parser {
 public:
  // False with `error` set when the grammar of RFC 9112 3 or 4 does not hold. `minor_at`: where the digit of a later
  // minor version stands, which is read as 1.
  bool parse(std::string_view line, std::size_t minor_at, BeastError& error) {
    std::array<char, 1024> small;
    std::string large;
    const std::size_t size = line.size() + 2;
    char* copy = small.data();
    if (size > small.size()) {
      large.resize(size);
      copy = large.data();
    }
    line.copy(copy, line.size());
    if (minor_at < line.size()) copy[minor_at] = '1';
    copy[line.size()] = '\r';
    copy[line.size() + 1] = '\n';
    line_ = line;
    copy_ = copy;
    this->header_limit(static_cast<std::uint32_t>(size + 1));
    this->eager(false);
    const std::size_t used = this->put(boost::asio::const_buffer(copy, size), error);
    return !error && used == size;
  }

 protected:
  std::string_view here(beast::string_view part) const noexcept {
    return line_.substr(static_cast<std::size_t>(part.data() - copy_), part.size());
  }

 private:
  void on_field_impl(beast::http::field, beast::string_view, beast::string_view, BeastError&) override {}
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, BeastError&) override {}
  std::size_t on_body_impl(beast::string_view body, BeastError&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, BeastError&) override { return body.size(); }
  void on_finish_impl(BeastError&) override {}

  std::string_view line_;
  const char* copy_ = nullptr;
};

class RequestStart final : public StartLine<beast::http::basic_parser<true>> {
 public:
  RequestLine line;

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       BeastError&) override {
    line = {here(method), here(target), version % 10};
  }
  void on_response_impl(int, beast::string_view, int, BeastError&) override {}
};

class StatusStart final : public StartLine<beast::http::basic_parser<false>> {
 public:
  StatusLine line;

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, BeastError&) override {}
  void on_response_impl(int code, beast::string_view reason, int version, BeastError&) override {
    line = {code, here(reason), version % 10};
  }
};

constexpr auto kTokenChars = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    table[static_cast<std::size_t>(c)] =
        alnum || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  }
  return table;
}();

bool blank(char c) noexcept { return c == ' ' || c == '\t'; }

// RFC 9112 2.3: "HTTP/" DIGIT "." DIGIT, nothing else. `later_at`: the minor digit, when it is above 1: whoever speaks
// that speaks 1.1 as well (RFC 9110 2.5).
HeadError check_version(std::string_view text, std::size_t at, std::size_t& later_at) noexcept {
  const std::string_view v = text.substr(std::min(at, text.size()), 8);
  const auto digit = [&](std::size_t i) { return v[i] >= '0' && v[i] <= '9'; };
  if (v.size() != 8 || !v.starts_with("HTTP/") || !digit(5) || v[6] != '.' || !digit(7)) return HeadError::malformed;
  if (v[5] != '1') return HeadError::version;
  if (v[7] > '1') later_at = at + 7;
  return HeadError::none;
}

// RFC 9112 5: field lines and the empty line after them, which must end `text`. Offsets are relative to `base`.
// `blanks`: white space before a colon, which a request must not have, is taken out (5.1).
HeadError parse_fields(const char* base, std::string_view text, Fields& fields, bool blanks = false) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (end - p >= 2) {
    if (*p == '\r') return p[1] == '\n' && p + 2 == end ? HeadError::none : HeadError::malformed;
    const char* const name = p;
    p = base::find_beyond_name(p, end);
    while (p != end && kTokenChars[static_cast<unsigned char>(*p)]) ++p;
    const auto name_size = static_cast<std::size_t>(p - name);
    while (blanks && p != end && blank(*p)) ++p;
    if (name_size == 0 || p == end || *p != ':') return HeadError::malformed;
    if (name_size > kMaxName) return HeadError::malformed;
    for (++p; p != end && blank(*p);) ++p;
    const char* const value = p;
    p = base::find_control(p, end);
    if (end - p < 2 || p[0] != '\r' || p[1] != '\n') return HeadError::malformed;
    const char* last = p;
    while (last != value && blank(last[-1])) --last;
    fields.add_parsed(static_cast<std::size_t>(name - base), name_size, static_cast<std::size_t>(value - base),
                      static_cast<std::size_t>(last - value));
    p += 2;
  }
  return HeadError::malformed;
}

template <class Start, class Line>
HeadError parse_head(std::string_view head, Line& line, Fields& fields) {
  const std::size_t stop = head.find("\r\n");
  if (stop == std::string_view::npos) return HeadError::malformed;
  constexpr bool kResponse = std::is_same_v<Line, StatusLine>;
  std::size_t later_at = std::string_view::npos;
  const std::size_t version_at = kResponse ? 0 : stop < 8 ? stop : stop - 8;
  const HeadError version = check_version(head.substr(0, stop), version_at, later_at);
  if (version != HeadError::none) return version;
  Start start;
  BeastError error;
  const bool good = start.parse(head.substr(0, stop + 2), later_at, error);
  line = start.line;
  return good ? parse_fields(head.data(), head.substr(stop + 2), fields, kResponse) : HeadError::malformed;
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view data, std::size_t max_fields) noexcept {
  const char* const begin = data.data();
  const char* const end = begin + data.size();
  while (at_ < data.size()) {
    const char* from = begin + at_;
    const bool line_start = at_ == 0 || from[-1] == '\n';  // unless the line came in parts
    if (line_start && lines_ > 0 && (*from == ' ' || *from == '\t')) return State::malformed;  // obs-fold
    const char* stop = base::find_line_byte(from, end);
    at_ = static_cast<std::size_t>(stop - begin);
    if (stop == end) return State::more;
    if (*stop != '\r') return State::malformed;  // CR stands only directly before LF, and LF after it
    if (stop + 1 == end) return State::more;
    if (stop[1] != '\n') return State::malformed;
    at_ += 2;
    if (line_start && stop == from) return State::complete;
    if (++lines_ > max_fields + 1) return State::too_many;
  }
  return State::more;
}

HeadError parse_request(std::string_view head, RequestLine& line, Fields& fields) {
  return parse_head<RequestStart>(head, line, fields);
}

HeadError parse_response(std::string_view head, StatusLine& line, Fields& fields) {
  return parse_head<StatusStart>(head, line, fields);
}

HeadError parse_trailers(std::string_view section, Fields& fields) {
  return parse_fields(section.data(), section, fields);
}

}  // namespace genkan::http::h1
