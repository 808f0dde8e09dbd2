#include "app/handover.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.hpp"

namespace genkan::app {
namespace {

constexpr std::size_t kMaxText = 8192;
constexpr std::size_t kMaxFds = 128;
constexpr Duration kPatience = std::chrono::seconds(10);

Error last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

Result<std::pair<Handover, Handover>> Handover::pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return last_error();
  return std::pair(Handover(base::UniqueFd(fds[0])), Handover(base::UniqueFd(fds[1])));
}

Result<void> Handover::send(std::string_view word, std::string_view rest, const std::vector<int>& fds) {
  std::string text(word);
  if (!rest.empty()) text.append(" ").append(rest.substr(0, kMaxText - word.size() - 1));
  if (fds.size() > kMaxFds) return Errc::too_large;
  ::iovec part{text.data(), text.size()};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    ::cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size() * sizeof(int));
  }
  for (;;) {
    if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return last_error();
  }
}

Result<HandoverMessage> Handover::receive(Time deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  ::pollfd p{fd_.get(), POLLIN, 0};
  const int ready = ::poll(&p, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Errc::timed_out;
  if (ready < 0) return last_error();
  std::string text(kMaxText, '\0');
  ::iovec part{text.data(), text.size()};
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  if (n < 0) return last_error();
  HandoverMessage out;
  for (::cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
      out.fds.emplace_back(fd);
    }
  }
  if (n == 0) return Errc::end_of_stream;
  text.resize(static_cast<std::size_t>(n));
  const std::size_t blank = text.find(' ');
  out.word = text.substr(0, blank);
  if (blank != std::string::npos) out.rest = text.substr(blank + 1);
  return out;
}

std::unique_ptr<Heritage> receive_heritage(std::string& why) {
  const char* variable = std::getenv(kHandoverVariable);
  if (!variable) return nullptr;
  const auto number = base::parse_uint(variable);
  ::unsetenv(kHandoverVariable);  // not for whom we may start ourselves
  if (!number || *number > 1'000'000 || ::fcntl(static_cast<int>(*number), F_SETFD, FD_CLOEXEC) != 0) {
    why = std::string(kHandoverVariable) + " names no descriptor";
    return nullptr;
  }
  auto heritage = std::make_unique<Heritage>(Handover(base::UniqueFd(static_cast<int>(*number))));
  const Time deadline = Clock::now() + kPatience;
  for (;;) {
    auto message = heritage->talk.receive(deadline);
    if (!message) {
      why = "the process that is to be replaced said nothing: " + message.error().message();
      return nullptr;
    }
    net::Inherited* const kind = message->word == "web"     ? &heritage->web
                                 : message->word == "admin" ? &heritage->admin
                                 : message->word == "smtp"  ? &heritage->smtp
                                                            : nullptr;
    if (kind) {
      for (auto& fd : message->fds) kind->add(message->rest, std::move(fd));
    } else if (message->word == "begin") {
      if (!message->rest.starts_with("1 ")) {
        why = "the process that is to be replaced speaks another version: restart instead";
        static_cast<void>(heritage->talk.send("failed", why));
        return nullptr;
      }
      heritage->old_pid = static_cast<int>(base::parse_uint(message->rest.substr(2)).value_or(0));
    } else if (message->word == "vip" && message->fds.size() == 1) {
      const std::size_t blank = message->rest.find(' ');
      heritage->guardian = std::move(message->fds.front());
      heritage->guardian_pid = static_cast<int>(base::parse_uint(message->rest.substr(0, blank)).value_or(0));
      heritage->vip_fingerprint = blank == std::string::npos ? "" : message->rest.substr(blank + 1);
    } else if (message->word == "end") {
      return heritage;
    }
  }
}

}  // namespace genkan::app
