// A name server of our own on a free loopback port, UDP and TCP, on its own thread: it answers, keeps silent or lies,
// as a function says.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace genkan::net::test {

// Writes one DNS message (RFC 1035 4.1); names are never compressed unless asked for.
class Message {
 public:
  Message() = default;
  Message(std::uint16_t id, std::string_view name, std::uint16_t type, int rcode = 0, bool truncated = false) {
    word(id).word(static_cast<unsigned>(0x8180 | rcode | (truncated ? 0x0200 : 0)));
    word(1).word(0).word(0).word(0);
    this->name(name).word(type).word(1);
  }
  Message& byte(unsigned b) {
    bytes.push_back(static_cast<char>(b));
    return *this;
  }
  Message& word(unsigned w) { return byte(w >> 8).byte(w); }
  Message& name(std::string_view n) {
    while (!n.empty()) {
      const auto label = n.substr(0, n.find('.'));
      byte(static_cast<unsigned>(label.size()));
      bytes += label;
      n.remove_prefix(std::min(n.size(), label.size() + 1));
    }
    return byte(0);
  }
  Message& record(std::string_view owner, unsigned type, std::uint32_t ttl, std::string_view data) {
    name(owner).word(type).word(1).word(ttl >> 16).word(ttl & 0xFFFF).word(static_cast<unsigned>(data.size()));
    bytes += data;
    const unsigned count = (static_cast<unsigned char>(bytes[6]) << 8 | static_cast<unsigned char>(bytes[7])) + 1;
    bytes[6] = static_cast<char>(count >> 8);
    bytes[7] = static_cast<char>(count);
    return *this;
  }
  Message& a(std::string_view owner, const char* ip, std::uint32_t ttl = 60) {
    ::in_addr address{};
    ::inet_pton(AF_INET, ip, &address);
    return record(owner, 1, ttl, {reinterpret_cast<const char*>(&address), 4});
  }
  Message& aaaa(std::string_view owner, const char* ip, std::uint32_t ttl = 60) {
    ::in6_addr address{};
    ::inet_pton(AF_INET6, ip, &address);
    return record(owner, 28, ttl, {reinterpret_cast<const char*>(&address), 16});
  }
  Message& mx(std::string_view owner, unsigned preference, std::string_view host, std::uint32_t ttl = 60) {
    return record(owner, 15, ttl, Message().word(preference).name(host).bytes);
  }
  Message& srv(std::string_view owner, unsigned priority, unsigned weight, unsigned port, std::string_view host) {
    return record(owner, 33, 60, Message().word(priority).word(weight).word(port).name(host).bytes);
  }
  Message& cname(std::string_view owner, std::string_view target, std::uint32_t ttl = 60) {
    return record(owner, 5, ttl, Message().name(target).bytes);
  }
  // Each part becomes one character-string of the record.
  Message& txt(std::string_view owner, const std::vector<std::string>& parts, std::uint32_t ttl = 60) {
    std::string data;
    for (const auto& part : parts) data += static_cast<char>(part.size()) + part;
    return record(owner, 16, ttl, data);
  }
  std::vector<std::uint8_t> octets() const { return {bytes.begin(), bytes.end()}; }

  std::string bytes;
};

struct Question {
  std::uint16_t id = 0;
  std::string name;
  std::uint16_t type = 0;
  bool tcp = false;
  int count = 0;  // of questions with this name and type so far, from 1
};

class DnsServer {
 public:
  // The messages to send; none: silence. On the server's thread.
  using Answer = std::function<std::vector<Message>(const Question&)>;

  explicit DnsServer(Answer answer) : answer_(std::move(answer)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    open();
    thread_ = std::thread([this] { serve(); });
  }
  ~DnsServer() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
    thread_.join();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const noexcept { return asked_; }
  int asked_by_tcp() const noexcept { return asked_by_tcp_; }

 private:
  // A port that is free for both.
  void open() {
    for (int i = 0; i < 100; ++i) {
      ::sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      ::socklen_t size = sizeof address;
      auto* raw = reinterpret_cast<::sockaddr*>(&address);
      udp_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      tcp_ = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ::bind(udp_.get(), raw, size);
      ::getsockname(udp_.get(), raw, &size);
      if (::bind(tcp_.get(), raw, size) != 0 || ::listen(tcp_.get(), 16) != 0) continue;
      port_ = ntohs(address.sin_port);
      return;
    }
  }

  std::vector<Message> answer(std::string_view data, bool tcp) {
    if (data.size() < 17) return {};
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < data.size() ? data[i] : 0); };
    Question q;
    q.id = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    q.tcp = tcp;
    std::size_t at = 12;
    while (byte(at) != 0) {
      if (!q.name.empty()) q.name += '.';
      q.name += data.substr(at + 1, byte(at));
      at += 1u + byte(at);
    }
    q.type = static_cast<std::uint16_t>(byte(at + 1) << 8 | byte(at + 2));
    q.count = ++counts_[q.name + ' ' + std::to_string(q.type)];
    ++asked_;
    if (tcp) ++asked_by_tcp_;
    return answer_(q);
  }

  struct Connection {
    base::UniqueFd fd;
    std::string data;
  };

  void serve() {
    for (;;) {
      std::vector<::pollfd> polled = {{wake_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
      for (const auto& c : connections_) polled.push_back({c.fd.get(), POLLIN, 0});
      ::poll(polled.data(), polled.size(), -1);
      if (polled[0].revents) return;
      if (polled[1].revents) serve_udp();
      for (std::size_t i = 3; i < polled.size(); ++i) {
        if (polled[i].revents) serve_tcp(connections_[i - 3]);
      }
      std::erase_if(connections_, [](const Connection& c) { return !c.fd; });
      if (polled[2].revents) {
        connections_.push_back({base::UniqueFd(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC)), {}});
      }
    }
  }

  void serve_udp() {
    char buffer[4096];
    ::sockaddr_in from{};
    ::socklen_t size = sizeof from;
    const auto n = ::recvfrom(udp_.get(), buffer, sizeof buffer, 0, reinterpret_cast<::sockaddr*>(&from), &size);
    if (n <= 0) return;
    for (const auto& message : answer({buffer, static_cast<std::size_t>(n)}, false)) {
      ::sendto(udp_.get(), message.bytes.data(), message.bytes.size(), 0, reinterpret_cast<::sockaddr*>(&from), size);
    }
  }

  void serve_tcp(Connection& c) {
    char buffer[4096];
    const auto n = ::recv(c.fd.get(), buffer, sizeof buffer, 0);
    if (n <= 0) return c.fd.reset();
    c.data.append(buffer, static_cast<std::size_t>(n));
    while (c.data.size() >= 2) {
      const auto high = static_cast<unsigned char>(c.data[0]), low = static_cast<unsigned char>(c.data[1]);
      const std::size_t length = static_cast<std::size_t>(high << 8 | low);
      if (c.data.size() < 2 + length) break;
      for (const auto& message : answer(std::string_view(c.data).substr(2, length), true)) {
        const std::string framed = Message().word(static_cast<unsigned>(message.bytes.size())).bytes + message.bytes;
        ::send(c.fd.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
      }
      c.data.erase(0, 2 + length);
    }
  }

  Answer answer_;
  base::UniqueFd wake_, udp_, tcp_;
  std::uint16_t port_ = 0;
  std::vector<Connection> connections_;
  std::map<std::string, int> counts_;
  std::atomic<int> asked_{0}, asked_by_tcp_{0};
  std::thread thread_;
};

}  // namespace genkan::net::test
