// room: http
// Anything as a client's bytes after the preface: the whole server of HTTP/2 with its streams, over a socket pair. The
// connection must end, and leave no coroutine.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "http/server.hpp"

using namespace genkan;

namespace {

class Echo final : public http::Handler {
 public:
  net::Task<Result<http::Response>> handle(http::Request& r) override {
    std::string content(r.path);
    if (r.body && r.method != http::Method::put) {
      Result<http::Chunk> chunk = http::Chunk{};
      while (!chunk->last) {
        if (!r.body->poll(chunk)) chunk = co_await r.body->fetch();
        if (!chunk) co_return chunk.error();
        content.append(chunk->data.substr(0, 1000));
      }
    }
    http::Response response = r.reply(r.method == http::Method::delete_ ? 204 : 200, "text/plain", std::move(content));
    co_return response;
  }
};

struct Rig {
  base::Log log{base::LogOptions{.level = base::Level::error, .path = "/dev/null"}};
  base::Metrics metrics;
  base::StatusBoard status;
  base::Telemetry telemetry{log, metrics, status};
  http::ServerMetrics server_metrics{metrics, "public"};
  http::SnapshotPtr snapshot;
  std::shared_ptr<net::ConnectionLimit> limit = std::make_shared<net::ConnectionLimit>();
  std::shared_ptr<http::Entrance> entrance = std::make_shared<http::Entrance>();

  Rig() {
    ::signal(SIGPIPE, SIG_IGN);
    auto conf = std::make_shared<conf::Conf>();
    conf->http.head_timeout = conf->http.idle_timeout = conf->http.body_timeout = std::chrono::milliseconds(20);
    conf->http.max_head = 4096;
    conf->http.max_fields = 16;
    auto made = std::make_shared<http::Snapshot>();
    made->conf = conf;
    made->handler = std::make_shared<Echo>();
    snapshot = made;
    entrance->protocols = {"h2"};
  }
};

// Ends the loop when the connection has ended.
net::Task<void> watch(net::Loop& loop, http::Server& server, int fd) {
  char sink[4096];
  while (server.sessions() > 0 || loop.live() > 1) {
    while (::read(fd, sink, sizeof sink) > 0) {
    }
    auto pause = net::sleep_for(loop, std::chrono::milliseconds(1));
    co_await pause;
  }
  loop.stop();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Rig rig;
  if (size > 100'000) return 0;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return 0;
  const std::string begin = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);
  if (::write(ends[1], begin.data(), begin.size()) < 0 || (size > 0 && ::write(ends[1], data, size) < 0)) std::abort();
  ::shutdown(ends[1], SHUT_WR);
  {
    net::Loop loop(1);
    http::Server server(loop, rig.telemetry, rig.server_metrics, rig.snapshot, rig.limit);
    rig.limit->open.fetch_add(1);
    server.accept(std::make_unique<net::Transport>(loop, base::UniqueFd(ends[0]), base::Endpoint{}), rig.entrance);
    net::spawn(loop, watch(loop, server, ends[1]));
    loop.run();
    if (server.sessions() != 0) std::abort();
  }
  ::close(ends[1]);
  return 0;
}
