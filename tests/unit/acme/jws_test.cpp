// Signed requests, thumbprints, external account binding.
#include "acme/jws.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace genkan::acme {
namespace {

using testing::HasSubstr;
using testing::Not;

// RFC 7515 A.3.1.
base::EcKey known() {
  const auto key = base::EcKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
      "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
      "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
      "-----END PRIVATE KEY-----\n");
  return *key;
}

std::string member(const std::string& json, const std::string& name) {
  const auto at = json.find("\"" + name + "\":\"") + name.size() + 4;
  return json.substr(at, json.find('"', at) - at);
}

std::string decoded(const std::string& text) { return base::base64_decode(text).value_or("not base64"); }

TEST(Jws, the_thumbprint_is_that_of_rfc_7638) {
  EXPECT_EQ(jwk_of(known()), R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                             R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  // SHA-256 of the line above, made with another library.
  EXPECT_EQ(thumbprint_of(known()), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
  EXPECT_EQ(key_authorization("token", "thumb"), "token.thumb");
}

TEST(Jws, the_head_names_the_key_or_the_account_but_not_both) {
  const auto by_key = sign(known(), {"https://c/a", "nonce", ""}, "{}");
  const std::string head = decoded(member(by_key, "protected"));
  EXPECT_THAT(head, HasSubstr(R"("alg":"ES256","jwk":{"crv":"P-256")"));
  EXPECT_THAT(head, HasSubstr(R"("nonce":"nonce","url":"https://c/a")"));
  EXPECT_THAT(head, Not(HasSubstr("kid")));
  EXPECT_EQ(decoded(member(by_key, "payload")), "{}");
  EXPECT_EQ(decoded(member(by_key, "signature")).size(), 64u);
  const auto by_account = sign(known(), {"https://c/o", "n", "https://c/acct/1"}, "");
  EXPECT_EQ(decoded(member(by_account, "protected")),
            R"({"alg":"ES256","kid":"https://c/acct/1","nonce":"n","url":"https://c/o"})");
  EXPECT_EQ(member(by_account, "payload"), "") << "POST-as-GET";
}

TEST(Jws, what_the_ca_gave_us_cannot_break_out_of_the_head) {
  const auto text = sign(known(), {"https://c/\"x", "n\",\"alg\":\"none", ""}, "");
  EXPECT_THAT(decoded(member(text, "protected")), HasSubstr(R"("nonce":"n\",\"alg\":\"none")"));
}

TEST(Jws, external_binding_is_the_key_under_the_cas_mac) {
  const auto text = bind_external(known(), "https://c/a", "kid-1", "a key of the CA");
  EXPECT_EQ(decoded(member(text, "protected")), R"({"alg":"HS256","kid":"kid-1","url":"https://c/a"})");
  EXPECT_EQ(decoded(member(text, "payload")), jwk_of(known()));
  const auto mac = base::hmac_sha256("a key of the CA", member(text, "protected") + "." + member(text, "payload"));
  EXPECT_EQ(decoded(member(text, "signature")), std::string(mac.begin(), mac.end()));
}

}  // namespace
}  // namespace genkan::acme
