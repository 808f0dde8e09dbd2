#include "http/fields.hpp"

#include <gtest/gtest.h>

#include <cctype>

#include "base/scan.hpp"
#include "http/h1/parser.hpp"

namespace genkan::http {
namespace {

std::string written(const Fields& fields, std::uint64_t skip = 0) {
  std::string out;
  fields.each_run(skip, [&](std::string_view text) { out += text; });
  return out;
}

std::size_t pieces(const Fields& fields, std::uint64_t skip = 0) {
  std::size_t n = 0;
  fields.each_run(skip, [&](std::string_view) { ++n; });
  return n;
}

Fields parsed(std::string_view section) {
  Fields fields;
  fields.clear(section.data());
  EXPECT_EQ(h1::parse_trailers(section, fields), h1::HeadError::none);
  return fields;
}

TEST(FieldId, every_known_name_is_found_in_any_case_and_no_other) {
  for (unsigned i = 1; i < static_cast<unsigned>(FieldId::count_); ++i) {
    const auto id = static_cast<FieldId>(i);
    const std::string name(field_name(id));
    EXPECT_EQ(field_id(name), id) << name;
    std::string upper = name;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    EXPECT_EQ(field_id(upper), id) << upper;
    EXPECT_EQ(field_id(base::to_lower(name)), id) << name;
    EXPECT_EQ(field_id(name + "x"), FieldId::other);
    EXPECT_EQ(field_id(name.substr(1)), FieldId::other) << name.substr(1);
    for (std::size_t at = 0; at < name.size(); ++at) {
      std::string other = name;
      other[at] = '_';
      EXPECT_EQ(field_id(other), FieldId::other) << other;
    }
  }
  EXPECT_EQ(field_id(""), FieldId::other);
  EXPECT_EQ(field_id("X-Long-Name-That-Nobody-Has-Ever-Sent"), FieldId::other);
}

TEST(FieldRuns, neighbours_in_their_usual_form_are_one_piece) {
  const Fields fields = parsed("Host: a\r\nAccept: */*\r\nX: 1\r\n\r\n");
  EXPECT_EQ(written(fields), "Host: a\r\nAccept: */*\r\nX: 1\r\n");
  EXPECT_EQ(pieces(fields), 2u);  // the run and its last CRLF
}

TEST(FieldRuns, what_is_removed_or_skipped_is_not_written) {
  Fields fields = parsed("Host: a\r\nAccept: */*\r\nX: 1\r\nVia: 1.1 b\r\n\r\n");
  fields.remove("x");
  EXPECT_EQ(written(fields, Fields::bit(FieldId::host)), "Accept: */*\r\nVia: 1.1 b\r\n");
  fields.remove(FieldId::via);
  EXPECT_EQ(written(fields), "Host: a\r\nAccept: */*\r\n");
  EXPECT_EQ(written(Fields()), "");
}

TEST(FieldRuns, odd_blanks_are_put_right) {
  const Fields fields = parsed("A:1\r\nB:  2\t\r\nC:\r\nD: \r\nE: 5\r\n\r\n");
  EXPECT_EQ(written(fields), "A: 1\r\nB: 2\r\nC: \r\nD: \r\nE: 5\r\n");
}

TEST(FieldRuns, added_fields_follow_received_ones) {
  Fields fields = parsed("Host: a\r\n\r\n");
  fields.add(FieldId::via, "1.1 genkan");
  fields.add("X-Other", "y");
  EXPECT_EQ(written(fields), "Host: a\r\nVia: 1.1 genkan\r\nX-Other: y\r\n");
  fields.set(FieldId::via, "1.1 other");
  EXPECT_EQ(written(fields), "Host: a\r\nX-Other: y\r\nVia: 1.1 other\r\n");
}

TEST(Fields, an_added_value_ends_at_what_would_end_the_line) {
  for (const char bad : {'\r', '\n', '\0'}) {
    Fields fields;
    fields.add("X", std::string("safe") + bad + "Evil: 1");
    EXPECT_EQ(written(fields), "X: safe\r\n");
    EXPECT_EQ(fields.get("x"), "safe");
  }
}

TEST(Fields, a_field_may_be_added_from_one_that_is_there) {
  Fields fields;
  fields.add("First", "some text that is too long to be kept in place");
  for (int i = 0; i < 50; ++i) fields.add(fields.name(0), *fields.get("First"));
  EXPECT_EQ(fields.count(FieldId::other), 51u);
  for (std::size_t i = 0; i < fields.entries(); ++i) EXPECT_EQ(fields.value(i), fields.value(0));
}

TEST(Fields, append_takes_all_that_another_section_has) {
  Fields usual;
  usual.add(FieldId::via, "1.1 genkan");
  usual.add(FieldId::forwarded, "for=192.0.2.1");
  Fields fields = parsed("Host: a\r\n\r\n");
  fields.add("X", "1");
  fields.append(usual);
  EXPECT_EQ(written(fields), "Host: a\r\nX: 1\r\nVia: 1.1 genkan\r\nForwarded: for=192.0.2.1\r\n");
  EXPECT_TRUE(fields.has(FieldId::via));
  EXPECT_EQ(fields.get(FieldId::forwarded), "for=192.0.2.1");
}

TEST(Scan, finds_the_first_byte_wherever_it_stands) {
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t at = 0; at <= size; ++at) {
      std::string text(size, 'a');
      const auto found = [&](char c, auto find) {
        if (at < size) text[at] = c;
        return static_cast<std::size_t>(find(text.data(), text.data() + size) - text.data());
      };
      for (const char c : {'\r', '\n', '\0'}) EXPECT_EQ(found(c, base::find_line_byte), at);
      for (const char c : {'\x01', '\x1f', '\x7f', '\r'}) EXPECT_EQ(found(c, base::find_control), at);
      for (const char c : {'\x01', '"', '\\', '\x7f'}) EXPECT_EQ(found(c, base::find_unquotable), at);
      for (int c = 0; c < 256; ++c) {
        const bool within = std::isalnum(c) != 0 || c == '-';  // in the C locale
        EXPECT_EQ(found(static_cast<char>(c), base::find_beyond_name), within ? size : at) << c;
      }
    }
  }
  const std::string fine = "tab\there, \xc3\xa9, \x80\xff and ~ are no control characters";
  EXPECT_EQ(base::find_control(fine.data(), fine.data() + fine.size()), fine.data() + fine.size());
}

}  // namespace
}  // namespace genkan::http
