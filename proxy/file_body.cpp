#include "proxy/file_body.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace genkan::proxy {

FileBody::FileBody(base::UniqueFd fd, std::vector<FilePiece> pieces, std::string after, net::Offload& pool,
                   net::Loop& loop)
    : fd_(std::move(fd)), pieces_(std::move(pieces)), after_(std::move(after)), pool_(pool), loop_(loop) {
  length_ = after_.size();
  for (const auto& piece : pieces_) length_ += piece.before.size() + piece.size;
}

bool FileBody::poll(Result<http::Chunk>& out) {
  for (; at_ < pieces_.size(); ++at_) {
    const FilePiece& piece = pieces_[at_];
    if (!std::exchange(begun_, true) && !piece.before.empty()) {
      out = http::Chunk{piece.before, false};
      return true;
    }
    if (piece.size > 0) return false;
    begun_ = false;
  }
  out = http::Chunk{std::exchange(ended_, true) ? std::string_view() : std::string_view(after_), true};
  return true;
}

net::Task<Result<http::Chunk>> FileBody::fetch() {
  FilePiece& piece = pieces_[at_];
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size, kPiece)));
  held_.set(buffer_.capacity());
  auto job = [this] {
    return ::pread(fd_.get(), buffer_.data(), buffer_.size(), static_cast<::off_t>(pieces_[at_].first));
  };
  const auto n = co_await pool_.run(loop_, job);
  if (!n) co_return n.error();
  if (*n <= 0) co_return Errc::end_of_stream;  // became shorter: never end cleanly
  const auto size = static_cast<std::size_t>(*n);
  piece.first += size;
  piece.size -= size;
  const bool last = piece.size == 0 && at_ + 1 == pieces_.size() && after_.empty();
  co_return http::Chunk{std::string_view(buffer_).substr(0, size), last};
}

bool FileBody::as_file(http::FilePart& out) {
  if (!plain()) return false;
  out = {fd_.get(), pieces_[0].first, pieces_[0].size};
  return true;
}

net::Task<Result<void>> FileBody::warm(http::FilePart part) {
  // Read and thrown away: readahead(2) alone would not wait for the pages.
  auto job = [fd = fd_.get(), part] {
    std::array<char, kPiece> sink;
    std::uint64_t done = 0;
    while (done < part.size) {
      const auto n = ::pread(fd, sink.data(), std::min<std::uint64_t>(sink.size(), part.size - done),
                             static_cast<::off_t>(part.at + done));
      if (n <= 0) break;  // became shorter, or broke: sendfile says so
      done += static_cast<std::uint64_t>(n);
    }
    return done;
  };
  const auto done = co_await pool_.run(loop_, job);
  if (!done) co_return done.error();
  co_return Result<void>();
}

}  // namespace genkan::proxy
