// Writing replies. Every line we send carries an enhanced status code (RFC 2034) except those of greeting, HELO and
// EHLO.
#pragma once

#include <string>
#include <string_view>

namespace genkan::smtp {

inline void put_reply(std::string& out, int code, std::string_view status, std::string_view text) {
  out += static_cast<char>('0' + code / 100);
  out += static_cast<char>('0' + code / 10 % 10);
  out += static_cast<char>('0' + code % 10);
  out += ' ';
  if (!status.empty()) {
    out += status;
    out += ' ';
  }
  out += text;
  out += "\r\n";
}

}  // namespace genkan::smtp
