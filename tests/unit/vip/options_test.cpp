#include "vip/options.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "conf/conf.hpp"

namespace genkan::vip {
namespace {

using namespace std::chrono_literals;

conf::Vip example() {
  conf::Vip vip;
  vip.name = "front";
  vip.address = "192.0.2.10/24";
  vip.interface = "eth0";
  vip.vrid = 51;
  vip.priority = 150;
  vip.advert_interval = 100ms;
  return vip;
}

std::string refusal(const std::function<void(conf::Vip&)>& spoil) {
  auto vip = example();
  spoil(vip);
  std::string why;
  EXPECT_FALSE(options_from(std::span(&vip, 1), why));
  return why;
}

TEST(Options, AreInTheUnitsOfTheWire) {
  const auto vip = example();
  std::string why;
  const auto options = options_from(std::span(&vip, 1), why);
  ASSERT_TRUE(options) << why;
  ASSERT_EQ(options->routers.size(), 1u);
  const auto& router = options->routers[0];
  EXPECT_EQ(router.address.text(), "192.0.2.10");
  EXPECT_EQ(router.prefix, 24);
  EXPECT_EQ(router.vrid, 51);
  EXPECT_EQ(router.interval, 10);
  EXPECT_FALSE(router.checksum);
}

TEST(Options, AnAddressWithoutAPrefixIsAHost) {
  auto vip = example();
  vip.address = "192.0.2.10";
  std::string why;
  EXPECT_EQ(options_from(std::span(&vip, 1), why)->routers[0].prefix, 32);
}

TEST(Options, ChecksumFormsHaveTheNamesOfTheConfiguration) {
  auto vip = example();
  std::string why;
  vip.checksum = "rfc9568";
  EXPECT_EQ(options_from(std::span(&vip, 1), why)->routers[0].checksum, ChecksumForm::rfc9568);
  vip.checksum = "pseudo_header";
  EXPECT_EQ(options_from(std::span(&vip, 1), why)->routers[0].checksum, ChecksumForm::pseudo_header);
}

TEST(Options, SayWhatIsWrong) {
  EXPECT_EQ(refusal([](auto& v) { v.address = "front"; }),
            "vip \"front\": \"front\" is not an address like \"192.0.2.10/24\"");
  EXPECT_NE(refusal([](auto& v) { v.address = "2001:db8::1/64"; }).find("IPv4"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.address = "224.0.0.18"; }).find("can't be shared"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.address = "127.0.0.1/8"; }).find("can't be shared"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.address = "192.0.2.10/33"; }).find("prefix"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.address = "192.0.2.10/"; }).find("prefix"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.vrid = 0; }).find("vrid"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.vrid = 256; }).find("vrid"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.priority = 0; }).find("priority"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.priority = 256; }).find("priority"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.advert_interval = 5ms; }).find("advert_interval"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.advert_interval = 41s; }).find("advert_interval"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.advert_interval = 105ms; }).find("advert_interval"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.interface = ""; }).find("interface"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.interface = "a-name-that-is-too-long"; }).find("interface"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.interface = "../all"; }).find("interface"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.checksum = "none"; }).find("checksum"), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.peers = {"peer"}; }).find("\"peer\""), std::string::npos);
  EXPECT_NE(refusal([](auto& v) { v.peers.assign(65, "192.0.2.1"); }).find("64"), std::string::npos);
}

TEST(Options, OneInterfaceHasEachVridOnce) {
  std::vector<conf::Vip> vips = {example(), example()};
  std::string why;
  EXPECT_FALSE(options_from(vips, why));
  EXPECT_NE(why.find("already used"), std::string::npos);
  vips[1].interface = "eth1";
  EXPECT_TRUE(options_from(vips, why));
}

TEST(Options, ThereIsALimitToTheirNumber) {
  std::vector<conf::Vip> vips;
  for (std::uint32_t i = 1; i <= kMaxRouters; ++i) {
    vips.push_back(example());
    vips.back().vrid = i;
  }
  std::string why;
  EXPECT_TRUE(options_from(vips, why));
  vips.push_back(example());
  vips.back().vrid = 200;
  EXPECT_FALSE(options_from(vips, why));
}

}  // namespace
}  // namespace genkan::vip
