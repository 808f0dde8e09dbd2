// Beast's whole parser as the second opinion about a head.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <string_view>
#include <utility>
#include <vector>

namespace genkan::fuzz {

template <bool is_request>
class BeastHead final : public boost::beast::http::basic_parser<is_request> {
 public:
  std::vector<std::pair<std::string_view, std::string_view>> fields;

  // False when the grammar of the message does not hold. What single fields say is not looked at here: the length of
  // the content, and what Connection lists (bad_value; something that is no token names no field, and goes with the
  // rest).
  bool accepts(std::string_view head) {
    namespace http = boost::beast::http;
    this->header_limit(static_cast<std::uint32_t>(head.size() + 1));
    this->body_limit(boost::none);
    this->eager(false);
    boost::beast::error_code error;
    this->put(boost::asio::const_buffer(head.data(), head.size()), error);
    return !error || error == http::error::bad_content_length || error == http::error::bad_transfer_encoding ||
           error == http::error::multiple_content_length || error == http::error::bad_value;
  }

 private:
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;
  void on_request_impl(boost::beast::http::verb, View, View, int, Error&) override {}
  void on_response_impl(int, View, int, Error&) override {}
  void on_field_impl(boost::beast::http::field, View name, View value, Error&) override {
    fields.emplace_back(std::string_view(name.data(), name.size()), std::string_view(value.data(), value.size()));
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Error&) override {}
  std::size_t on_body_impl(View body, Error&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Error&) override { return body.size(); }
  void on_finish_impl(Error&) override {}
};

}  // namespace genkan::fuzz
