// The beginning of a content, or all of it, that was read before it was passed on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/body.hpp"
#include "net/block.hpp"

namespace genkan::proxy {

// A content that was read to its end. What it came from holds the head.
class HeldBody final : public http::Body {
 public:
  // `whole`: nothing comes after `text`.
  HeldBody(std::string text, bool whole, http::BodyPtr inner)
      : text_(std::move(text)), whole_(whole), inner_(std::move(inner)), held_(text_.capacity()) {}
  bool poll(Result<http::Chunk>& out) override {
    if (!whole_ && (done_ || text_.empty())) return inner_->poll(out);
    out = http::Chunk{done_ ? std::string_view() : std::string_view(text_), whole_};
    done_ = true;
    return true;
  }
  net::Task<Result<http::Chunk>> fetch() override { return inner_->fetch(); }
  std::optional<std::uint64_t> length() const override { return whole_ ? text_.size() : inner_->length(); }
  const http::Fields* trailers() const override { return inner_->trailers(); }

 private:
  std::string text_;
  bool whole_;
  http::BodyPtr inner_;
  bool done_ = false;
  net::HeldBytes held_;
};

}  // namespace genkan::proxy
