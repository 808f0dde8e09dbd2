#include "smtp/inbound/entrance.hpp"

#include "net/loop.hpp"
#include "net/proxy_protocol.hpp"

namespace genkan::smtp {

net::Task<Result<bool>> take_proxy_header(net::Transport& transport, Duration timeout) {
  std::string data;
  char buffer[512];
  transport.read_deadline(transport.loop().now() + timeout);
  for (;;) {
    const auto n = co_await transport.read_some(buffer, sizeof buffer);
    if (!n) co_return Result<bool>(boost::system::in_place_error, n.error());
    if (*n == 0) co_return Errc::end_of_stream;
    data.append(buffer, *n);
    const net::ProxyHeader header = net::parse_proxy_header(data);
    if (header.state == net::ProxyHeader::State::malformed || data.size() > net::kMaxProxyHeader)
      co_return Errc::malformed;
    if (header.state == net::ProxyHeader::State::more) continue;
    const auto rest = std::string_view(data).substr(header.size);
    if (!rest.empty()) transport.unread(rest);
    if (header.source) transport.set_peer(*header.source);
    co_return !rest.empty();
  }
}

}  // namespace genkan::smtp
