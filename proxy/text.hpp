// A text with {placeholders} of a request, compiled when the configuration is read (conf/placeholders.hpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/placeholders.hpp"
#include "http/message.hpp"

namespace genkan::proxy {

class Text {
 public:
  Text() = default;
  // The reader has checked it; what it can't have checked stands as it is written.
  explicit Text(std::string_view text, conf::PlaceholderRules rules = {.status = true, .groups = true});

  bool empty() const noexcept { return pieces_.empty(); }
  const std::vector<conf::Piece>& pieces() const noexcept { return pieces_; }
  // `status`: of the response, 0 without one. `groups`: of the pattern that matched. {request_id} makes one for the
  // request when it has none.
  std::string fill(http::Request& request, int status = 0, std::span<const std::string_view> groups = {}) const;

 private:
  std::vector<conf::Piece> pieces_;
};

// The request's X-Request-ID: what the client or a proxy before us gave it when that is short and harmless, else a new
// one, which is set.
std::string_view request_id(http::Request& request);

// A value that may stand in a field: control characters become spaces, none is at the ends.
std::string field_safe(std::string text);
// A value that may stand in a URL: what may not is %XX. Existing %XX stay.
std::string url_safe(std::string_view text);

}  // namespace genkan::proxy
