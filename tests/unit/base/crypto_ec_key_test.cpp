// EC keys: their forms, ES256 signatures that OpenSSL verifies, certificate requests, the TLS-ALPN-01 certificate.
#include "base/crypto_ec_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/crypto_certificate.hpp"
#include "base/text.hpp"

namespace genkan::base {
namespace {

using testing::HasSubstr;

// RFC 7515 A.3.1.
constexpr const char* kKnown =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

bool verifies(const EcKey& key, std::string_view data, const std::string& signature) {
  const std::string pem = key.pem();
  ::BIO* bio = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  ::EVP_PKEY* openssl = ::PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  ::BIO_free(bio);
  ::ECDSA_SIG* numbers = ::ECDSA_SIG_new();
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  ::ECDSA_SIG_set0(numbers, ::BN_bin2bn(bytes, 32, nullptr), ::BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = ::i2d_ECDSA_SIG(numbers, &der);
  ::ECDSA_SIG_free(numbers);
  ::EVP_MD_CTX* context = ::EVP_MD_CTX_new();
  ::EVP_DigestVerifyInit(context, nullptr, ::EVP_sha256(), nullptr, openssl);
  const int good = ::EVP_DigestVerify(context, der, static_cast<std::size_t>(size),
                                      reinterpret_cast<const unsigned char*>(data.data()), data.size());
  ::EVP_MD_CTX_free(context);
  ::OPENSSL_free(der);
  ::EVP_PKEY_free(openssl);
  return good == 1;
}

TEST(EcKey, a_known_key_has_its_known_point) {
  const auto key = EcKey::from_pem(kKnown);
  ASSERT_TRUE(key);
  EXPECT_EQ(base64url(key->point().x), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  EXPECT_EQ(base64url(key->point().y), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
}

TEST(EcKey, a_made_key_survives_being_written_and_read) {
  const auto key = EcKey::generate();
  ASSERT_TRUE(key);
  const auto again = EcKey::from_pem(key->pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->point().x, key->point().x);
  EXPECT_EQ(again->point().y, key->point().y);
  EXPECT_NE(EcKey::generate()->point().x, key->point().x);
}

TEST(EcKey, other_keys_and_other_text_are_refused) {
  EXPECT_EQ(EcKey::from_pem("no key").error(), Errc::malformed);
  EXPECT_EQ(EcKey::from_pem("").error(), Errc::malformed);
  ::EVP_PKEY* other = ::EVP_EC_gen("P-384");
  ::BIO* bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_PrivateKey(bio, other, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  EXPECT_EQ(EcKey::from_pem({data, static_cast<std::size_t>(size)}).error(), Errc::unsupported);
  ::BIO_free(bio);
  ::EVP_PKEY_free(other);
}

TEST(EcKey, a_signature_is_64_bytes_and_verifies_for_its_data_only) {
  const auto key = EcKey::generate();
  for (int i = 0; i < 50; ++i) {  // numbers with leading zeros among them
    const std::string signature = key->sign("data");
    ASSERT_EQ(signature.size(), 64u);
    ASSERT_TRUE(verifies(*key, "data", signature));
    ASSERT_FALSE(verifies(*key, "date", signature));
  }
}

TEST(EcKey, a_request_names_every_host_and_is_signed) {
  const auto key = EcKey::generate();
  const auto der = key->request({"a.example", "www.a.example"});
  ASSERT_TRUE(der);
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  ::X509_REQ* request = ::d2i_X509_REQ(nullptr, &at, static_cast<long>(der->size()));
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(::X509_REQ_verify(request, ::X509_REQ_get0_pubkey(request)), 1);
  EXPECT_EQ(::X509_NAME_entry_count(::X509_REQ_get_subject_name(request)), 0);
  auto* extensions = ::X509_REQ_get_extensions(request);
  ASSERT_EQ(sk_X509_EXTENSION_num(extensions), 1) << "names only: must-staple is off";
  auto* names = static_cast<::GENERAL_NAMES*>(::X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr));
  EXPECT_EQ(sk_GENERAL_NAME_num(names), 2);
  ::GENERAL_NAMES_free(names);
  sk_X509_EXTENSION_pop_free(extensions, ::X509_EXTENSION_free);
  ::X509_REQ_free(request);
}

TEST(EcKey, names_that_mean_something_to_openssl_are_refused) {
  const auto key = EcKey::generate();
  for (const char* name : {"", "a.example,IP:10.0.0.1", "a b", "a\nb"}) {
    EXPECT_EQ(key->request({name}).error(), Errc::malformed) << name;
    EXPECT_EQ(key->alpn_certificate(name, {}).error(), Errc::malformed) << name;
  }
  EXPECT_EQ(key->request({}).error(), Errc::malformed);
}

TEST(EcKey, the_alpn_certificate_holds_the_digest_in_a_critical_extension) {
  const auto key = EcKey::generate();
  const Sha256 digest = sha256("token.thumbprint");
  const auto pem = key->alpn_certificate("a.example", digest);
  ASSERT_TRUE(pem);
  std::string why;
  const auto facts = read_certificate(*pem, why);
  ASSERT_TRUE(facts) << why;
  EXPECT_THAT(facts->names, testing::ElementsAre("a.example"));
  EXPECT_TRUE(check_private_key(*pem, key->pem(), why)) << why;
  ::BIO* bio = ::BIO_new_mem_buf(pem->data(), -1);
  ::X509* certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  ::BIO_free(bio);
  ::ASN1_OBJECT* id = ::OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
  const int at = ::X509_get_ext_by_OBJ(certificate, id, -1);
  ASSERT_GE(at, 0);
  ::X509_EXTENSION* extension = ::X509_get_ext(certificate, at);
  EXPECT_EQ(::X509_EXTENSION_get_critical(extension), 1);
  const auto* value = ::X509_EXTENSION_get_data(extension);
  ASSERT_EQ(::ASN1_STRING_length(value), 34);
  EXPECT_EQ(std::memcmp(::ASN1_STRING_get0_data(value) + 2, digest.data(), digest.size()), 0);
  ::ASN1_OBJECT_free(id);
  ::X509_free(certificate);
}

TEST(ReadChain, takes_certificates_and_nothing_else) {
  const auto key = EcKey::generate();
  const std::string one = *key->alpn_certificate("a.example", {});
  std::string why;
  const auto plain = read_chain(one, 5, why);
  ASSERT_TRUE(plain) << why;
  EXPECT_EQ(*plain, one);
  EXPECT_EQ(*read_chain("words\n" + one + "more words\n", 5, why), one);
  EXPECT_EQ(read_chain(key->pem() + one, 5, why).value(), one) << "a key that came along is left out";
}

TEST(ReadChain, refuses_what_is_no_chain) {
  const std::string one = *EcKey::generate()->alpn_certificate("a.example", {});
  std::string why;
  EXPECT_EQ(read_chain("", 5, why).error(), Errc::malformed);
  EXPECT_THAT(why, HasSubstr("no certificate"));
  EXPECT_EQ(read_chain("<html>", 5, why).error(), Errc::malformed);
  EXPECT_EQ(read_chain(one + one.substr(0, one.size() / 2), 5, why).error(), Errc::malformed) << "cut off";
  EXPECT_EQ(read_chain(one + one + one, 2, why).error(), Errc::too_large);
  const auto key = EcKey::generate();
  std::string third = *key->alpn_certificate("b.example", {});
  third[third.size() / 2] = '!';
  EXPECT_EQ(read_chain(one + third, 5, why).error(), Errc::malformed) << "broken";
}

}  // namespace
}  // namespace genkan::base
