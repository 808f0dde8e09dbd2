#include <gtest/gtest.h>

#include "webmail/html/filter.hpp"

namespace genkan::webmail::html {
namespace {

std::string clean(std::string_view html, Options options = {}) { return filter(html, options).html; }

TEST(HtmlFilter, KeepsWhatMailsAreMadeOf) {
  EXPECT_EQ(clean("<p class=a style='color:red'>Hi <b>you</b> &amp; me<br></p>"),
            "<p class=\"a\" style=\"color:red\">Hi <b>you</b> &amp; me<br></p>");
  EXPECT_EQ(clean("<table border=1><tr><td colspan=2>x</table>"),
            "<table border=\"1\"><tr><td colspan=\"2\">x</td></tr></table>");
}

TEST(HtmlFilter, ScriptsAndFramesAndFormsAreGone) {
  for (const char* bad : {"<script>alert(1)</script>",
                          "<SCRIPT SRC=//x></SCRIPT>",
                          "<iframe src=x></iframe>",
                          "<object data=x><p></object>",
                          "<svg><use href='data:x'/></svg>",
                          "<math><mtext></math>",
                          "<meta http-equiv=refresh content=0>",
                          "<base href=//x>",
                          "<link rel=stylesheet href=//x>",
                          "<embed src=x>",
                          "<input autofocus onfocus=x>",
                          "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
                          "<!--<img onerror=x src=y>-->",
                          "<?xml x?>",
                          "<![CDATA[x]]>",
                          "<textarea></textarea>",
                          "<title>x</title>",
                          "<template><img></template>",
                          "<!-->",
                          "<!--->"}) {
    const auto out = clean(bad);
    EXPECT_EQ(out.find("script"), std::string::npos) << bad << " -> " << out;
    EXPECT_EQ(out.find("onerror="), std::string::npos) << bad << " -> " << out;
    for (const char* tag :
         {"<svg", "<math", "<iframe", "<object", "<base", "<link", "<meta", "<input", "<embed", "<use"}) {
      EXPECT_EQ(out.find(tag), std::string::npos) << bad << " -> " << out;
    }
  }
}

TEST(HtmlFilter, EventHandlersAndStrangeAttributesAreGone) {
  EXPECT_EQ(clean("<p onclick=x ONLOAD='y' formaction=z>a</p>"), "<p>a</p>");
  EXPECT_EQ(clean("<img src=x\nonerror=alert(1)>"), "<img>");
  EXPECT_EQ(clean("<p title='\"><script>'>a</p>"), "<p title=\"&quot;&gt;&lt;script&gt;\">a</p>");
}

TEST(HtmlFilter, LinksGoOnlyWhereLinksMay) {
  EXPECT_EQ(clean("<a href='https://x.org/?a=1&amp;b=2'>x</a>"),
            "<a href=\"https://x.org/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>");
  for (const char* bad : {"javascript:alert(1)", "JaVa&#x0A;script:x", " &#1;javascript:x", "data:text/html,x",
                          "vbscript:x", "file:///etc", "//x.org", "java&Tab;script:x", "java&NewLine;script&colon;x"}) {
    EXPECT_EQ(clean("<a href=\"" + std::string(bad) + "\">x</a>"), "<a>x</a>") << bad;
  }
}

TEST(HtmlFilter, RemoteImagesAreKeptAside) {
  const auto out =
      filter("<img src='http://t.org/p.gif'><img srcset='https://t.org/2'><td background='http://t.org/b'>", {});
  EXPECT_EQ(out.html, "<img data-genkan-src=\"http://t.org/p.gif\"><img><td></td>");
  EXPECT_EQ(out.blocked, 3U);
  EXPECT_EQ(clean("<img src='\nhttp://t.org/p.gif'>").find(" src="), std::string::npos);
  EXPECT_EQ(clean("<picture><source srcset=//t.org/x><img src=//t.org/y></picture>").find(" src="), std::string::npos);
  EXPECT_EQ(clean("<video poster=//t.org/x></video>"), "");
  Options shown;
  shown.remote_images = true;
  EXPECT_EQ(clean("<img src='http://t.org/p.gif'>", shown),
            "<img src=\"http://t.org/p.gif\" referrerpolicy=\"no-referrer\">");
}

TEST(HtmlFilter, ImagesOfTheMailStandInline) {
  Options options;
  options.inline_image = [](std::string_view cid) { return cid == "a@b" ? "data:image/png;base64,UE5H" : ""; };
  EXPECT_EQ(clean("<img src='cid:a@b'><img src='CID:none'>", options), "<img src=\"data:image/png;base64,UE5H\"><img>");
  EXPECT_EQ(clean("<img src='data:image/svg+xml,<svg onload=x>'>"), "<img>");
}

TEST(HtmlFilter, StylesCannotFetch) {
  std::size_t blocked = 0;
  const auto css = [&](std::string_view text) { return filter_css(text, {}, blocked); };
  EXPECT_EQ(css("background:url( 'http://t.org/x' ) red"), "background:none red");
  EXPECT_EQ(css("a{background:URL(//t.org/x)}"), "a{background:none}");
  for (const char* bad :
       {"@import 'http://t.org/x';", "background:u\\72l(http://t.org/x)", "background:ur/**/l(http://t.org)",
        "x:image-set('http://t.org/x' 1x)", "width:expression(alert(1))", "-moz-binding:url(x)",
        "background:url(http://t.org/x", "@im\\70ort 'http://t.org'", "src:src('http://t.org')"}) {
    const auto out = css(bad);
    for (const char* hit : {"url(", "@import", "image-set(", "expression(", "-moz-binding", "\\"}) {
      EXPECT_EQ(out.find(hit), std::string::npos) << bad << " -> " << out;
    }
  }
  EXPECT_EQ(clean("<style>p{color:red}</STYLE x><p>"), "<style>p{color:red}</style><p></p>");
  EXPECT_EQ(clean("<style><!--</style--><img src=x onerror=y></style>").find("<img"), std::string::npos);
  EXPECT_GT(blocked, 0U);
}

TEST(HtmlFilter, BrokenMarkupIsClosed) {
  EXPECT_EQ(clean("<div><b>x"), "<div><b>x</b></div>");
  EXPECT_EQ(clean("</div></p>x"), "x");
  EXPECT_EQ(clean("a < b <1 <"), "a &lt; b &lt;1 &lt;");
  EXPECT_EQ(clean("<p title=\"never closed"), "<p title=\"never closed\"></p>");
  EXPECT_EQ(clean("<body bgcolor='#fff' onload=x>y</body>"), "<div style=\"background-color:#fff;\">y</div>");
}

TEST(HtmlFilter, SizeAndDepthAreBounded) {
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "<div>";
  auto out = filter(deep, {});
  EXPECT_TRUE(out.truncated);
  EXPECT_LT(out.html.size(), 256U * 12);
  Options small;
  small.max_bytes = 10;
  EXPECT_TRUE(filter("0123456789ABC", small).truncated);
}

TEST(HtmlFilter, ManyUnfinishedThingsTakeLinearTime) {
  for (const char* piece :
       {"<!--x--!>", "<!-- -->", "<p a=\"", "<style>", "<script></", "&#", "<svg>", "</", "<a href=x "}) {
    std::string text;
    while (text.size() < (1U << 18)) text += piece;
    filter(text, {});
  }
}

TEST(TextAsHtml, LinksAreMadeAndMarkupIsNot) {
  EXPECT_EQ(from_text("<b> see https://x.org/a?b&c. ok"),
            "&lt;b&gt; see <a href=\"https://x.org/a?b&amp;c\" target=\"_blank\" rel=\"noopener noreferrer\">"
            "https://x.org/a?b&amp;c</a>. ok");
  EXPECT_NE(from_text("https://x.org/です").find("https://x.org/</a>です"), std::string::npos);
  EXPECT_EQ(from_text("http"), "http");
}

}  // namespace
}  // namespace genkan::webmail::html
