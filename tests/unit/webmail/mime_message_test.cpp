#include <gtest/gtest.h>

#include "webmail/mime/builder.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/mime/parser.hpp"
#include "webmail/mime/preview.hpp"

namespace genkan::webmail::mime {
namespace {

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

const char* const kMixed =
    "From: a@x.org\nSubject: hi\nContent-Type: multipart/mixed; boundary=outer\n\npreamble\n"
    "--outer\nContent-Type: multipart/alternative; boundary=\"in ner\"\n\n"
    "--in ner\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1B$B4A;z\x1B(B\n"
    "--in ner\nContent-Type: text/html\n\n<p>kanji</p>\n--in ner--\n"
    "--outer\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\nContent-Disposition: "
    "attachment\n\naGk\n"
    "--outer--\nepilogue\n";

TEST(Parser, ANestedMessageHasItsPartsAndIds) {
  for (const auto& text : {std::string(kMixed), crlf(kMixed)}) {
    const auto message = parse(text);
    const auto parts = leaves(message);
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0]->id, "1.1");
    EXPECT_EQ(parts[2]->id, "2");
    EXPECT_EQ(part_text(text, *parts[0]).value, "漢字");
    EXPECT_EQ(part_bytes(text, *parts[2]), "hi");
    EXPECT_EQ(parts[2]->name, "a.png");
  }
}

TEST(Parser, BodiesAndAttachmentsFollowRfc8621) {
  const auto message = parse(kMixed);
  const auto b = bodies(message);
  ASSERT_EQ(b.text.size(), 1U);
  ASSERT_EQ(b.html.size(), 1U);
  ASSERT_EQ(b.attachments.size(), 1U);
  EXPECT_EQ(b.text[0]->type, "text/plain");
  EXPECT_EQ(b.html[0]->type, "text/html");
}

TEST(Parser, APlainMessageIsItsOwnTextAndHtmlBody) {
  const auto message = parse("Subject: x\n\nhello\n");
  const auto b = bodies(message);
  ASSERT_EQ(b.text.size(), 1U);
  EXPECT_EQ(b.html, b.text);
  EXPECT_EQ(b.text[0]->id, "1");
}

TEST(Parser, ABoundaryThatNeverAppearsLeavesTheText) {
  const std::string text = "Content-Type: multipart/mixed; boundary=never\n\njust text\n";
  const auto message = parse(text);
  ASSERT_EQ(leaves(message).size(), 1U);
  EXPECT_EQ(part_text(text, *leaves(message)[0]).value, "just text\n");
}

TEST(Parser, AMissingBoundaryParameterIsFoundInTheBody) {
  const std::string text = "Content-Type: multipart/mixed\n\n--abcd\n\none\n--abcd\n\ntwo\n--abcd--\n";
  EXPECT_EQ(leaves(parse(text)).size(), 2U);
}

TEST(Parser, ATruncatedMessageKeepsItsLastPart) {
  const std::string text =
      "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>tw";
  const auto message = parse(text);
  ASSERT_EQ(leaves(message).size(), 2U);
  EXPECT_EQ(part_text(text, *leaves(message)[1]).value, "<p>tw");
}

TEST(Parser, DeepNestingAndManyPartsStopAtTheLimits) {
  std::string deep;
  for (int i = 0; i < 500; ++i) {
    const auto b = "b" + std::to_string(i);
    deep += "Content-Type: multipart/mixed; boundary=" + b + "\n\n--" + b + "\n";
  }
  EXPECT_TRUE(parse(deep).truncated);
  std::string wide = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 5000; ++i) wide += "--b\n\nx\n";
  const auto message = parse(wide);
  EXPECT_TRUE(message.truncated);
  EXPECT_LE(leaves(message).size(), 1000U);
}

TEST(Parser, HeaderGarbageDoesNotEndTheHeader) {
  const std::string text = "From someone Mon Jan 1\n folded nothing\nno colon here\nSubject: ok\n\nbody";
  const auto message = parse(text);
  ASSERT_NE(message.root.find("subject"), nullptr);
  EXPECT_EQ(decode_text(message.root.find("subject")->value.in(text)), "ok");
}

TEST(Parser, AnEmptyMessageIsAnEmptyTextPart) {
  EXPECT_EQ(leaves(parse("")).size(), 1U);
  EXPECT_EQ(part_text("", parse("").root).value, "");
}

TEST(Parser, BodyTextIsCutBetweenCharacters) {
  const std::string text = "Content-Type: text/plain; charset=utf-8\n\n日本語";
  const auto cut = part_text(text, parse(text).root, 4);
  EXPECT_EQ(cut.value, "日");
  EXPECT_TRUE(cut.truncated);
}

const char* const kText = "こんにちは\nworld";
const char* const kHtml = "<p>こんにちは</p><img src=\"cid:pic\">";

Draft japanese_draft() {
  Draft draft;
  draft.from = {{"山田 太郎", "taro@example.jp"}};
  draft.to = {{"O'Neil, \"Bob\"", "bob@example.org"}, {"", "c@example.org"}};
  draft.subject =
      "これはとても長い件名で、エンコードされた単語が何行にも折り返される必要があります。確認してください。";
  draft.date = 1767323045;
  const std::string text = kText, html = kHtml;
  draft.body = usual_body(
      &text, &html,
      {{"image/png", "絵.png", "pic", true, "PNG"}, {"application/pdf", "資料\r\nX: y.pdf", "", false, "%PDF"}});
  return draft;
}

TEST(Builder, WhatIsWrittenIsReadBack) {
  const auto text = build_message(japanese_draft());
  const auto message = parse(text);
  const auto b = bodies(message);
  ASSERT_EQ(b.text.size(), 1U);
  ASSERT_GE(b.html.size(), 1U);
  EXPECT_EQ(part_text(text, *b.text[0]).value, kText);
  EXPECT_EQ(part_text(text, *b.html[0]).value, kHtml);
  EXPECT_EQ(decode_text(message.root.find("subject")->value.in(text)), japanese_draft().subject);
  EXPECT_EQ(parse_addresses(message.root.find("from")->value.in(text)), japanese_draft().from);
  EXPECT_EQ(parse_addresses(message.root.find("to")->value.in(text)), japanese_draft().to);
  const auto parts = leaves(message);
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[2]->cid, "pic");
  EXPECT_EQ(parts[2]->name, "絵.png");
  EXPECT_EQ(part_bytes(text, *parts[3]), "%PDF");
}

TEST(Builder, LinesAreShortAndEndWithCrlf) {
  const auto text = build_message(japanese_draft());
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(text[end - 1], '\r');
    EXPECT_LE(end - at, 200U);
    at = end + 1;
  }
}

TEST(Builder, NoValueCanMakeAnotherHeader) {
  Draft draft;
  draft.from = {{"A\r\nBcc: evil@x.org", "a@x.org\r\nBcc: evil@x.org"}};
  draft.to = {{"", "b@x.org>\r\nBcc: <evil@x.org"}};
  draft.subject = "hi\r\nBcc: evil@x.org\r\n\r\nbody";
  draft.in_reply_to = {"id@x>\r\nBcc: evil@x.org"};
  draft.message_id = "m@x\r\nBcc: evil@x.org";
  draft.extra = {{"X-A\r\nBcc", "v"}, {"X-B", "v\r\nBcc: evil@x.org"}};
  draft.body = usual_body(nullptr, nullptr, {{"text/plain\r\nBcc: e", "n\"\r\nBcc: e", "c>\r\nBcc: e", false, "x"}});
  const auto text = build_message(draft);
  const auto message = parse(text);
  EXPECT_EQ(message.root.find("bcc"), nullptr);
  for (const auto* part : leaves(message)) EXPECT_EQ(part->find("bcc"), nullptr);
  EXPECT_EQ(text.find("\nBcc"), std::string::npos);
}

TEST(Builder, BccIsTakenOutWithItsFoldedLines) {
  EXPECT_EQ(without_field("To: a\r\nbcc: b,\r\n c\r\nX: y\r\n\r\nBcc: stays\r\n", "Bcc"),
            "To: a\r\nX: y\r\n\r\nBcc: stays\r\n");
}

TEST(Preview, HtmlBecomesWords) {
  EXPECT_EQ(html_to_text("<style>p{}</style><p>a &amp; b&#x3042;</p><script>x<y</script>c < d"), "\na & bあ\nc < d");
}

TEST(Preview, QuotesAndSignaturesAreLeftOut) {
  EXPECT_EQ(preview_of("Yes.\n> old\n  more \n-- \nAlice"), "Yes. more");
  EXPECT_EQ(preview_of(std::string(1000, 'a')).size(), 256U);
}

TEST(Preview, CharactersAreNotCut) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "語";
  EXPECT_EQ(preview_of(text).size(), 256U * 3);
}

}  // namespace
}  // namespace genkan::webmail::mime
