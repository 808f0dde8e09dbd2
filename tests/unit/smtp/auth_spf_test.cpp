// SPF, section by section of RFC 7208. Each row: what the name server knows, who asks, what must come of it.
#include "smtp/auth/spf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/smtp/auth_dns.hpp"

namespace genkan::smtp {
namespace {

using testing_support::now;
using testing_support::TableDns;
using testing_support::Zone;

struct Case {
  const char* section;
  const char* name;
  const char* record;  // of example.com; "": none
  const char* want;
  const char* ip = "192.0.2.1";
  const char* sender = "ann@example.com";
  Zone more{};
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.section << " " << c.name; }

SpfAnswer ask(const Case& c, std::vector<std::string>* asked = nullptr) {
  Zone zone = c.more;
  if (*c.record) zone["example.com"].push_back(std::string("TXT ") + c.record);
  TableDns dns(zone);
  SpfQuestion question;
  question.ip = base::IpAddress::parse(c.ip).value();
  question.sender = c.sender;
  question.helo = "mta.example.net";
  question.receiver = "mx.example.org";
  const auto answer = now(check_spf(dns, question, false));
  if (asked) *asked = dns.asked;
  return answer;
}

class Spf : public testing::TestWithParam<Case> {};

TEST_P(Spf, decides) { EXPECT_EQ(word_of(ask(GetParam()).result), GetParam().want); }

std::vector<std::string> many(const char* what, int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(std::string(what) + std::to_string(i) + ".example.net");
  return out;
}
std::string chain(const char* term, int count, const char* end) {
  std::string out = "v=spf1";
  for (int i = 0; i < count; ++i) out += " " + std::string(term) + std::to_string(i) + ".example.net";
  return out + " " + end;
}
Zone hosts(int count, const char* row) {
  Zone zone;
  for (int i = 0; i < count; ++i) zone["h" + std::to_string(i) + ".example.net"] = {row};
  return zone;
}
const std::string kTen = chain("a:h", 10, "+all"), kEleven = chain("a:h", 11, "+all");
const std::string kTwoVoid = chain("a:v", 2, "+all"), kThreeVoid = chain("a:v", 3, "+all");
const std::string kExistsVoid = chain("exists:v", 3, "+all"), kMxVoid = chain("mx:v", 3, "+all");
const std::string kIncludes = chain("include:h", 11, "-all");
const std::string kLong = "v=spf1 a:" + std::string(63, 'x') + ".example.net -all";
const std::string kTooLongLabel = "a@" + std::string(64, 'x') + ".com";

Zone with(Zone zone, std::string name, std::vector<std::string> rows) {
  zone[std::move(name)] = std::move(rows);
  return zone;
}

// One case, one line.
// clang-format off
const Case kInitial[] = {
    {"4.3", "no_domain_in_sender_is_the_helo_name", "v=spf1 +all", "none", "192.0.2.1", ""},
    {"4.3", "single_label", "", "none", "192.0.2.1", "ann@localhost", {{"localhost", {"TXT v=spf1 -all"}}}},
    {"4.3", "empty_label", "", "none", "192.0.2.1", "ann@A...example.com"},
    {"4.3", "label_too_long", "", "none", "192.0.2.1", kTooLongLabel.c_str()},
    {"4.3", "literal", "", "none", "192.0.2.1", "ann@[192.0.2.1]"},
    {"4.3", "no_local_part", "v=spf1 exists:%{l}.example.net -all", "pass", "192.0.2.1", "@example.com", {{"postmaster.example.net", {"A 127.0.0.1"}}}},
    {"4.4", "nxdomain", "", "none"},
    {"4.4", "no_txt", "", "none", "192.0.2.1", "ann@example.com", {{"example.com", {"A 192.0.2.1"}}}},
    {"4.4", "timeout", "", "temperror", "192.0.2.1", "ann@example.com", {{"example.com", {"TIMEOUT"}}}},
    {"4.5", "other_txt", "some text", "none"},
    {"4.5", "version_alone", "v=spf1", "neutral"},
    {"4.5", "version_and_more", "v=spf10 -all", "none"},
    {"4.5", "version_with_tab", "v=spf1\t-all", "none"},
    {"4.5", "version_in_capitals", "V=SPF1 -all", "fail"},
    {"4.5", "two_records", "v=spf1 -all", "permerror", "192.0.2.1", "ann@example.com", {{"example.com", {"TXT v=spf1 +all"}}}},
    {"4.5", "one_of_two_is_other", "v=spf1 -all", "fail", "192.0.2.1", "ann@example.com", {{"example.com", {"TXT x=1"}}}},
    {"4.6", "a_final_space", "v=spf1 -all ", "fail"},
    {"4.6", "many_spaces", "v=spf1   -all", "fail"},
    {"4.6", "unknown_mechanism", "v=spf1 foo -all", "permerror"},
    {"4.6", "unknown_mechanism_behind_a_match", "v=spf1 +all foo", "permerror"},
    {"4.6", "mechanism_in_capitals", "v=spf1 -ALL", "fail"},
    {"4.6", "no_qualifier_is_pass", "v=spf1 all", "pass"},
    {"4.6", "softfail", "v=spf1 ~all", "softfail"},
    {"4.6", "neutral", "v=spf1 ?all", "neutral"},
    {"4.6", "two_qualifiers", "v=spf1 +-all", "permerror"},
    {"4.6", "first_match_decides", "v=spf1 ip4:192.0.2.1 -ip4:192.0.2.1 -all", "pass"},
    {"4.6", "bare_ip", "v=spf1 192.0.2.1 -all", "permerror"},
    {"4.6", "not_ascii", "v=spf1 a:caf\xc3\xa9.example.com -all", "permerror"},
    {"4.7", "no_match_is_neutral", "v=spf1 ip4:198.51.100.1", "neutral"},
};

const Case kLimits[] = {
    {"4.6.4", "ten_lookups", kTen.c_str(), "pass", "192.0.2.1", "ann@example.com", hosts(11, "A 198.51.100.1")},
    {"4.6.4", "eleven_lookups", kEleven.c_str(), "permerror", "192.0.2.1", "ann@example.com", hosts(11, "A 198.51.100.1")},
    {"4.6.4", "includes_count", kIncludes.c_str(), "permerror", "192.0.2.1", "ann@example.com", hosts(11, "TXT v=spf1 -all")},
    {"4.6.4", "all_and_ip_do_not_count", "v=spf1 ip4:10.0.0.1 ip4:10.0.0.2 ip4:10.0.0.3 ip4:10.0.0.4 ip4:10.0.0.5 ip4:10.0.0.6 ip4:10.0.0.7 ip4:10.0.0.8 " "ip4:10.0.0.9 " "ip4:10.0.0.10 ip4:10.0.0.11 -all", "fail"},
    {"4.6.4", "a_circle_of_includes", "v=spf1 include:example.com -all", "permerror"},
    {"4.6.4", "a_circle_of_redirects", "v=spf1 redirect=example.com", "permerror"},
    {"4.6.4", "two_void_answers", kTwoVoid.c_str(), "pass"},
    {"4.6.4", "three_void_answers", kThreeVoid.c_str(), "permerror"},
    {"4.6.4", "void_exists", kExistsVoid.c_str(), "permerror"},
    {"4.6.4", "void_mx", kMxVoid.c_str(), "permerror"},
    {"4.6.4", "ten_hosts_of_an_mx", "v=spf1 mx -all", "fail", "192.0.2.1", "ann@example.com", with(hosts(10, "A 198.51.100.1"), "example.com", many("MX h", 10))},
    {"4.6.4", "eleven_hosts_of_an_mx", "v=spf1 mx -all", "permerror", "192.0.2.1", "ann@example.com", with(hosts(11, "A 192.0.2.1"), "example.com", many("MX h", 11))},
    {"4.6.4", "only_ten_names_of_a_ptr", "v=spf1 ptr:h10.example.net -all", "fail", "192.0.2.1", "ann@example.com", with(hosts(11, "A 192.0.2.1"), "192.0.2.1", many("PTR h", 11))},
    {"4.6.4", "the_tenth_name_of_a_ptr", "v=spf1 ptr:h9.example.net -all", "pass", "192.0.2.1", "ann@example.com", with(hosts(11, "A 192.0.2.1"), "192.0.2.1", many("PTR h", 11))},
};

const Case kAllInclude[] = {
    {"5.1", "all_with_a_dot", "v=spf1 -all.", "permerror"},
    {"5.1", "all_with_an_argument", "v=spf1 -all:foobar", "permerror"},
    {"5.1", "all_with_a_length", "v=spf1 -all/8", "permerror"},
    {"5.1", "what_follows_all_is_not_asked", "v=spf1 ?all a:nowhere.example.net redirect=nowhere.example.net", "neutral"},
    {"5.2", "include_pass_matches", "v=spf1 include:i.example.net -all", "pass", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 +all"}}}},
    {"5.2", "include_matches_with_its_own_qualifier", "v=spf1 ~include:i.example.net -all", "softfail", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 +all"}}}},
    {"5.2", "include_fail_does_not_match", "v=spf1 include:i.example.net ~all", "softfail", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 -all"}}}},
    {"5.2", "include_softfail_does_not_match", "v=spf1 include:i.example.net -all", "fail", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 ~all"}}}},
    {"5.2", "include_neutral_does_not_match", "v=spf1 include:i.example.net -all", "fail", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 ?all"}}}},
    {"5.2", "include_of_nothing", "v=spf1 include:i.example.net -all", "permerror"},
    {"5.2", "include_of_a_bad_record", "v=spf1 include:i.example.net -all", "permerror", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 foo"}}}},
    {"5.2", "include_without_answer", "v=spf1 include:i.example.net -all", "temperror", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TIMEOUT"}}}},
    {"5.2", "include_without_domain", "v=spf1 include -all", "permerror"},
    {"5.2", "include_with_an_empty_domain", "v=spf1 include: -all", "permerror"},
    {"5.2", "include_with_a_length", "v=spf1 include:i.example.net/24 -all", "permerror", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 +all"}}}},
    {"5.2", "redirect_in_include", "v=spf1 include:i.example.net -all", "pass", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 redirect=r.example.net"}}, {"r.example.net", {"TXT v=spf1 +all"}}}},
};

const Case kAddresses[] = {
    {"5.3", "a", "v=spf1 a -all", "pass", "192.0.2.1", "ann@example.com", {{"example.com", {"A 192.0.2.1"}}}},
    {"5.3", "a_of_another", "v=spf1 a:w.example.net -all", "pass", "192.0.2.1", "ann@example.com", {{"w.example.net", {"A 198.51.100.1", "A 192.0.2.1"}}}},
    {"5.3", "a_no_match", "v=spf1 a -all", "fail", "192.0.2.1", "ann@example.com", {{"example.com", {"A 192.0.2.2"}}}},
    {"5.3", "a_with_a_length", "v=spf1 a/24 -all", "pass", "192.0.2.1", "ann@example.com", {{"example.com", {"A 192.0.2.200"}}}},
    {"5.3", "a_with_length_0", "v=spf1 a/0 -all", "pass", "10.1.2.3", "ann@example.com", {{"example.com", {"A 192.0.2.200"}}}},
    {"5.3", "a_with_length_33", "v=spf1 a/33 -all", "permerror"},
    {"5.3", "a_with_length_024", "v=spf1 a/024 -all", "permerror"},
    {"5.3", "a_with_two_lengths", "v=spf1 a/24//64 -all", "pass", "2001:db8::99", "ann@example.com", {{"example.com", {"AAAA 2001:db8::1"}}}},
    {"5.3", "a_v6_alone", "v=spf1 a//64 -all", "fail", "2001:db8:1::99", "ann@example.com", {{"example.com", {"AAAA 2001:db8::1"}}}},
    {"5.3", "a_v6_length_129", "v=spf1 a//129 -all", "permerror"},
    {"5.3", "a_v6_is_not_asked_of_v4", "v=spf1 a -all", "fail", "2001:db8::1", "ann@example.com", {{"example.com", {"A 192.0.2.1"}}}},
    {"5.3", "a_timeout", "v=spf1 a:w.example.net -all", "temperror", "192.0.2.1", "ann@example.com", {{"w.example.net", {"TIMEOUT"}}}},
    {"5.3", "a_top_level_only", "v=spf1 a:museum -all", "permerror"},
    {"5.3", "a_top_level_with_a_dot", "v=spf1 a:museum. -all", "permerror"},
    {"5.3", "a_numeric_top_level", "v=spf1 a:111.222.33.44 -all", "permerror"},
    {"5.3", "a_with_a_port", "v=spf1 a:example.com:8080 -all", "permerror"},
    {"5.3", "a_with_a_colon_inside", "v=spf1 a:foo:bar/baz.example.com -all", "pass", "192.0.2.1", "ann@example.com", {{"foo:bar/baz.example.com", {"A 192.0.2.1"}}}},
    {"5.3", "a_hyphen_first", "v=spf1 a:example.-com -all", "permerror"},
    {"5.3", "a_with_a_long_label", kLong.c_str(), "fail"},
    {"5.3", "a_empty", "v=spf1 a: -all", "permerror"},
    {"5.4", "mx", "v=spf1 mx -all", "pass", "192.0.2.1", "ann@example.com", {{"example.com", {"MX m.example.net"}}, {"m.example.net", {"A 192.0.2.1"}}}},
    {"5.4", "mx_of_another_with_a_length", "v=spf1 mx:o.example.net/24 -all", "pass", "192.0.2.1", "ann@example.com", {{"o.example.net", {"MX m.example.net"}}, {"m.example.net", {"A 192.0.2.9"}}}},
    {"5.4", "no_mx_is_not_the_address", "v=spf1 mx -all", "fail", "192.0.2.1", "ann@example.com", {{"example.com", {"A 192.0.2.1"}}}},
    {"5.4", "null_mx", "v=spf1 mx -all", "fail", "192.0.2.1", "ann@example.com", {{"example.com", {"MX "}}}},
    {"5.4", "mx_v6", "v=spf1 mx -all", "pass", "2001:db8::5", "ann@example.com", {{"example.com", {"MX m.example.net"}}, {"m.example.net", {"AAAA 2001:db8::5"}}}},
    {"5.4", "mx_host_timeout", "v=spf1 mx -all", "temperror", "192.0.2.1", "ann@example.com", {{"example.com", {"MX m.example.net"}}, {"m.example.net", {"TIMEOUT"}}}},
    {"5.5", "ptr", "v=spf1 ptr -all", "pass", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"PTR w.example.com"}}, {"w.example.com", {"A 192.0.2.1"}}}},
    {"5.5", "ptr_that_lies", "v=spf1 ptr -all", "fail", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"PTR w.example.com"}}, {"w.example.com", {"A 192.0.2.2"}}}},
    {"5.5", "ptr_of_another_domain", "v=spf1 ptr -all", "fail", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"PTR w.badexample.com"}}, {"w.badexample.com", {"A 192.0.2.1"}}}},
    {"5.5", "ptr_timeout_is_no_match", "v=spf1 ptr -all", "fail", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"TIMEOUT"}}}},
    {"5.5", "ptr_name_without_answer_is_skipped", "v=spf1 ptr -all", "pass", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"PTR a.example.com", "PTR b.example.com"}}, {"a.example.com", {"TIMEOUT"}}, {"b.example.com", {"A 192.0.2.1"}}}},
    {"5.5", "ptr_with_a_length", "v=spf1 ptr/24 -all", "permerror"},
    {"5.5", "ptr_empty", "v=spf1 ptr: -all", "permerror"},
    {"5.6", "ip4", "v=spf1 ip4:192.0.2.0/24 -all", "pass"},
    {"5.6", "ip4_other", "v=spf1 ip4:192.0.2.2 -all", "fail"},
    {"5.6", "ip4_host_bits_do_not_matter", "v=spf1 ip4:192.0.2.77/24 -all", "pass"},
    {"5.6", "ip4_length_33", "v=spf1 ip4:192.0.2.1/33 -all", "permerror"},
    {"5.6", "ip4_length_032", "v=spf1 ip4:192.0.2.1/032 -all", "permerror"},
    {"5.6", "ip4_two_slashes", "v=spf1 ip4:192.0.2.1//32 -all", "permerror"},
    {"5.6", "ip4_short", "v=spf1 ip4:192.0.2 -all", "permerror"},
    {"5.6", "ip4_with_port", "v=spf1 ip4:192.0.2.1:80 -all", "permerror"},
    {"5.6", "ip4_empty", "v=spf1 ip4 -all", "permerror"},
    {"5.6", "ip4_of_v6", "v=spf1 ip4:2001:db8::1 -all", "permerror"},
    {"5.6", "ip6", "v=spf1 ip6:2001:db8::/32 -all", "pass", "2001:db8:5::1"},
    {"5.6", "ip6_other", "v=spf1 ip6:2001:db8::1 -all", "fail", "2001:db8::2"},
    {"5.6", "ip6_length_129", "v=spf1 ip6:2001:db8::/129 -all", "permerror"},
    {"5.6", "ip6_of_v4", "v=spf1 ip6:192.0.2.1 -all", "permerror"},
    {"5.6", "ip6_does_not_match_v4", "v=spf1 ip6:::/0 -all", "fail"},
    {"5.7", "exists", "v=spf1 exists:e.example.net -all", "pass", "192.0.2.1", "ann@example.com", {{"e.example.net", {"A 127.0.0.2"}}}},
    {"5.7", "exists_asks_a_for_v6_too", "v=spf1 exists:e.example.net -all", "pass", "2001:db8::1", "ann@example.com", {{"e.example.net", {"A 127.0.0.2"}}}},
    {"5.7", "exists_needs_an_a_record", "v=spf1 exists:e.example.net -all", "fail", "2001:db8::1", "ann@example.com", {{"e.example.net", {"AAAA ::1"}}}},
    {"5.7", "exists_timeout", "v=spf1 exists:e.example.net -all", "temperror", "192.0.2.1", "ann@example.com", {{"e.example.net", {"TIMEOUT"}}}},
    {"5.7", "exists_without_domain", "v=spf1 exists -all", "permerror"},
    {"5.7", "exists_with_a_length", "v=spf1 exists:e.example.net/24 -all", "permerror"},
};

const Case kModifiers[] = {
    {"6", "unknown_modifier", "v=spf1 moo=cow -all", "fail"},
    {"6", "unknown_modifier_with_bad_macro", "v=spf1 moo=%abc -all", "permerror"},
    {"6", "unknown_modifier_empty", "v=spf1 default= -all", "fail"},
    {"6", "modifier_name_begins_with_a_digit", "v=spf1 1up=foo -all", "permerror"},
    {"6.1", "redirect", "v=spf1 redirect=r.example.net", "fail", "192.0.2.1", "ann@example.com", {{"r.example.net", {"TXT v=spf1 -all"}}}},
    {"6.1", "redirect_in_front_comes_last", "v=spf1 redirect=r.example.net ip4:192.0.2.1", "pass", "192.0.2.1", "ann@example.com", {{"r.example.net", {"TXT v=spf1 -all"}}}},
    {"6.1", "redirect_to_nothing", "v=spf1 redirect=r.example.net", "permerror"},
    {"6.1", "redirect_twice", "v=spf1 redirect=r.example.net redirect=r.example.net", "permerror"},
    {"6.1", "redirect_empty", "v=spf1 redirect=", "permerror"},
    {"6.1", "redirect_timeout", "v=spf1 redirect=r.example.net", "temperror", "192.0.2.1", "ann@example.com", {{"r.example.net", {"TIMEOUT"}}}},
    {"6.1", "redirect_changes_the_domain", "v=spf1 redirect=r.example.net", "pass", "192.0.2.1", "ann@example.com", {{"r.example.net", {"TXT v=spf1 exists:%{d}.x.example -all"}}, {"r.example.net.x.example", {"A 127.0.0.1"}}}},
    {"6.2", "exp_twice", "v=spf1 exp=a.example.net exp=a.example.net -all", "permerror"},
    {"6.2", "exp_empty", "v=spf1 exp= -all", "permerror"},
    {"6.2", "exp_that_is_not_there", "v=spf1 exp=nowhere.example.net -all", "fail"},
};

const Case kMacros[] = {
    {"7", "percent_alone", "v=spf1 exists:%abc.example.net -all", "permerror"},
    {"7", "unknown_letter", "v=spf1 exists:%{z}.example.net -all", "permerror"},
    {"7", "no_brace", "v=spf1 exists:%{d.example.net -all", "permerror"},
    {"7", "zero_parts", "v=spf1 exists:%{d0}.example.net -all", "permerror"},
    {"7", "c_r_t_only_in_exp", "v=spf1 exists:%{c}.example.net -all", "permerror"},
    {"7", "sender", "v=spf1 exists:%{s}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"ann@example.com.x.example", {"A 127.0.0.1"}}}},
    {"7", "local_and_domain", "v=spf1 exists:%{l}.%{o}.%{d}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"ann.example.com.example.com.x.example", {"A 127.0.0.1"}}}},
    {"7", "reversed_ip", "v=spf1 exists:%{ir}.%{v}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"1.2.0.192.in-addr.x.example", {"A 127.0.0.1"}}}},
    {"7", "reversed_ip6", "v=spf1 exists:%{ir}.%{v}.x.example -all", "pass", "2001:db8::cb01", "ann@example.com", {{"1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.x.example", {"A 127.0.0.1"}}}},
    {"7", "right_parts", "v=spf1 exists:%{i2}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"2.1.x.example", {"A 127.0.0.1"}}}},
    {"7", "right_parts_reversed", "v=spf1 exists:%{d1r}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"example.x.example", {"A 127.0.0.1"}}}},
    {"7", "other_delimiters", "v=spf1 exists:%{l-}.x.example -all", "pass", "192.0.2.1", "strong-bad@example.com", {{"strong.bad.x.example", {"A 127.0.0.1"}}}},
    {"7", "other_delimiters_reversed_and_cut", "v=spf1 exists:%{l1r+-}.x.example -all", "pass", "192.0.2.1", "strong-bad@example.com", {{"strong.x.example", {"A 127.0.0.1"}}}},
    {"7", "helo", "v=spf1 exists:%{h}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"mta.example.net.x.example", {"A 127.0.0.1"}}}},
    {"7", "capitals_are_escaped", "v=spf1 exists:%{L}.x.example -all", "pass", "192.0.2.1", "a~b/c@example.com", {{"a~b%2fc.x.example", {"A 127.0.0.1"}}}},
    {"7", "percent_space_and_escape", "v=spf1 exists:a%%b%-.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"a%b%20.x.example", {"A 127.0.0.1"}}}},
    {"7", "p_is_a_validated_name", "v=spf1 exists:%{p}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"192.0.2.1", {"PTR o.example.org", "PTR w.example.com"}}, {"o.example.org", {"A 192.0.2.1"}}, {"w.example.com", {"A 192.0.2.1"}}, {"w.example.com.x.example", {"A 127.0.0.1"}}}},
    {"7", "p_is_unknown", "v=spf1 exists:%{p}.x.example -all", "pass", "192.0.2.1", "ann@example.com", {{"unknown.x.example", {"A 127.0.0.1"}}}},
    {"7", "include_keeps_the_sender", "v=spf1 include:i.example.net -all", "pass", "192.0.2.1", "ann@example.com", {{"i.example.net", {"TXT v=spf1 exists:%{o}.%{d}.x.example -all"}}, {"example.com.i.example.net.x.example", {"A 127.0.0.1"}}}},
};
// clang-format on

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Initial, Spf, testing::ValuesIn(kInitial), case_name);
INSTANTIATE_TEST_SUITE_P(Limits, Spf, testing::ValuesIn(kLimits), case_name);
INSTANTIATE_TEST_SUITE_P(AllInclude, Spf, testing::ValuesIn(kAllInclude), case_name);
INSTANTIATE_TEST_SUITE_P(Addresses, Spf, testing::ValuesIn(kAddresses), case_name);
INSTANTIATE_TEST_SUITE_P(Modifiers, Spf, testing::ValuesIn(kModifiers), case_name);
INSTANTIATE_TEST_SUITE_P(Macros, Spf, testing::ValuesIn(kMacros), case_name);

SpfAnswer explained(const char* text, const char* record = "v=spf1 exp=e.example.net -all") {
  Case c{"6.2", "exp", record, "fail"};
  c.more["e.example.net"] = {std::string("TXT ") + text};
  return ask(c);
}

TEST(SpfExplanation, is_what_the_domain_says_with_its_macros) {
  EXPECT_EQ(explained("no mail from %{i} for %{d}").explanation, "no mail from 192.0.2.1 for example.com");
  EXPECT_EQ(explained("%{c} %{r} see https://x.example/?%{S}").explanation,
            "192.0.2.1 mx.example.org see https://x.example/?ann%40example.com");
}

TEST(SpfExplanation, is_left_out_when_it_is_broken_and_cut_when_it_is_long) {
  EXPECT_EQ(explained("bad %{z}").explanation, "");
  EXPECT_EQ(explained("caf\xc3\xa9").explanation, "");
  EXPECT_EQ(explained(std::string(3000, 'x').c_str()).explanation.size(), kMaxSpfExplanation);
}

TEST(SpfExplanation, of_an_included_record_is_not_used_but_of_a_redirected_one_is) {
  Case c{"6.2", "", "v=spf1 include:i.example.net exp=e.example.net -all", "fail"};
  c.more = {{"i.example.net", {"TXT v=spf1 exp=f.example.net -all"}},
            {"e.example.net", {"TXT outer"}},
            {"f.example.net", {"TXT inner"}}};
  EXPECT_EQ(ask(c).explanation, "outer");
  c.record = "v=spf1 redirect=i.example.net exp=e.example.net";
  EXPECT_EQ(ask(c).explanation, "inner");
}

TEST(SpfHelo, is_asked_about_the_name_and_for_the_null_sender) {
  TableDns dns(
      {{"mta.example.net", {"TXT v=spf1 exists:%{l}.x.example -all"}}, {"postmaster.x.example", {"A 127.0.0.1"}}});
  SpfQuestion question;
  question.ip = base::IpAddress::parse("192.0.2.1").value();
  question.helo = "mta.example.net";
  EXPECT_EQ(now(check_spf(dns, question, false)).result, SpfResult::pass);
  question.sender = "ann@nowhere.example";
  EXPECT_EQ(now(check_spf(dns, question, true)).result, SpfResult::pass);
}

TEST(SpfMacros, a_name_is_cut_from_the_left_to_253_octets) {
  SpfMacros macros;
  const auto name = expand_macros("%{d}", macros, std::string(60, 'a') + "." + std::string(250, 'b'), true);
  EXPECT_EQ(name, std::string(250, 'b'));
}

TEST(SpfMacros, the_examples_of_the_rfc) {
  SpfMacros m;
  m.local = "strong-bad";
  m.sender_domain = "email.example.com";
  m.ip = base::IpAddress::parse("192.0.2.3").value();
  const auto is = [&](const char* text) { return expand_macros(text, m, "email.example.com", true); };
  EXPECT_EQ(is("%{s}"), "strong-bad@email.example.com");
  EXPECT_EQ(is("%{d4}"), "email.example.com");
  EXPECT_EQ(is("%{d2}"), "example.com");
  EXPECT_EQ(is("%{dr}"), "com.example.email");
  EXPECT_EQ(is("%{d2r}"), "example.email");
  EXPECT_EQ(is("%{lr}"), "strong-bad");
  EXPECT_EQ(is("%{lr-}"), "bad.strong");
  EXPECT_EQ(is("%{l1r-}"), "strong");
  EXPECT_EQ(is("%{ir}.%{v}._spf.%{d2}"), "3.2.0.192.in-addr._spf.example.com");
  EXPECT_EQ(is("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}"), "bad.strong.lp.3.2.0.192.in-addr._spf.example.com");
  m.ip = base::IpAddress::parse("2001:db8::cb01").value();
  EXPECT_EQ(is("%{ir}.%{v}._spf.%{d2}"),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
}

}  // namespace
}  // namespace genkan::smtp
