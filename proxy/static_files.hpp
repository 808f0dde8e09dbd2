// StaticFiles: a folder as a site. Conditional requests, one byte range, index.html, types by name. What leaves the
// folder (symbolic links included), hidden files and anything but plain files answer 404. Files are opened and read on
// the offload pool; a worker never waits for a disk.
#pragma once

#include <string>
#include <string_view>

#include "http/handler.hpp"
#include "net/offload.hpp"

namespace genkan::proxy {

class StaticFiles final : public http::Handler {
 public:
  // `prefix` is taken off the path first. The pool outlives this.
  StaticFiles(std::string root, std::string prefix, net::Offload& pool);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  struct Opened;
  static Opened open_below(const std::string& root, std::string path);
  std::string root_, prefix_;
  net::Offload& pool_;
};

std::string_view content_type_of(std::string_view name) noexcept;  // by the extension

// RFC 9110 14.2: one range of `size` bytes. False: not satisfiable. A header that we don't take leaves the whole.
struct ByteRange {
  std::uint64_t first = 0, last = 0;  // inclusive
  bool whole = true;
};
bool parse_range(std::string_view field, std::uint64_t size, ByteRange& out);

}  // namespace genkan::proxy
