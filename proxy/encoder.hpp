// Streaming compressors behind one front: gzip by zlib, br by brotli, zstd. Windows are small (64 to 256 KiB), so that
// one stream costs three megabytes at most, whatever the level.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/encoding.hpp"

namespace genkan::proxy {

class Encoder {
 public:
  enum class Then { go_on, flush, finish };
  virtual ~Encoder() = default;
  // Appends what comes out. After flush the other side can read all that went in. False: out of memory or misused.
  virtual bool encode(std::string_view in, Then then, std::string& out) = 0;
  virtual std::size_t memory() const noexcept = 0;  // bytes of its state
};

// Null when there is no memory. `level` 1 to 9.
std::unique_ptr<Encoder> make_encoder(Coding coding, int level);

}  // namespace genkan::proxy
