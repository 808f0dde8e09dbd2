#include "webmail/users/users.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/temp_dir.hpp"

namespace genkan::webmail {
namespace {

using genkan::test::TempDir;

const PasswordCost kCheap{64, 1};

class UsersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Users::open(dir_.path(), kCheap);
    ASSERT_TRUE(opened);
    users_ = std::move(*opened);
  }
  TempDir dir_;
  std::unique_ptr<Users> users_;
};

TEST(Passwords, AHashIsArgon2idAndVerifies) {
  auto phc = hash_password("secret", kCheap);
  ASSERT_TRUE(phc);
  EXPECT_TRUE(phc->starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
  EXPECT_TRUE(verify_password(*phc, "secret"));
  EXPECT_FALSE(verify_password(*phc, "Secret"));
  EXPECT_FALSE(verify_password("", "secret"));
  EXPECT_FALSE(verify_password("$argon2id$garbage", "secret"));
}

TEST_F(UsersTest, AnAddedUserCanLogInAndIsListed) {
  auto user = users_->add("Alice@Example.ORG", "Alice", "pw");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->address, "alice@example.org");
  EXPECT_TRUE(users_->verify("ALICE@example.org", "pw")->has_value());
  EXPECT_FALSE(users_->verify("alice@example.org", "no")->has_value());
  EXPECT_FALSE(users_->verify("bob@example.org", "pw")->has_value());
  EXPECT_EQ(users_->list()->size(), 1U);
}

TEST_F(UsersTest, TheSameAddressTwiceIsAConflict) {
  ASSERT_TRUE(users_->add("a@x.org", "", "pw"));
  EXPECT_EQ(users_->add("A@x.org", "", "pw").error(), Errc::conflict);
}

TEST_F(UsersTest, AddressesThatCouldLeaveTheMailFolderAreRefused) {
  for (const char* bad : {"../etc@x.org", "a/b@x.org", ".hidden@x.org", "a@../x", "a@x..org", "a@", "@x", "a",
                          "a b@x.org", "a@-x.org", "a\n@x.org", "a@x.org\n"}) {
    EXPECT_EQ(users_->add(bad, "", "pw").error(), Errc::malformed) << bad;
  }
  EXPECT_EQ(users_->add("a@x.org", "", "").error(), Errc::refused);
}

TEST_F(UsersTest, ATagFindsItsUser) {
  ASSERT_TRUE(users_->add("a@x.org", "", "pw"));
  EXPECT_TRUE(*users_->exists("a+news@x.org"));
  EXPECT_FALSE(*users_->exists("b+news@x.org"));
}

TEST_F(UsersTest, ANewPasswordEndsSessions) {
  auto user = users_->add("a@x.org", "", "pw");
  auto token = users_->open_session(*user, 1000, 100);
  ASSERT_TRUE(token);
  EXPECT_TRUE(users_->session(*token, 1050, 100));
  const auto before = *users_->stamp("a@x.org");
  ASSERT_TRUE(users_->set_password("a@x.org", "new"));
  EXPECT_NE(*users_->stamp("a@x.org"), before);
  EXPECT_EQ(users_->session(*token, 1050, 100).error(), Errc::not_found);
  EXPECT_FALSE(users_->verify("a@x.org", "pw")->has_value());
  EXPECT_TRUE(users_->verify("a@x.org", "new")->has_value());
}

TEST_F(UsersTest, ASessionEndsAfterItsTimeAndIsMovedByUse) {
  auto user = users_->add("a@x.org", "", "pw");
  auto token = users_->open_session(*user, 1000, 100);
  EXPECT_EQ(users_->session(*token, 1090, 100)->expires, 1190);
  EXPECT_TRUE(users_->session(*token, 1180, 100));
  EXPECT_FALSE(users_->session(*token, 1300, 100));
  EXPECT_FALSE(users_->session("forged", 1000, 100));
}

TEST_F(UsersTest, ARemovedUserIsGoneWithItsSessions) {
  auto user = users_->add("a@x.org", "", "pw");
  auto token = users_->open_session(*user, 1000, 100);
  ASSERT_TRUE(users_->remove("a@x.org"));
  EXPECT_FALSE(users_->session(*token, 1000, 100));
  EXPECT_FALSE(*users_->exists("a@x.org"));
  EXPECT_EQ(users_->remove("a@x.org").error(), Errc::not_found);
}

TEST_F(UsersTest, TheFileIsReadableByItsOwnerOnly) {
  struct stat status {};
  ASSERT_EQ(::stat((dir_.path() + "/users.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(UsersTest, TwoProcessesSeeTheSameAccounts) {
  auto other = Users::open(dir_.path(), kCheap);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->add("a@x.org", "", "pw"));
  EXPECT_TRUE(*users_->exists("a@x.org"));
}

}  // namespace
}  // namespace genkan::webmail
