// What of a file may leave without being read, and what memory its pieces hold.
#include "proxy/file_body.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/loop.hpp"

namespace genkan::proxy {
namespace {

struct Rig {
  net::Loop loop{1};
  net::Offload pool{1};
  http::BodyPtr body(std::vector<FilePiece> pieces, std::string after) {
    base::UniqueFd fd(::memfd_create("file", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), "0123456789", 10), 10);
    return http::BodyPtr(new FileBody(std::move(fd), std::move(pieces), std::move(after), pool, loop));
  }
};

TEST(FileBody, one_part_alone_can_be_sent_from_the_file) {
  Rig rig;
  const auto body = rig.body({{"", 2, 5}}, "");
  http::FilePart part;
  ASSERT_TRUE(body->as_file(part));
  EXPECT_EQ(part.at, 2u);
  EXPECT_EQ(part.size, 5u);
  EXPECT_EQ(body->length(), 5u);
}

TEST(FileBody, parts_with_text_around_them_are_read) {
  Rig rig;
  const auto body = rig.body({{"<", 0, 1}, {"|", 5, 2}}, ">");
  http::FilePart part;
  EXPECT_FALSE(body->as_file(part));
  EXPECT_EQ(body->length(), 6u);
  Result<http::Chunk> chunk = http::Chunk{};
  ASSERT_TRUE(body->poll(chunk));
  EXPECT_EQ(chunk->data, "<");
  EXPECT_FALSE(chunk->last);
  EXPECT_FALSE(body->poll(chunk)) << "the file is not at hand";
}

TEST(FileBody, nothing_is_the_end_at_once) {
  Rig rig;
  const auto body = rig.body({{"", 0, 0}}, "");
  Result<http::Chunk> chunk = http::Chunk{};
  ASSERT_TRUE(body->poll(chunk));
  EXPECT_TRUE(chunk->last);
  EXPECT_TRUE(chunk->data.empty());
}

TEST(HeldBytes, are_counted_as_long_as_their_owner_lives) {
  const auto before = net::Buffers::in_use();
  {
    net::HeldBytes one(1000);
    EXPECT_EQ(net::Buffers::in_use(), before + 1000);
    net::HeldBytes two(std::move(one));
    EXPECT_EQ(net::Buffers::in_use(), before + 1000);
    two.set(400);
    one.set(1);
    EXPECT_EQ(net::Buffers::in_use(), before + 401);
    two = net::HeldBytes(7);
    EXPECT_EQ(net::Buffers::in_use(), before + 8);
  }
  EXPECT_EQ(net::Buffers::in_use(), before);
}

}  // namespace
}  // namespace genkan::proxy
