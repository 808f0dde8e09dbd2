#include "smtp/auth/dns.hpp"

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

}  // namespace

net::Task<DnsTexts> ResolverDns::txt(std::string name) {
  if (late()) co_return failure<std::string>();
  auto answer = co_await resolver_.txt(std::move(name));
  co_return found(answer);
}

net::Task<DnsAddresses> ResolverDns::addresses(std::string name, bool v6) {
  if (late()) co_return failure<base::IpAddress>();
  auto answer = co_await resolver_.host(std::move(name), v6);
  co_return found(answer);
}

net::Task<DnsTexts> ResolverDns::mx(std::string name) {
  if (late()) co_return failure<std::string>();
  auto answer = co_await resolver_.mx(std::move(name));
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
  auto answer = co_await resolver_.names(ip);
  co_return found(answer);
}

}  // namespace genkan::smtp
