// Two peers for tests with real sockets on loopback: a client that talks line by line, and a next hop that keeps what
// it gets and answers as it is told to. Both block and have a time limit, so that a broken server fails a test, not
// hangs it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace genkan::smtp::testing_support {

class Line {
 public:
  explicit Line(int fd) : fd_(fd) {}
  explicit Line(std::uint16_t port, int) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    ::sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_.get(), reinterpret_cast<::sockaddr*>(&to), sizeof to) != 0) fd_.reset();
  }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool more() {
    ::pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, 10'000) != 1) return false;
    char buffer[16384];
    const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  // One line without CRLF; empty and ended() at the end of the stream.
  std::string read_line() {
    for (;;) {
      const auto end = in_.find("\r\n");
      if (end != std::string::npos) {
        auto line = in_.substr(0, end);
        in_.erase(0, end + 2);
        return line;
      }
      if (!more()) {
        ended_ = true;
        return "";
      }
    }
  }
  // A whole reply: its last line.
  std::string reply() {
    for (;;) {
      auto line = read_line();
      if (line.size() < 4 || line[3] != '-') return line;
    }
  }
  std::string say(std::string_view command) {
    send(std::string(command) + "\r\n");
    return reply();
  }
  // Octets up to `end`, which is left out.
  std::string read_until(std::string_view end) {
    for (;;) {
      const auto at = in_.find(end);
      if (at != std::string::npos) {
        auto text = in_.substr(0, at);
        in_.erase(0, at + end.size());
        return text;
      }
      if (!more()) return "";
    }
  }
  bool ended() const { return ended_; }
  bool connected() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }

 private:
  base::UniqueFd fd_;
  std::string in_;
  bool ended_ = false;
};

struct Received {
  std::string mail;
  std::vector<std::string> rcpts;
  std::string content;  // as on the wire, with dot-stuffing, without the final dot line
};

class NextHop {
 public:
  explicit NextHop(std::uint16_t port = 0) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof at;
    if (::bind(listener_.get(), reinterpret_cast<::sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_.get(), 64) != 0)
      std::abort();
    ::getsockname(listener_.get(), reinterpret_cast<::sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~NextHop() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& session : sessions_) session.join();
  }
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The answer to a verb ("MAIL", "RCPT", "DATA", "." for the content, "GREET") instead of the good one; "drop" closes.
  void answer(const std::string& verb, const std::string& reply) {
    std::lock_guard lock(mutex_);
    answers_[verb] = reply;
  }
  std::vector<Received> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return messages_.size() >= count; });
    return messages_;
  }
  std::size_t count() {
    std::lock_guard lock(mutex_);
    return messages_.size();
  }
  std::size_t connections() {
    std::lock_guard lock(mutex_);
    return sessions_.size();
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept(listener_.get(), nullptr, nullptr);
      if (fd < 0) return;
      std::lock_guard lock(mutex_);
      open_.push_back(fd);
      sessions_.emplace_back([this, fd] { serve(fd); });
    }
  }
  bool answered(Line& line, const std::string& verb, const std::string& good) {
    std::string text = good;
    {
      std::lock_guard lock(mutex_);
      if (const auto found = answers_.find(verb); found != answers_.end()) text = found->second;
    }
    if (text == "drop") return false;
    return line.send(text + "\r\n");
  }
  void serve(int fd) {
    Line line(fd);
    Received now;
    bool alive = answered(line, "GREET", "220 next.example");
    while (alive) {
      const auto command = line.read_line();
      if (line.ended()) break;
      const auto verb = command.substr(0, 4);
      if (verb == "EHLO") {
        alive =
            answered(line, "EHLO", "250-next.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 0\r\n250 SMTPUTF8");
      } else if (verb == "MAIL") {
        now = Received();
        now.mail = command;
        alive = answered(line, "MAIL", "250 ok");
      } else if (verb == "RCPT") {
        alive = answered(line, "RCPT", "250 ok");
        now.rcpts.push_back(command);
      } else if (verb == "DATA") {
        alive = answered(line, "DATA", "354 go");
        std::lock_guard lock(mutex_);
        if (answers_.contains("DATA") || answers_.contains("RCPT")) continue;
        mutex_.unlock();
        now.content = line.read_until("\r\n.\r\n") + "\r\n";
        alive = answered(line, ".", "250 2.0.0 taken");
        mutex_.lock();
        if (alive && !answers_.contains(".")) {
          messages_.push_back(now);
          changed_.notify_all();
        }
      } else if (verb == "QUIT") {
        line.send("221 bye\r\n");
        break;
      } else {
        alive = line.send("250 ok\r\n");
      }
    }
    std::lock_guard lock(mutex_);
    std::erase(open_, fd);
  }

  base::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> sessions_;
  std::vector<int> open_;
  std::map<std::string, std::string> answers_;
  std::vector<Received> messages_;
};

}  // namespace genkan::smtp::testing_support
