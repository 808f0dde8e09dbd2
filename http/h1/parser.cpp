#include "http/h1/parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <cstring>

namespace genkan::http::h1 {
namespace {

namespace beast = boost::beast;
using BeastError = beast::error_code;

constexpr std::size_t kMaxName = 4096;

// Collects what Beast's parser reports; the body is ours to read, so it never gets one.
template <bool is_request>
class Collector final : public beast::http::basic_parser<is_request> {
 public:
  Collector(std::string_view head, Fields& fields) : head_(head), fields_(fields) {
    this->header_limit(static_cast<std::uint32_t>(head.size() + 1));
    this->body_limit(boost::none);
    this->eager(false);
  }

  RequestLine request;
  StatusLine status;

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       BeastError&) override {
    request = {{method.data(), method.size()}, {target.data(), target.size()}, version % 10};
  }
  void on_response_impl(int code, beast::string_view reason, int version, BeastError&) override {
    status = {code, {reason.data(), reason.size()}, version % 10};
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     BeastError& error) override {
    if (name.size() > kMaxName) {
      error = beast::http::error::bad_field;
      return;
    }
    const auto value_at = value.empty() ? 0 : static_cast<std::size_t>(value.data() - head_.data());
    fields_.add_parsed(static_cast<std::size_t>(name.data() - head_.data()), name.size(), value_at, value.size());
  }
  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, BeastError&) override {}
  std::size_t on_body_impl(beast::string_view body, BeastError&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, BeastError&) override { return body.size(); }
  void on_finish_impl(BeastError&) override {}

  std::string_view head_;
  Fields& fields_;
};

template <bool is_request>
HeadError run(Collector<is_request>& parser, std::string_view head) {
  BeastError error;
  const std::size_t used = parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == beast::http::error::bad_version) return HeadError::version;
  return error || used != head.size() ? HeadError::malformed : HeadError::none;
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view data, std::size_t max_fields) noexcept {
  while (at_ < data.size()) {
    const char* from = data.data() + at_;
    const auto* lf = static_cast<const char*>(std::memchr(from, '\n', data.size() - at_));
    const std::size_t stop = lf ? static_cast<std::size_t>(lf - data.data()) : data.size();
    // CR stands only directly before LF; a CR that ends the data may still get its LF.
    const auto* cr = static_cast<const char*>(std::memchr(from, '\r', stop - at_));
    if (std::memchr(from, '\0', stop - at_)) return State::malformed;
    if (!lf) {
      if (cr && cr + 1 != data.data() + data.size()) return State::malformed;
      at_ = cr ? static_cast<std::size_t>(cr - data.data()) : data.size();
      return State::more;
    }
    if (!cr || cr + 1 != lf) return State::malformed;
    const bool empty_line = cr == from;  // `at_` stands at a line start unless the line came in parts
    const bool line_start = at_ == 0 || data[at_ - 1] == '\n';
    if (line_start && lines_ > 0 && (*from == ' ' || *from == '\t')) return State::malformed;  // obs-fold
    at_ = stop + 1;
    if (empty_line && line_start) return State::complete;
    if (++lines_ > max_fields + 1) return State::too_many;
  }
  return State::more;
}

HeadError parse_request(std::string_view head, RequestLine& line, Fields& fields) {
  Collector<true> parser(head, fields);
  const HeadError error = run(parser, head);
  line = parser.request;
  return error;
}

HeadError parse_response(std::string_view head, StatusLine& line, Fields& fields) {
  Collector<false> parser(head, fields);
  const HeadError error = run(parser, head);
  line = parser.status;
  return error;
}

namespace {

bool token_char(unsigned char c) noexcept {
  if (c >= 'a' && c <= 'z') return true;
  if (c >= 'A' && c <= 'Z') return true;
  if (c >= '0' && c <= '9') return true;
  return c != 0 && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr;
}

}  // namespace

HeadError parse_trailers(std::string_view section, Fields& fields) {
  std::size_t at = 0;
  while (at < section.size()) {
    const std::size_t end = section.find("\r\n", at);
    if (end == std::string_view::npos) return HeadError::malformed;
    if (end == at) return end + 2 == section.size() ? HeadError::none : HeadError::malformed;
    const std::string_view line = section.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > kMaxName) return HeadError::malformed;
    for (const char c : line.substr(0, colon)) {
      if (!token_char(static_cast<unsigned char>(c))) return HeadError::malformed;
    }
    const std::string_view value = base::trim(line.substr(colon + 1));
    for (const char c : value) {
      if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f) return HeadError::malformed;
    }
    const auto value_at = value.empty() ? 0 : static_cast<std::size_t>(value.data() - section.data());
    fields.add_parsed(at, colon, value_at, value.size());
    at = end + 2;
  }
  return HeadError::malformed;
}

}  // namespace genkan::http::h1
