#include "smtp/auth/dns.hpp"

#include <memory>
#include <optional>

namespace genkan::smtp {
namespace {

template <class T>
DnsFound<T> failure() {
  DnsFound<T> out;
  out.state = DnsFound<T>::State::failed;
  return out;
}

template <class T>
DnsFound<T> found(Result<net::DnsAnswer<T>>& answer) {
  DnsFound<T> out;
  if (!answer && answer.error() != make_error_code(Errc::not_found)) return failure<T>();
  if (!answer) return out;
  out.state = DnsFound<T>::State::found;
  out.records = std::move(answer->records);
  return out;
}

// A question under way and the time until which we wait for it: shared by both, because the question goes on (its
// answer serves the next who asks) when nobody waits any more.
template <class T>
struct Waiting final : net::Timer {
  explicit Waiting(net::Loop& loop) : over(loop) {}
  void on_timer() noexcept override { over.notify(); }
  net::Event over;
  std::optional<Result<net::DnsAnswer<T>>> answer;
};

template <class T>
net::Task<void> carry(net::Task<Result<net::DnsAnswer<T>>> question, std::shared_ptr<Waiting<T>> waiting) {
  auto answer = co_await question;
  waiting->answer.emplace(std::move(answer));
  waiting->over.notify();
}

template <class T>
net::Task<Result<net::DnsAnswer<T>>> until(net::Loop& loop, net::Task<Result<net::DnsAnswer<T>>> question,
                                           Time deadline) {
  auto waiting = std::make_shared<Waiting<T>>(loop);
  loop.wheel().arm(*waiting, deadline);
  net::spawn(loop, carry(std::move(question), waiting));
  co_await waiting->over;
  loop.wheel().cancel(*waiting);
  if (waiting->answer) co_return std::move(*waiting->answer);
  co_return Result<net::DnsAnswer<T>>(boost::system::in_place_error, make_error_code(Errc::timed_out));
}

}  // namespace

net::Task<DnsTexts> ResolverDns::txt(std::string name) {
  if (late()) co_return failure<std::string>();
  auto task = until(loop_, resolver_.txt(std::move(name)), deadline_);
  auto answer = co_await task;
  co_return found(answer);
}

net::Task<DnsAddresses> ResolverDns::addresses(std::string name, bool v6) {
  if (late()) co_return failure<base::IpAddress>();
  auto task = until(loop_, resolver_.host(std::move(name), v6), deadline_);
  auto answer = co_await task;
  co_return found(answer);
}

net::Task<DnsTexts> ResolverDns::mx(std::string name) {
  if (late()) co_return failure<std::string>();
  auto task = until(loop_, resolver_.mx(std::move(name)), deadline_);
  auto answer = co_await task;
  if (!answer) {
    auto error = Result<net::DnsAnswer<std::string>>(boost::system::in_place_error, answer.error());
    co_return found(error);
  }
  DnsTexts out;
  out.state = DnsTexts::State::found;
  for (auto& record : answer->records) out.records.push_back(std::move(record.host));
  co_return out;
}

net::Task<DnsTexts> ResolverDns::names(base::IpAddress ip) {
  if (late()) co_return failure<std::string>();
  auto task = until(loop_, resolver_.names(ip), deadline_);
  auto answer = co_await task;
  co_return found(answer);
}

}  // namespace genkan::smtp
