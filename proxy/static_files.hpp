// StaticFiles: a folder as a site. Conditional requests, byte ranges, index files, try_files, types by name. What
// leaves the folder (symbolic links included), hidden files and anything but plain files answer 404. Files are opened
// and read on the offload pool; a worker never waits for a disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/handler.hpp"
#include "net/offload.hpp"
#include "proxy/text.hpp"

namespace genkan::proxy {

class StaticFiles final : public http::Handler {
 public:
  struct Options {
    std::string root, prefix;  // `prefix` is taken off the path first
    std::vector<std::string> index{"index.html"};
    std::vector<Text> try_files;  // paths to look for instead, in order
  };
  // The pool outlives this.
  StaticFiles(Options options, net::Offload& pool);
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  struct Opened;
  struct Wanted {
    std::string path;     // below the root
    bool or_next = true;  // a folder without its slash is no answer: the next is tried
  };
  static Opened open_below(const std::string& root, const std::string& path, const std::vector<std::string>& index);
  static Opened open_first(const Options& options, const std::vector<Wanted>& wanted);
  std::vector<Wanted> wanted(http::Request& request) const;
  http::Response answer(http::Request& request, Opened& file) const;
  std::string below(std::string_view path) const;

  std::shared_ptr<const Options> options_;
  net::Offload& pool_;
};

std::string_view content_type_of(std::string_view name) noexcept;  // by the extension

}  // namespace genkan::proxy
