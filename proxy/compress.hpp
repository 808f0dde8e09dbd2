// Compression on the way to the client. What is at hand is compressed as one, and flushed before anybody waits, so that
// streams (server-sent events) arrive as they are made. A strong ETag becomes weak: the bytes are not the ones it names
// (RFC 9110 8.8.3).
#pragma once

#include <vector>

#include "conf/conf.hpp"
#include "proxy/encoding.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

class CompressLayer final : public Layer {
 public:
  CompressLayer(HandlerPtr next, const conf::Compression& settings);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  // Could this response be compressed, were the client to accept it?
  bool suits(const http::Request& request, const http::Response& response) const;

  std::vector<Coding> codings_;
  std::vector<std::string> types_;
  std::uint64_t min_size_;
  int level_;
  bool secrets_;
};

}  // namespace genkan::proxy
