#include "net/listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <vector>

#include "base/file.hpp"
#include "net/connect.hpp"
#include "telemetry.hpp"
#include "transport_pair.hpp"

namespace genkan::net {
namespace {

using namespace test;

base::Endpoint at(const std::string& text) { return *base::Endpoint::parse(text); }

TEST(ListenSocketTest, FindsAPortAndGivesOneSocketToEachWorker) {
  const auto socket = ListenSocket::open(at("127.0.0.1:0"), 3);
  ASSERT_TRUE(socket);
  EXPECT_NE(socket->address().port, 0);
  EXPECT_NE(socket->fd(0), socket->fd(1));
  EXPECT_NE(socket->fd(1), socket->fd(2));
  EXPECT_EQ(socket->fd(3), socket->fd(0));
}

TEST(ListenSocketTest, SaysThatAPortIsInUseThoughPortsCanBeShared) {
  const auto first = ListenSocket::open(at("127.0.0.1:0"), 1);
  ASSERT_TRUE(first);
  const auto second = ListenSocket::open(first->address(), 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
}

TEST(ListenSocketTest, SaysThatAnAddressIsNotOurs) {
  const auto socket = ListenSocket::open(at("192.0.2.1:0"), 1);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error(), boost::system::errc::address_not_available);
}

TEST(ListenSocketTest, TakesTheLeftoverOfAUnixSocketButNoneThatIsServed) {
  const TempDir dir;
  const auto address = at("unix:" + dir.path() + "/s");
  {
    const auto first = ListenSocket::open(address, 4);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->fd(0), first->fd(3)) << "one socket for all workers";
    const auto second = ListenSocket::open(address, 1);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), boost::system::errc::address_in_use);
  }
  EXPECT_TRUE(ListenSocket::open(address, 1));
  const auto nowhere = ListenSocket::open(at("unix:" + dir.path() + "/no/such/folder"), 1);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error(), boost::system::errc::no_such_file_or_directory);
}

TEST(ListenSocketTest, LeavesAFileThatIsNoSocketAlone) {
  const TempDir dir;
  const std::string path = dir.path() + "/precious";
  ASSERT_TRUE(base::write_file_durable(path, "text", 0600));
  EXPECT_FALSE(ListenSocket::open(at("unix:" + path), 1));
  EXPECT_EQ(genkan::test::slurp(path), "text");
}

TEST(ListenSocketTest, TakesOverEverySocketOfAnotherProcess) {
  const auto old = ListenSocket::open(at("127.0.0.1:0"), 3);
  ASSERT_TRUE(old);
  Inherited from;
  for (const int fd : old->all_fds()) from.add("127.0.0.1:0", base::UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)));
  from.add("127.0.0.1:99", base::UniqueFd(::fcntl(old->fd(0), F_DUPFD_CLOEXEC, 3)));
  const auto taken = ListenSocket::open(at("127.0.0.1:0"), 2, &from);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->address(), old->address());
  EXPECT_EQ(taken->all_fds().size(), 3u);
  // Each socket has somebody who accepts from it, whatever the number of workers.
  EXPECT_EQ(taken->fds(0, 2).size() + taken->fds(1, 2).size(), 3u);
  EXPECT_EQ(taken->fds(0, 5), std::vector<int>{taken->all_fds()[0]});
  EXPECT_EQ(taken->fds(4, 5), std::vector<int>{taken->all_fds()[1]}) << "more workers than sockets share";
  EXPECT_EQ(from.left(), std::vector<std::string>{"127.0.0.1:99"});
  EXPECT_TRUE(ListenSocket::open(at("127.0.0.1:0"), 1, &from)) << "what is not inherited is opened";
}

struct Accepting {
  explicit Accepting(Loop& loop, base::Telemetry& telemetry, const base::Endpoint& address, std::int64_t limit_at = 0)
      : socket(*ListenSocket::open(address, 1)) {
    limit->max = limit_at;
    listener = std::make_unique<Listener>(loop, socket.fd(0), telemetry, limit,
                                          [this](std::unique_ptr<Transport> t) { taken.push_back(std::move(t)); });
  }
  ListenSocket socket;
  std::shared_ptr<ConnectionLimit> limit = std::make_shared<ConnectionLimit>();
  std::vector<std::unique_ptr<Transport>> taken;
  std::unique_ptr<Listener> listener;
};

TEST(ListenerTest, AcceptsWhatWaitedBeforeItAndWhatComesLater) {
  Seen seen;
  Loop loop(1);
  auto all = [](Loop& l, base::Telemetry& telemetry) -> Task<void> {
    Accepting here(l, telemetry, at("127.0.0.1:0"));
    std::vector<std::unique_ptr<Transport>> clients;
    for (int i = 0; i < 100; ++i) {
      auto client = co_await connect(l, here.socket.address(), l.now() + 10s);
      CO_REQUIRE(client);
      clients.push_back(std::move(*client));
    }
    auto came = until(l, [&] { return here.taken.size() == 100; });
    const bool there = co_await came;
    EXPECT_TRUE(there);
    EXPECT_EQ(here.limit->open, 100);
    EXPECT_EQ(here.taken[0]->peer().text(), clients[0]->local().text());
    here.listener->stop();
    here.listener->stop();
    auto late = co_await connect(l, here.socket.address(), l.now() + 10s);
    CO_REQUIRE(late);  // the kernel takes it; nobody accepts
    auto pause = sleep_for(l, 50ms);
    co_await pause;
    EXPECT_EQ(here.taken.size(), 100u);
  };
  run(loop, all(loop, seen.telemetry));
}

TEST(ListenerTest, ClosesWhatIsOverTheLimitAtOnceAndSaysSo) {
  Seen seen;
  Loop loop(1);
  auto all = [](Loop& l, base::Telemetry& telemetry) -> Task<void> {
    Accepting here(l, telemetry, at("127.0.0.1:0"), 2);
    std::vector<std::unique_ptr<Transport>> clients;
    for (int i = 0; i < 3; ++i) {
      auto client = co_await connect(l, here.socket.address(), l.now() + 10s);
      CO_REQUIRE(client);
      clients.push_back(std::move(*client));
    }
    Received got;
    auto reading = read_all(*clients[2], got);
    co_await reading;
    EXPECT_EQ(got.data, "");
    EXPECT_EQ(here.taken.size(), 2u);
    EXPECT_EQ(here.limit->open, 2);
    here.taken.pop_back();
    --here.limit->open;  // as whoever takes a Transport does
    auto client = co_await connect(l, here.socket.address(), l.now() + 10s);
    CO_REQUIRE(client);
    auto came = until(l, [&] { return here.taken.size() == 2; });
    const bool there = co_await came;
    EXPECT_TRUE(there);
  };
  run(loop, all(loop, seen.telemetry));
  EXPECT_NE(seen.logged().find("too many connections"), std::string::npos);
}

// In a child, whose limit can be lowered: all descriptors are taken, connections wait; then some are given back.
int accept_without_descriptors() {
  Seen seen;
  Loop loop(1);
  auto all = [](Loop& l, Seen& s) -> Task<void> {
    Accepting here(l, s.telemetry, at("127.0.0.1:0"));
    const base::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::vector<base::UniqueFd> taken;
    const rlimit limit{64, 64};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (;;) {
      base::UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!fd) break;
      taken.push_back(std::move(fd));
    }
    CO_REQUIRE(errno == EMFILE && !taken.empty());
    ::sockaddr_storage to{};
    const auto size = here.socket.address().to_sockaddr(to);
    CO_REQUIRE(::connect(client.get(), reinterpret_cast<const ::sockaddr*>(&to), size) == 0);
    auto wait = sleep_for(l, 500ms);  // several pauses long
    co_await wait;
    EXPECT_EQ(here.taken.size(), 0u);
    taken.clear();
    EXPECT_EQ(count(s.logged(), "out of descriptors"), 1u) << s.logged();
    auto came = until(
        l, [&] { return here.taken.size() == 1; }, 5s);
    const bool there = co_await came;
    EXPECT_TRUE(there);
  };
  run(loop, all(loop, seen));
  return testing::Test::HasFailure() ? 1 : 0;
}

TEST(ListenerTest, WaitsForDescriptorsWhenThereAreNoneAndSaysSoOnce) {
  const ::pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(accept_without_descriptors());
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(ConnectTest, GivesATransportOrTheReason) {
  Seen seen;
  Loop loop(1);
  auto all = [](Loop& l, Seen& s) -> Task<void> {
    base::Endpoint nobody;
    {
      const auto socket = ListenSocket::open(at("127.0.0.1:0"), 1);
      nobody = socket->address();
    }
    const auto refused = co_await connect(l, nobody, l.now() + 10s);
    CO_REQUIRE(!refused);
    EXPECT_EQ(refused.error(), boost::system::errc::connection_refused);

    Accepting here(l, s.telemetry, at("unix:" + s.dir.path() + "/s"));
    auto there = co_await connect(l, here.socket.address(), l.now() + 10s);
    CO_REQUIRE(there);
    EXPECT_EQ((*there)->peer().text(), here.socket.address().text());
    auto came = until(l, [&] { return here.taken.size() == 1; });
    co_await came;
    const auto w = co_await (*there)->write("over a path");
    EXPECT_TRUE(w);
    auto reading = read_exactly(*here.taken[0], 11);
    const std::string text = co_await reading;
    EXPECT_EQ(text, "over a path");

    const auto missing = co_await connect(l, at("unix:" + s.dir.path() + "/none"), l.now() + 10s);
    CO_REQUIRE(!missing);
    EXPECT_EQ(missing.error(), boost::system::errc::no_such_file_or_directory);
  };
  run(loop, all(loop, seen));
}

TEST(ConnectTest, GivesUpAtItsDeadline) {
  Loop loop(1);
  // Nobody accepts and the queue is full: the kernel drops what else comes.
  const base::UniqueFd full(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::sockaddr_storage storage{};
  auto* address = reinterpret_cast<::sockaddr*>(&storage);
  ::socklen_t size = at("127.0.0.1:0").to_sockaddr(storage);
  ASSERT_EQ(::bind(full.get(), address, size), 0);
  ASSERT_EQ(::listen(full.get(), 0), 0);
  ::getsockname(full.get(), address, &size);
  std::vector<base::UniqueFd> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(waiting.back().get(), address, size);
  }
  auto all = [](Loop& l, base::Endpoint to) -> Task<void> {
    const Time begin = l.now();
    const auto late = co_await connect(l, to, begin + 100ms);
    CO_REQUIRE(!late);
    EXPECT_EQ(late.error(), Errc::timed_out);
    EXPECT_GE(l.now() - begin, 100ms);
    EXPECT_LT(l.now() - begin, 5s);
  };
  run(loop, all(loop, base::Endpoint::from_sockaddr(address)));
}

}  // namespace
}  // namespace genkan::net
