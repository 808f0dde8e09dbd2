#include "cache/bodies.hpp"

#include <algorithm>

namespace genkan::cache {

StoredBody::StoredBody(std::shared_ptr<const std::string> content, ByteRange range)
    : content_(std::move(content)), part_(*content_), length_(range.size()) {
  part_ = part_.substr(range.first, range.size());
}

StoredBody::StoredBody(std::shared_ptr<const std::string> content)
    : content_(std::move(content)), part_(*content_), length_(content_->size()) {}

bool StoredBody::poll(Result<http::Chunk>& out) {
  out = http::Chunk{std::exchange(part_, {}), true};
  return true;
}

net::Task<Result<http::Chunk>> StoredBody::fetch() { co_return http::Chunk{std::exchange(part_, {}), true}; }

TeeBody::TeeBody(http::BodyPtr origin, std::unique_ptr<Keeper> keeper, std::uint64_t limit)
    : origin_(std::move(origin)), keeper_(std::move(keeper)), limit_(limit) {
  // A length is a promise of the origin, so only so much is reserved as is soon filled.
  constexpr std::uint64_t kReserve = 256 * 1024;
  if (auto length = origin_->length()) copy_.reserve(static_cast<std::size_t>(std::min(*length, kReserve)));
  held_.set(copy_.capacity());
}

void TeeBody::take(const Result<http::Chunk>& chunk) {
  if (!keeper_) return;
  if (!chunk) {
    keeper_.reset();
    std::string().swap(copy_);
    held_.set(0);
    return;
  }
  if (copy_.size() + chunk->data.size() > limit_) {
    std::exchange(keeper_, nullptr)->spilled();
    std::string().swap(copy_);
    held_.set(0);
    return;
  }
  copy_.append(chunk->data);
  held_.set(copy_.capacity());
  if (!chunk->last) return;
  // An origin that promises more than it sends has broken off, whoever forgot to notice.
  auto length = origin_->length();
  auto keeper = std::exchange(keeper_, nullptr);
  if (!length || *length == copy_.size()) keeper->kept(std::move(copy_));
  held_.set(0);  // the cache has limits of its own
}

bool TeeBody::poll(Result<http::Chunk>& out) {
  if (!origin_->poll(out)) return false;
  take(out);
  return true;
}

net::Task<Result<http::Chunk>> TeeBody::fetch() {
  auto chunk = co_await origin_->fetch();
  take(chunk);
  co_return chunk;
}

}  // namespace genkan::cache
