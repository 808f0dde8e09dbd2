#include "base/sd_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/fd.hpp"

namespace genkan::base {

Result<> sd_notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return {};
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  auto length = std::strlen(path);
  if ((path[0] != '/' && path[0] != '@') || length >= sizeof to.sun_path) return Errc::unsupported;
  std::memcpy(to.sun_path, path, length);
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';  // the abstract name space
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error(errno, boost::system::system_category());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), size) < 0) {
    return Error(errno, boost::system::system_category());
  }
  return {};
}

Result<> sd_notify_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  auto us = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  return sd_notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

Result<> sd_notify_status(std::string_view sentence) {
  std::string line = "STATUS=";
  // A line end would begin another assignment.
  for (char c : sentence) line += c == '\n' ? ' ' : c;
  return sd_notify(line);
}

}  // namespace genkan::base
