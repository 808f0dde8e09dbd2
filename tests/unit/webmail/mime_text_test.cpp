#include <gtest/gtest.h>

#include "webmail/mime/address.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/header.hpp"
#include "webmail/mime/transfer.hpp"

namespace genkan::webmail::mime {
namespace {

using namespace std::string_literals;

TEST(Base64, MissingPaddingLosesNothing) {
  EXPECT_EQ(decode_base64("aGVsbG8"), "hello");
  EXPECT_EQ(decode_base64("aGVs\r\nbG8=\r\n"), "hello");
  EXPECT_EQ(decode_base64("aGVs!!bG8="), "hello");
  EXPECT_EQ(decode_base64("aGk=aGk="), "hihi");
}

TEST(Base64, StopsAtTheLimit) { EXPECT_EQ(decode_base64("aGVsbG8gd29ybGQ=", 5), "hello"); }

TEST(QuotedPrintable, DecodesSoftBreaksAndKeepsWhatIsBroken) {
  EXPECT_EQ(decode_quoted_printable("a=3Db=\r\nc=zz \r\nd=E3=81=82="), "a=bc=zz\r\nd\xE3\x81\x82");
}

TEST(QuotedPrintable, EncodedTextComesBackAndLinesStayShort) {
  const std::string text = ".dot\r\nFrom me\r\n" + std::string(300, 'x') + " \r\n日本=語\t\r\n";
  const auto encoded = encode_quoted_printable(text);
  EXPECT_EQ(decode_quoted_printable(encoded), text);
  std::size_t start = 0;
  while (start < encoded.size()) {
    const auto end = encoded.find("\r\n", start);
    EXPECT_LE(end - start, 76U);
    start = end + 2;
  }
  EXPECT_EQ(encoded.find("\r\n."), std::string::npos);
}

TEST(Charset, DecodesIso2022JpWithNecRow13AndHalfWidthKana) {
  EXPECT_EQ(to_utf8("\x1B$B4A;z\x1B(B abc", "ISO-2022-JP").text, "漢字 abc");
  EXPECT_EQ(to_utf8("\x1B$B-!\x1B(B", "iso-2022-jp").text, "①");
  EXPECT_EQ(to_utf8("\x1B(I1\x1B(B", "iso-2022-jp").text, "ｱ");
}

TEST(Charset, AnUnterminatedEscapeEndsAtTheLineEnd) {
  EXPECT_EQ(to_utf8("\x1B$B4A;z\nplain", "iso-2022-jp").text, "漢字\nplain");
}

TEST(Charset, ShiftJisIsReadAsCp932) {
  EXPECT_EQ(to_utf8("\x8A\xBF\x8E\x9A\x87\x40", "shift_jis").text, "漢字①");
  EXPECT_EQ(to_utf8("\x81\x60", "Shift_JIS").text, "～");  // WAVE DASH as Windows has it
}

TEST(Charset, Latin1IsReadAsCp1252) { EXPECT_EQ(to_utf8("\x93hi\x94 \x80", "iso-8859-1").text, "“hi” €"); }

TEST(Charset, AMislabelledTextLosesNoBytes) {
  const auto utf8 = to_utf8("日本", "us-ascii");
  EXPECT_EQ(utf8.text, "日本");
  EXPECT_TRUE(utf8.problem);
  EXPECT_EQ(to_utf8("caf\xE9", "utf-8").text, "café");
  EXPECT_EQ(to_utf8("日本", "euc-jp-unknown").text, "日本");
  EXPECT_EQ(to_utf8("\x82\xA0\x82\xA2", "").text, "あい");
}

TEST(Charset, EucJpAndGb2312AndKoreanAreKnown) {
  EXPECT_EQ(to_utf8("\xB4\xC1\xBB\xFA", "EUC-JP").text, "漢字");
  EXPECT_EQ(to_utf8("\xD6\xD0\xCE\xC4", "gb2312").text, "中文");
  EXPECT_EQ(to_utf8("\xC7\xD1", "ks_c_5601-1987").text, "한");
}

TEST(Charset, TheResultIsAlwaysValidUtf8) {
  const std::string bytes = "\xFF\xC0\xED\xA0\x80\x1B$B\x7F\x80 \xE3\x81"s;
  for (const char* label :
       {"", "utf-8", "iso-2022-jp", "shift_jis", "gb18030", "utf-16", "utf-7", "x-nonsense", "imap-mailbox-name"}) {
    EXPECT_TRUE(valid_utf8(to_utf8(bytes, label).text)) << label;
  }
}

TEST(Charset, SearchFoldingMakesWidthAndCaseEqual) { EXPECT_EQ(fold_for_search("ＡＢＣ ｶﾅ"), "abc カナ"); }

TEST(Words, ACharacterSplitOverTwoWordsIsPutTogether) {
  EXPECT_EQ(decode_text(" =?UTF-8?B?5pel5g==?= =?UTF-8?B?nKw=?="), "日本");
  EXPECT_EQ(decode_text("=?utf-8?q?=E6=97?=\r\n =?utf-8?q?=A5?="), "日");
}

TEST(Words, BlanksBetweenWordsVanishAndThoseBesideTextStay) {
  EXPECT_EQ(decode_text("a =?utf-8?q?b?= =?utf-8?q?c?= d"), "a bc d");
  EXPECT_EQ(decode_text("Re: =?ISO-2022-JP?B?GyRCNEE7ehsoQg==?="), "Re: 漢字");
}

TEST(Words, LineEndsInAnEncodedWordCannotMakeAHeader) {
  EXPECT_EQ(decode_text("=?utf-8?q?a=0D=0ABcc:_x?="), "a  Bcc: x");
}

TEST(Words, WhatIsNotAnEncodedWordStays) {
  EXPECT_EQ(decode_text("=?utf-8?x?abc?= =?utf-8?b?unfinished"), "=?utf-8?x?abc?= =?utf-8?b?unfinished");
  EXPECT_EQ(decode_text("=?nonsense?q?caf=E9?="), "café");
}

TEST(Words, ManyUnfinishedWordsTakeLinearTime) {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += "=?a?q?x";
  EXPECT_EQ(decode_words(text).size(), text.size());
}

TEST(ParameterText, SegmentsAndCharsetsAreJoined) {
  const auto p = parse_parameters(
      "attachment; filename*0*=ISO-2022-JP'ja'%1B%24B4A; filename*1*=%3Bz%1B%28B; filename*2=.txt; size=3");
  EXPECT_EQ(p.value, "attachment");
  EXPECT_EQ(p.find("filename"), "漢字.txt");
  EXPECT_EQ(p.find("size"), "3");
}

TEST(ParameterText, TheExtendedFormWinsAndEncodedWordsAreTolerated) {
  EXPECT_EQ(parse_parameters("x; filename=\"a.txt\"; filename*=UTF-8''%E6%97%A5.txt").find("filename"), "日.txt");
  EXPECT_EQ(parse_parameters("x; name=\"=?UTF-8?B?5pel?=.txt\"").find("name"), "日.txt");
  EXPECT_EQ(parse_parameters("text/plain; charset=\"utf-8\"; name=\"a\\\"b;c\"").find("name"), "a\"b;c");
}

TEST(Dates, CommonAndObsoleteFormsAreRead) {
  EXPECT_EQ(parse_date("Fri, 21 Nov 1997 09:55:06 -0600")->seconds, 880127706);
  EXPECT_EQ(parse_date("21 Nov 97 09:55:06 (comment) JST")->seconds, 880127706 - 15 * 3600);
  EXPECT_EQ(rfc3339(*parse_date("Fri, 21 Nov 1997 09:55:06 -0600")), "1997-11-21T09:55:06-06:00");
  EXPECT_FALSE(parse_date("yesterday").has_value());
  EXPECT_FALSE(parse_date("31 Feb 2020 00:00:00 +0000").has_value());
}

TEST(Dates, Rfc3339IsStrict) {
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05Z"), 1767323045);
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05+09:00"), 1767323045 - 9 * 3600);
  EXPECT_FALSE(parse_rfc3339("2026-01-02 03:04:05Z"));
  EXPECT_FALSE(parse_rfc3339("2026-13-02T03:04:05Z"));
}

TEST(Addresses, NamesCommentsAndQuotesAreRead) {
  const auto list = parse_addresses(
      "\"Joe, Q. Public\" <joe@example.org>, jane@example.org (Jane), =?UTF-8?B?5pel5pys?= <n@example.jp>");
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0], (Address{"Joe, Q. Public", "joe@example.org"}));
  EXPECT_EQ(list[1], (Address{"Jane", "jane@example.org"}));
  EXPECT_EQ(list[2], (Address{"日本", "n@example.jp"}));
}

TEST(Addresses, GroupsKeepTheirNames) {
  const auto groups = parse_address_groups("a@x.org, Friends: b@x.org, C <c@x.org>;, Nobody:;");
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_FALSE(groups[0].name);
  EXPECT_EQ(groups[1].name, "Friends");
  EXPECT_EQ(groups[1].addresses.size(), 2U);
  EXPECT_TRUE(groups[2].addresses.empty());
}

TEST(Addresses, EnvelopeAddressesAreChecked) {
  EXPECT_TRUE(valid_email("a.b+c@example.org"));
  EXPECT_TRUE(valid_email("日本@例え.jp"));
  for (const char* bad : {"", "a", "@x", "a@", "a b@x", "a@x\r\nRCPT TO:<b@x>", "a@b@c", "<a@b>", "a@x>"}) {
    EXPECT_FALSE(valid_email(bad)) << bad;
  }
}

TEST(MessageIds, AreReadWithoutBracketsAndBlanks) {
  EXPECT_EQ(parse_message_ids(" <a@b>\r\n <c d@e> junk <>"), (std::vector<std::string>{"a@b", "cd@e"}));
}

}  // namespace
}  // namespace genkan::webmail::mime
