#include "base/crypto.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/text.hpp"

namespace genkan::base {
namespace {

std::string hex_of(const Sha256& digest) { return hex({reinterpret_cast<const char*>(digest.data()), digest.size()}); }

TEST(Crypto, Sha256FollowsTheVectorsOfFips180) {
  EXPECT_EQ(hex_of(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Crypto, HmacFollowsTheVectorsOfRfc4231) {
  EXPECT_EQ(hex_of(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_of(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Crypto, EqualTextsAreEqualAndNothingElseIs) {
  EXPECT_TRUE(equal_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_constant_time("secret", "secret1"));
  EXPECT_TRUE(equal_constant_time("", ""));
}

TEST(Crypto, TokensDifferAndFitIntoAUrl) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    auto token = random_token();
    EXPECT_EQ(token.size(), 22u);
    EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
    seen.insert(token);
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_NE(random_u64(), random_u64());
}

}  // namespace
}  // namespace genkan::base
