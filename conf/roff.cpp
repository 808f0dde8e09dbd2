#include "conf/roff.hpp"

namespace genkan::conf {

std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      continue;
    } else if (c == '"') {
      out += "\\(dq";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_line(std::string_view text) {
  std::string out = roff(text);
  if (out.starts_with('.') || out.starts_with('\\')) out.insert(0, "\\&");
  return out + "\n";
}

}  // namespace genkan::conf
