#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "base/fd.hpp"
#include "base/sd_notify.hpp"
#include "base/version.hpp"
#include "tests/unit/temp_dir.hpp"

namespace genkan::base {
namespace {

using test::TempDir;

TEST(File, IsReadUpToItsLimitAndNotBeyond) {
  TempDir dir;
  ASSERT_TRUE(write_file_durable(dir / "f", "12345"));
  EXPECT_EQ(read_file(dir / "f").value(), "12345");
  EXPECT_EQ(read_file(dir / "f", 5).value(), "12345");
  EXPECT_EQ(read_file(dir / "f", 4).error(), Errc::too_large);
  EXPECT_EQ(read_file("/dev/zero", 1000).error(), Errc::too_large);
  EXPECT_EQ(read_file(dir / "none").error(), boost::system::errc::no_such_file_or_directory);
  EXPECT_FALSE(read_file(dir / "."));
}

TEST(File, IsReplacedWholeAndLeavesNoTemporaryBehind) {
  TempDir dir;
  auto big = std::string(3'000'000, 'x');
  ASSERT_TRUE(write_file_durable(dir / "f", big, 0640));
  ASSERT_TRUE(write_file_durable(dir / "f", "new", 0640));
  EXPECT_EQ(read_file(dir / "f").value(), "new");
  struct stat st {};
  ASSERT_EQ(::stat((dir / "f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640u);
  EXPECT_FALSE(write_file_durable(dir / "none/f", "x"));
  ASSERT_TRUE(make_dirs(dir / "folder"));
  EXPECT_FALSE(write_file_durable(dir / "folder", "x"));  // the rename fails
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / ".")) entries += entry.exists() ? 1 : 0;
  EXPECT_EQ(entries, 2);
}

TEST(File, FoldersAreMadeWithAllThatIsAboveThem) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "a/b//c/", 0700));
  ASSERT_TRUE(make_dirs(dir / "a/b/c"));
  struct stat st {};
  ASSERT_EQ(::stat((dir / "a/b/c").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700u);
  ASSERT_TRUE(write_file_durable(dir / "file", "x"));
  EXPECT_FALSE(make_dirs(dir / "file"));
  EXPECT_FALSE(make_dirs(dir / "file/below"));
}

TEST(UniqueFd, ClosesOnceAndMoves) {
  int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(raw, 0);
  {
    UniqueFd a(raw);
    UniqueFd b(std::move(a));
    EXPECT_FALSE(a);
    EXPECT_EQ(b.get(), raw);
    a = std::move(b);
    EXPECT_TRUE(a);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

class NotifySocket : public testing::Test {
 protected:
  void SetUp() override {
    fd_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    auto path = dir_ / "notify";
    std::memcpy(at.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
  std::string received() {
    char buffer[512];
    auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    return n < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(n));
  }
  TempDir dir_;
  UniqueFd fd_;
};

TEST_F(NotifySocket, IsToldHowFarWeAre) {
  ASSERT_TRUE(sd_notify_ready());
  EXPECT_EQ(received(), "READY=1");
  ASSERT_TRUE(sd_notify_reloading());
  EXPECT_TRUE(received().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  ASSERT_TRUE(sd_notify_status("two\nREADY=1"));
  EXPECT_EQ(received(), "STATUS=two READY=1");
  ASSERT_TRUE(sd_notify_stopping());
  EXPECT_EQ(received(), "STOPPING=1");
}

TEST_F(NotifySocket, MayBeGoneOrWrongWithoutHarm) {
  fd_.reset();
  EXPECT_FALSE(sd_notify_ready());
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  EXPECT_EQ(sd_notify_ready().error(), Errc::unsupported);
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(sd_notify_ready());
}

TEST(Version, IsTheOneOfTheProject) {
  auto cmake = test::slurp("CMakeLists.txt");
  EXPECT_NE(cmake.find("project(genkan VERSION " + std::string(kVersion) + " "), std::string::npos);
}

}  // namespace
}  // namespace genkan::base
