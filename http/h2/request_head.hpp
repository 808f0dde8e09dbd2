// The head of an HTTP/2 request: collects the fields as nghttp2 decodes them, then makes a Request of them that
// handlers can't tell from one of HTTP/1.1 (RFC 9113 8.3: :authority becomes Host; 8.2.3: cookies are joined).
// nghttp2 has refused malformed fields and pseudo-fields before; here stand the limits and what RFC 9110 asks for.
#pragma once

#include <string>
#include <string_view>

#include "conf/conf.hpp"
#include "http/message.hpp"
#include "net/frames.hpp"

namespace genkan::http::h2 {

class RequestHead {
 public:
  // False: the limits are passed. What comes after that is only counted.
  bool add(std::string_view name, std::string_view value, const conf::Http& limits);
  std::size_t bytes() const noexcept { return bytes_; }

  // Fills method, target, authority, path and fields of `request`, which look into this. Returns 0, or the status to
  // refuse with.
  int make(Request& request, const conf::Http& limits);
  bool is_tunnel() const noexcept { return protocol_.size > 0; }  // extended CONNECT (RFC 8441)
  std::string_view protocol() const noexcept { return text(protocol_); }

 private:
  struct Part {
    std::uint32_t at = 0, size = 0;
  };
  struct Entry {
    std::uint32_t name_at, value_at, value_size;
    std::uint16_t name_size;
    FieldId id;
  };
  std::string_view text(Part part) const noexcept { return std::string_view(text_).substr(part.at, part.size); }
  void add_pseudo(std::string_view name, std::string_view value);
  void add_line(FieldId id, std::string_view name, std::string_view value);
  int check_target(Request& request, const conf::Http& limits);
  int check_authority(Request& request);
  void join_cookies();

  net::FrameString text_;
  net::FrameVector<Entry> entries_;
  Part method_, path_, authority_, scheme_, protocol_;
  std::string path_store_, host_store_;
  std::size_t bytes_ = 0, count_ = 0;
  int refuse_ = 0;
};

}  // namespace genkan::http::h2
