// A file, or parts of it, as content. Read piece by piece on the offload pool: a worker never waits for a disk. One
// part alone can be sent without being read (sendfile).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "http/body.hpp"
#include "net/block.hpp"
#include "net/offload.hpp"

namespace genkan::proxy {

struct FilePiece {
  std::string before;  // goes out first
  std::uint64_t first = 0, size = 0;
};

class FileBody final : public http::Body {
 public:
  static constexpr std::size_t kPiece = 64 * 1024;

  // At least one piece; `after` goes out last.
  FileBody(base::UniqueFd fd, std::vector<FilePiece> pieces, std::string after, net::Offload& pool, net::Loop& loop);

  bool poll(Result<http::Chunk>& out) override;
  net::Task<Result<http::Chunk>> fetch() override;
  std::optional<std::uint64_t> length() const override { return length_; }
  bool as_file(http::FilePart& out) override;
  net::Task<Result<void>> warm(http::FilePart piece) override;

 private:
  bool plain() const noexcept { return pieces_.size() == 1 && pieces_[0].before.empty() && after_.empty(); }

  base::UniqueFd fd_;
  std::vector<FilePiece> pieces_;  // `first` and `size`: what is left
  std::string after_;
  std::uint64_t length_ = 0;
  net::Offload& pool_;
  net::Loop& loop_;
  std::size_t at_ = 0;  // of pieces_
  bool begun_ = false;  // its text has gone out
  bool ended_ = false;  // so has the last
  std::string buffer_;
  net::HeldBytes held_;
};

}  // namespace genkan::proxy
