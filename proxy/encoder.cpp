#include "proxy/encoder.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace genkan::proxy {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr int kWindowBits = 18;

// What a library takes for its state, counted. Each piece begins with its size.
class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  std::size_t bytes() const noexcept { return bytes_; }

  void* take(std::size_t size) noexcept {
    if (size > SIZE_MAX - kFront) return nullptr;
    auto* at = static_cast<std::byte*>(std::malloc(kFront + size));
    if (!at) return nullptr;
    std::memcpy(at, &size, sizeof size);
    bytes_ += size;
    return at + kFront;
  }
  void give_back(void* piece) noexcept {
    if (!piece) return;
    auto* at = static_cast<std::byte*>(piece) - kFront;
    std::size_t size = 0;
    std::memcpy(&size, at, sizeof size);
    bytes_ -= size;
    std::free(at);
  }

 private:
  static constexpr std::size_t kFront = alignof(std::max_align_t);
  static_assert(kFront >= sizeof(std::size_t));
  std::size_t bytes_ = 0;
};

class Gzip final : public Encoder {
 public:
  explicit Gzip(int level) {
    z_.opaque = &heap_;
    z_.zalloc = [](void* heap, unsigned items, unsigned size) noexcept {
      return static_cast<Heap*>(heap)->take(std::size_t{items} * size);
    };
    z_.zfree = [](void* heap, void* piece) noexcept { static_cast<Heap*>(heap)->give_back(piece); };
    ok_ = ::deflateInit2(&z_, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Gzip() override {
    if (ok_) ::deflateEnd(&z_);
  }
  bool ok() const noexcept { return ok_; }
  std::size_t memory() const noexcept override { return heap_.bytes(); }

  bool encode(std::string_view in, Then then, std::string& out) override {
    const int flush = then == Then::finish ? Z_FINISH : then == Then::flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    do {  // zlib counts in 32 bits
      const auto part = in.substr(0, 1u << 30);
      in.remove_prefix(part.size());
      if (!run(part, in.empty() ? flush : Z_NO_FLUSH, out)) return false;
    } while (!in.empty());
    return true;
  }

 private:
  bool run(std::string_view in, int flush, std::string& out) {
    z_.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(in.data()));
    z_.avail_in = static_cast<unsigned>(in.size());
    std::array<unsigned char, kPiece> piece;
    do {
      z_.next_out = piece.data();
      z_.avail_out = piece.size();
      if (::deflate(&z_, flush) == Z_STREAM_ERROR) return false;
      out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - z_.avail_out);
    } while (z_.avail_out == 0);
    return true;
  }
  Heap heap_;
  ::z_stream z_{};
  bool ok_ = false;
};

class Brotli final : public Encoder {
 public:
  explicit Brotli(int level) {
    const auto take = [](void* heap, std::size_t size) noexcept { return static_cast<Heap*>(heap)->take(size); };
    const auto give = [](void* heap, void* piece) noexcept { static_cast<Heap*>(heap)->give_back(piece); };
    state_ = ::BrotliEncoderCreateInstance(take, give, &heap_);
    if (!state_) return;
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(level));
    // From 7 up a larger window brings tables of 8 to 33 MiB for each stream.
    ::BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, level >= 7 ? 16 : kWindowBits);
  }
  ~Brotli() override {
    if (state_) ::BrotliEncoderDestroyInstance(state_);
  }
  bool ok() const noexcept { return state_ != nullptr; }
  std::size_t memory() const noexcept override { return heap_.bytes(); }

  bool encode(std::string_view in, Then then, std::string& out) override {
    const auto operation = then == Then::finish  ? BROTLI_OPERATION_FINISH
                           : then == Then::flush ? BROTLI_OPERATION_FLUSH
                                                 : BROTLI_OPERATION_PROCESS;
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    std::size_t left = in.size();
    do {
      std::size_t room = 0;
      if (!::BrotliEncoderCompressStream(state_, operation, &left, &next, &room, nullptr, nullptr)) return false;
      for (;;) {
        std::size_t size = 0;
        const std::uint8_t* made = ::BrotliEncoderTakeOutput(state_, &size);
        if (size == 0) break;
        out.append(reinterpret_cast<const char*>(made), size);
      }
    } while (left > 0 || ::BrotliEncoderHasMoreOutput(state_));
    return true;
  }

 private:
  Heap heap_;
  ::BrotliEncoderState* state_ = nullptr;
};

class Zstd final : public Encoder {
 public:
  explicit Zstd(int level) : context_(::ZSTD_createCCtx()) {
    if (!context_) return;
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kWindowBits);
    // By itself level 9 takes 13 MiB for tables that a window of this size does not fill.
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_hashLog, kWindowBits - 1);
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_chainLog, kWindowBits - 1);
  }
  ~Zstd() override { ::ZSTD_freeCCtx(context_); }
  bool ok() const noexcept { return context_ != nullptr; }
  std::size_t memory() const noexcept override { return ::ZSTD_sizeof_CCtx(context_); }

  bool encode(std::string_view in, Then then, std::string& out) override {
    const auto operation = then == Then::finish ? ZSTD_e_end : then == Then::flush ? ZSTD_e_flush : ZSTD_e_continue;
    ::ZSTD_inBuffer input{in.data(), in.size(), 0};
    std::array<char, kPiece> piece;
    for (;;) {
      ::ZSTD_outBuffer output{piece.data(), piece.size(), 0};
      const std::size_t left = ::ZSTD_compressStream2(context_, &output, &input, operation);
      if (::ZSTD_isError(left)) return false;
      out.append(piece.data(), output.pos);
      const bool done = operation == ZSTD_e_continue ? input.pos == input.size : left == 0;
      if (done) return true;
    }
  }

 private:
  ::ZSTD_CCtx* context_;
};

template <class T>
std::unique_ptr<Encoder> made(int level) {
  auto encoder = std::make_unique<T>(level);
  if (!encoder->ok()) return nullptr;
  return encoder;
}

}  // namespace

std::unique_ptr<Encoder> make_encoder(Coding coding, int level) {
  level = std::clamp(level, 1, 9);
  switch (coding) {
    case Coding::gzip:
      return made<Gzip>(level);
    case Coding::br:
      return made<Brotli>(level);
    case Coding::zstd:
      return made<Zstd>(level);
    case Coding::identity:
      break;
  }
  return nullptr;
}

}  // namespace genkan::proxy
