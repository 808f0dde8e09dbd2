// Own pages for errors, read when the configuration is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conf/route.hpp"
#include "proxy/layer.hpp"

namespace genkan::proxy {

struct ErrorPage {
  int first = 0, last = 0;  // statuses, inclusive
  std::string type;
  std::string text;  // {status} is replaced
};

// Blocks. `why` names the file that can't be read.
Result<std::vector<ErrorPage>> read_error_pages(const std::vector<std::string>& rules, std::string& why);

class ErrorPageLayer final : public Layer {
 public:
  // `of_backend`: also for what a backend answered.
  ErrorPageLayer(HandlerPtr next, std::vector<ErrorPage> pages, bool of_backend)
      : Layer(std::move(next)), pages_(std::move(pages)), of_backend_(of_backend) {}
  net::Task<Result<http::Response>> handle(http::Request& request) override;

 private:
  const ErrorPage* find(int status) const noexcept;
  std::vector<ErrorPage> pages_;
  bool of_backend_;
};

}  // namespace genkan::proxy
