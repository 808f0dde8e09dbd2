#include "smtp/login.hpp"

#include "base/text.hpp"
#include "smtp/reply.hpp"

namespace genkan::smtp {
namespace {

constexpr std::size_t kMaxName = 255, kMaxPassword = 1024;

// base::base64_decode() takes the alphabet of URLs and missing padding too, which SASL does not have.
bool strict_base64(std::string_view text) noexcept {
  return text.size() % 4 == 0 && text.find_first_of("-_") == std::string_view::npos;
}

}  // namespace

LoginMachine::Step LoginMachine::refuse(int code, std::string_view status, std::string_view text, std::string& out) {
  put_reply(out, code, status, text);
  abandon();
  return Step::refused;
}

LoginMachine::Step LoginMachine::ask(State state, std::string& out) {
  state_ = state;
  out += state == State::plain ? "334 \r\n" : state == State::name ? "334 VXNlcm5hbWU6\r\n" : "334 UGFzc3dvcmQ6\r\n";
  return Step::challenge;
}

LoginMachine::Step LoginMachine::begin(std::string_view argument, std::string& out) {
  abandon();
  const auto space = argument.find(' ');
  const auto mechanism = argument.substr(0, space);
  const bool initial = space != std::string_view::npos;
  const auto response = initial ? base::trim(argument.substr(space + 1)) : std::string_view();
  if (base::iequals(mechanism, "PLAIN")) return initial ? plain(response, out) : ask(State::plain, out);
  if (base::iequals(mechanism, "LOGIN")) {
    if (!initial) return ask(State::name, out);
    state_ = State::name;
    return this->response(response, out);
  }
  if (mechanism.empty()) return refuse(501, "5.5.4", "syntax: AUTH mechanism", out);
  return refuse(504, "5.5.4", "unknown authentication mechanism", out);
}

LoginMachine::Step LoginMachine::response(std::string_view line, std::string& out) {
  if (line == "*") return refuse(501, "5.7.0", "authentication cancelled", out);
  if (state_ == State::plain) return plain(line, out);
  const auto text = strict_base64(line) ? base::base64_decode(line) : std::nullopt;
  const auto limit = state_ == State::name ? kMaxName : kMaxPassword;
  if (!text || text->empty() || text->size() > limit || text->find('\0') != std::string::npos)
    return refuse(501, "5.5.2", "that is not a valid response", out);
  if (state_ == State::name) {
    credentials_.user = *text;
    return ask(State::password, out);
  }
  credentials_.password = *text;
  state_ = State::idle;
  return Step::verify;
}

// [authzid] NUL authcid NUL password. To act for somebody else is nothing that we allow.
LoginMachine::Step LoginMachine::plain(std::string_view text, std::string& out) {
  const auto message = strict_base64(text) ? base::base64_decode(text) : std::nullopt;
  if (!message) return refuse(501, "5.5.2", "that is not a valid response", out);
  const auto parts = base::split(*message, '\0');
  if (parts.size() != 3 || parts[1].empty() || parts[2].empty() || parts[1].size() > kMaxName ||
      parts[2].size() > kMaxPassword) {
    return refuse(501, "5.5.2", "that is not a valid response", out);
  }
  if (!parts[0].empty() && parts[0] != parts[1]) return refuse(535, "5.7.8", "authentication failed", out);
  credentials_.user = parts[1];
  credentials_.password = parts[2];
  state_ = State::idle;
  return Step::verify;
}

}  // namespace genkan::smtp
