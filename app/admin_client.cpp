#include "app/admin_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "conf/reader.hpp"

namespace genkan::app {
namespace {

constexpr std::size_t kMaxAnswer = 256u << 20;

Error last_error() { return {errno, boost::system::system_category()}; }

Result<std::string> talk(const base::Endpoint& to, const std::string& request) {
  ::sockaddr_storage address{};
  const auto length = to.to_sockaddr(address);
  const base::UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return last_error();
  const ::timeval limit{30, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<const ::sockaddr*>(&address), length) != 0) return last_error();
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t n = ::send(fd.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n < 0) return last_error();
    sent += static_cast<std::size_t>(n);
  }
  std::string answer;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (n < 0) return last_error();
    if (n == 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(n));
    if (answer.size() > kMaxAnswer) return Errc::too_large;
  }
}

int say(int status, const std::string& why) {
  std::fprintf(stderr, "genkan: %s\n", why.c_str());
  return status;
}

std::string error_of(const boost::json::object& answer) {
  const boost::json::value* text = answer.if_contains("error");
  return text && text->is_string() ? std::string(text->get_string()) : std::string();
}

}  // namespace

Result<AdminAnswer> ask_admin(const conf::Admin& admin, const std::string& method, const std::string& path,
                              const std::string& body, std::string& why) {
  auto to = base::Endpoint::parse(admin.listen);
  if (!to) return to.error();
  if (to->ip == base::IpAddress::any_v4()) to->ip = base::IpAddress::v4(0x7f000001);
  std::string request = method + " " + path + " HTTP/1.0\r\nHost: localhost\r\n";
  // Without a token the listener is on loopback and takes the command line's word by this value, which only the page
  // and who may read it know.
  if (!admin.token.empty()) request += "Authorization: Bearer " + admin.token + "\r\n";
  if (method == "POST" && admin.token.empty()) {
    auto page = talk(*to, "GET /api/v1/csrf HTTP/1.0\r\nHost: localhost\r\n\r\n");
    if (page) {
      const std::size_t at = page->find("\r\n\r\n");
      if (at != std::string::npos) {
        const std::size_t end = page->find('\n', at + 4);
        request += "X-Genkan-CSRF: " + page->substr(at + 4, end - at - 4) + "\r\n";
      }
    }
  }
  request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  auto answer = talk(*to, request);
  if (!answer) {
    why = "no genkan answers at " + admin.listen + " ([admin] listen): " + answer.error().message();
    return answer.error();
  }
  AdminAnswer out;
  const std::size_t end = answer->find("\r\n\r\n");
  if (!answer->starts_with("HTTP/1.") || end == std::string::npos) {
    why = "what answers at " + admin.listen + " is no genkan";
    return Errc::malformed;
  }
  out.status = static_cast<int>(base::parse_uint(answer->substr(9, 3)).value_or(0));
  out.body = answer->substr(end + 4);
  return out;
}

std::optional<boost::json::value> fetch(const std::string& file, const std::string& method, const std::string& path,
                                        const std::string& body, int& status) {
  const auto read = conf::read_file(file);
  if (!read.conf) {
    for (const auto& problem : read.problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
    status = EX_CONFIG;
    return std::nullopt;
  }
  std::string why;
  const auto answer = ask_admin(read.conf->admin, method, path, body, why);
  if (!answer) {
    status = say(EX_UNAVAILABLE, why);
    return std::nullopt;
  }
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(answer->body, error);
  if (error || !value.is_object()) {
    status = say(EX_PROTOCOL, "the answer can not be read");
    return std::nullopt;
  }
  if (answer->status != 200) {
    status = say(answer->status == 404 ? EX_NOINPUT : EX_DATAERR, error_of(value.get_object()));
    return std::nullopt;
  }
  return value;
}

}  // namespace genkan::app
