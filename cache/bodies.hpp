// The two bodies of a cache: one that serves a stored content, one that hands an origin's content on and keeps a copy.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cache/object.hpp"
#include "cache/validation.hpp"
#include "http/body.hpp"
#include "net/block.hpp"

namespace genkan::cache {

// A part of a stored content, without a copy.
class StoredBody final : public http::Body {
 public:
  StoredBody(std::shared_ptr<const std::string> content, ByteRange range);
  explicit StoredBody(std::shared_ptr<const std::string> content);
  bool poll(Result<http::Chunk>& out) override;
  net::Task<Result<http::Chunk>> fetch() override;
  std::optional<std::uint64_t> length() const override { return length_; }

 private:
  std::shared_ptr<const std::string> content_;
  std::string_view part_;
  std::uint64_t length_;
};

// Who gets the copy. It is told once: kept() with the whole content, or spilled() when the content is larger than it
// may be; nothing when the body broke or was given up, it is then only destroyed.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual void kept(std::string content) = 0;
  virtual void spilled() = 0;
};

class TeeBody final : public http::Body {
 public:
  TeeBody(http::BodyPtr origin, std::unique_ptr<Keeper> keeper, std::uint64_t limit);
  bool poll(Result<http::Chunk>& out) override;
  net::Task<Result<http::Chunk>> fetch() override;
  std::optional<std::uint64_t> length() const override { return origin_->length(); }
  const http::Fields* trailers() const override { return origin_->trailers(); }

 private:
  void take(const Result<http::Chunk>& chunk);

  http::BodyPtr origin_;
  std::unique_ptr<Keeper> keeper_;  // null: told, or not to be told any more
  std::uint64_t limit_;
  std::string copy_;
  net::HeldBytes held_;
};

}  // namespace genkan::cache
