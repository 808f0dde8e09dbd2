// Accept-Encoding, what may be compressed, and that what was compressed comes back.
#include "proxy/encoding.hpp"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "proxy/encoder.hpp"

namespace genkan::proxy {
namespace {

const std::vector<Coding> kAll{Coding::br, Coding::zstd, Coding::gzip};

TEST(Negotiation, the_highest_q_wins_and_our_order_decides_between_equals) {
  EXPECT_EQ(negotiate("gzip, br, zstd", kAll), Coding::br);
  EXPECT_EQ(negotiate("gzip;q=1.0, br;q=0.5", kAll), Coding::gzip);
  EXPECT_EQ(negotiate("br;q=0, *", kAll), Coding::zstd);
  EXPECT_EQ(negotiate("GZIP", kAll), Coding::gzip);
  EXPECT_EQ(negotiate("x-gzip", kAll), Coding::gzip);
  EXPECT_EQ(negotiate("gzip ; q=0.001", kAll), Coding::gzip);
}

TEST(Negotiation, what_was_not_asked_for_is_not_sent) {
  for (const char* plain : {"", "identity", "deflate", "gzip;q=0", "*;q=0", "gzip;q=0.5, identity;q=1", "gzip;q=2",
                            "gzip;q=x", "gzip;q=0.0000"}) {
    EXPECT_EQ(negotiate(plain, kAll), Coding::identity) << plain;
  }
}

TEST(Types, match_with_one_star) {
  EXPECT_TRUE(type_matches("text/*", "text/html; charset=utf-8"));
  EXPECT_TRUE(type_matches("*+json", "application/ld+json"));
  EXPECT_TRUE(type_matches("application/json", "Application/JSON"));
  EXPECT_FALSE(type_matches("text/*", "image/png"));
  EXPECT_FALSE(type_matches("*+json", "application/json"));
}

using List = std::initializer_list<std::pair<const char*, const char*>>;
bool secret(List request, List response) {
  http::Fields asked;
  http::ResponseHead head;
  for (const auto& [name, value] : request) asked.add(name, value);
  for (const auto& [name, value] : response) head.fields.add(name, value);
  return may_hold_secrets(asked, head);
}

TEST(Secrets, of_one_visitor_are_not_compressed_beside_what_another_may_have_chosen) {
  EXPECT_TRUE(secret({}, {{"Content-Type", "text/css"}, {"Set-Cookie", "a=b"}}));
  EXPECT_TRUE(secret({}, {{"Content-Type", "text/css"}, {"Cache-Control", "private"}}));
  EXPECT_TRUE(secret({}, {{"Content-Type", "text/html"}, {"Cache-Control", "max-age=0, no-store"}}));
  EXPECT_TRUE(secret({{"Cookie", "sid=1"}}, {{"Content-Type", "text/html; charset=utf-8"}}));
  EXPECT_TRUE(secret({{"Authorization", "Bearer x"}}, {{"Content-Type", "application/json"}}));
  EXPECT_TRUE(secret({{"Cookie", "sid=1"}}, {{"Content-Type", "application/atom+xml"}}));
  EXPECT_FALSE(secret({}, {{"Content-Type", "text/html"}}));
  EXPECT_FALSE(secret({{"Cookie", "sid=1"}}, {{"Content-Type", "text/css"}}));
  EXPECT_FALSE(secret({{"Cookie", "sid=1"}}, {{"Content-Type", "image/svg+xml"}}));
  EXPECT_FALSE(secret({{"Cookie", "sid=1"}}, {{"Content-Type", "text/html"}, {"Cache-Control", "public"}}));
}

std::string gunzip(const std::string& in) {
  ::z_stream z{};
  inflateInit2(&z, 15 + 16);
  std::string out(1 << 20, 0);
  z.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(in.data()));
  z.avail_in = static_cast<unsigned>(in.size());
  z.next_out = reinterpret_cast<unsigned char*>(out.data());
  z.avail_out = static_cast<unsigned>(out.size());
  ::inflate(&z, Z_SYNC_FLUSH);
  out.resize(z.total_out);
  ::inflateEnd(&z);
  return out;
}

std::string unbrotli(const std::string& in) {
  auto* state = ::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  std::string out(1 << 20, 0);
  std::size_t left = in.size(), room = out.size(), total = 0;
  const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  ::BrotliDecoderDecompressStream(state, &left, &next, &room, &to, &total);
  ::BrotliDecoderDestroyInstance(state);
  out.resize(total);
  return out;
}

std::string unzstd(const std::string& in) {
  auto* stream = ::ZSTD_createDStream();
  std::string out(1 << 20, 0);
  ::ZSTD_inBuffer input{in.data(), in.size(), 0};
  ::ZSTD_outBuffer output{out.data(), out.size(), 0};
  while (input.pos < input.size) {
    const std::size_t left = ::ZSTD_decompressStream(stream, &output, &input);
    if (::ZSTD_isError(left)) break;
  }
  ::ZSTD_freeDStream(stream);
  out.resize(output.pos);
  return out;
}

TEST(Encoders, their_memory_is_known_and_has_a_limit_at_every_level) {
  for (const Coding coding : {Coding::gzip, Coding::br, Coding::zstd}) {
    for (int level = 1; level <= 9; ++level) {
      const auto encoder = make_encoder(coding, level);
      std::string out;
      for (int i = 0; i < 60; ++i) {
        std::string text;
        for (int k = 0; k < 1500; ++k) text += std::to_string(i * k * 7919 % 100'003) + " ";
        ASSERT_TRUE(encoder->encode(text, Encoder::Then::flush, out));
      }
      EXPECT_GT(encoder->memory(), 50'000u) << coding_name(coding) << " " << level;
      EXPECT_LT(encoder->memory(), 3u << 20) << coding_name(coding) << " " << level;
    }
  }
}

TEST(Encoders, what_goes_in_comes_back_and_a_flush_makes_all_of_it_readable) {
  struct Case {
    Coding coding;
    std::string (*back)(const std::string&);
  };
  for (const Case& c : {Case{Coding::gzip, gunzip}, Case{Coding::br, unbrotli}, Case{Coding::zstd, unzstd}}) {
    for (const int level : {1, 5, 9}) {
      auto encoder = make_encoder(c.coding, level);
      ASSERT_NE(encoder, nullptr);
      std::string out, in;
      for (int i = 0; i < 5000; ++i) in += "line " + std::to_string(i * i % 977) + " of it\n";
      ASSERT_TRUE(encoder->encode(in, Encoder::Then::go_on, out));
      ASSERT_TRUE(encoder->encode("event: one\n\n", Encoder::Then::flush, out));
      EXPECT_EQ(c.back(out), in + "event: one\n\n") << coding_name(c.coding) << " " << level;
      ASSERT_TRUE(encoder->encode("the end", Encoder::Then::finish, out));
      EXPECT_EQ(c.back(out), in + "event: one\n\nthe end");
      EXPECT_LT(out.size(), in.size() / 3);
    }
  }
}

}  // namespace
}  // namespace genkan::proxy
