// What a TLS connection means for a request before any rule sees it.
#include "proxy/tls_layer.hpp"

#include <gtest/gtest.h>

#include "net/loop.hpp"

namespace genkan::proxy {
namespace {

class Nobody final : public http::Handler {
 public:
  net::Task<Result<http::Response>> handle(http::Request&) override { co_return Errc::unavailable; }
};

std::string left(const std::vector<std::string>& rules, const std::vector<std::string>& sent) {
  base::Metrics metrics;
  TlsLayerMetrics counts(metrics);
  const TlsLayer layer(std::make_shared<Nobody>(), rules, counts);
  http::Fields fields;
  for (const auto& name : sent) fields.add(name, "claim");
  layer.remove_claims(fields);
  std::string out;
  fields.each([&](std::string_view name, std::string_view, http::FieldId) { out.append(name).append(" "); });
  return out;
}

TEST(TlsLayer, claims_of_clients_are_removed_in_every_spelling) {
  EXPECT_EQ(left({"X-DN: subject"}, {"X-DN", "x-dn", "X_DN", "x_Dn", "X-DNS", "X-D", "Accept"}), "X-DNS X-D Accept ");
  EXPECT_EQ(left({"X_DN: subject"}, {"X-DN", "X_DN", "Host"}), "Host ");
}

TEST(TlsLayer, the_fields_of_rfc_9440_are_always_removed) {
  EXPECT_EQ(left({}, {"Client-Cert", "client-cert-CHAIN", "Client_Cert", "X-DN", "Client-Certs"}),
            "X-DN Client-Certs ");
}

TEST(TlsLayer, what_only_looks_like_the_fields_about_the_client_is_removed) {
  EXPECT_EQ(left({}, {"X_Forwarded_For", "X-Forwarded_Proto", "x_forwarded-HOST", "X-Forwarded-For", "X_Other"}),
            "X-Forwarded-For X_Other ");
}

TEST(TlsLayer, names_that_have_a_meaning_of_their_own_are_found_too) {
  EXPECT_EQ(left({"From: san", "Authorization: subject"}, {"From", "authorization", "Cookie"}), "Cookie ");
}

}  // namespace
}  // namespace genkan::proxy
