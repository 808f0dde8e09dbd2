// HTTP/1.1 syntax: heads, framing, chunks. Each row is a sentence of RFC 9112 or of RFC 9110.
#include <gtest/gtest.h>

#include <random>

#include "http/h1/chunked.hpp"
#include "http/h1/framing.hpp"
#include "http/h1/parser.hpp"

namespace genkan::http::h1 {
namespace {

using State = HeadScanner::State;

State scan(std::string_view head, std::size_t max_fields = 100) {
  HeadScanner scanner;
  return scanner.scan(head, max_fields);
}

TEST(HeadScanner, a_head_ends_with_an_empty_line) {
  HeadScanner scanner;
  const std::string_view text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
  EXPECT_EQ(scanner.scan(text, 10), State::complete);
  EXPECT_EQ(text.substr(scanner.end()), "body");
}

TEST(HeadScanner, every_segmentation_gives_the_same_result) {
  const std::string good = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const std::string bad = "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n";
  for (const auto& text : {good, bad}) {
    const State whole = scan(text);
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      HeadScanner scanner;
      State state = scanner.scan(std::string_view(text).substr(0, cut), 100);
      if (state == State::more) state = scanner.scan(text, 100);
      EXPECT_EQ(state, whole) << "cut at " << cut;
    }
    HeadScanner drip;
    State state = State::more;
    for (std::size_t n = 1; n <= text.size() && state == State::more; ++n) {
      state = drip.scan(std::string_view(text).substr(0, n), 100);
    }
    EXPECT_EQ(state, whole) << "byte by byte";
  }
}

TEST(HeadScanner, bare_line_feeds_bare_returns_folds_and_nul_are_malformed) {
  EXPECT_EQ(scan("GET / HTTP/1.1\nHost: a\r\n\r\n"), State::malformed);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\n\r\n"), State::malformed);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\r\n\n"), State::malformed);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), State::malformed);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"), State::malformed);
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n"), State::malformed);
  EXPECT_EQ(scan(std::string_view("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)), State::malformed);
}

TEST(HeadScanner, more_fields_than_the_limit_are_noticed_before_the_head_ends) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 12; ++i) text += "A: b\r\n";
  EXPECT_EQ(scan(text, 10), State::too_many);
  EXPECT_EQ(scan(text + "\r\n", 12), State::complete);
}

struct Parsed {
  HeadError error;
  RequestLine line;
  Fields fields;
};
Parsed parse(const std::string& head) {
  Parsed p;
  p.fields.clear(head.data());
  p.error = parse_request(head, p.line, p.fields);
  return p;
}

TEST(RequestHead, gives_the_line_and_the_fields_without_their_white_space) {
  const std::string head = "POST /a?b=c HTTP/1.1\r\nHost:  example.org\t \r\nX-Empty:\r\nx-two: 2\r\n\r\n";
  const Parsed p = parse(head);
  ASSERT_EQ(p.error, HeadError::none);
  EXPECT_EQ(p.line.method, "POST");
  EXPECT_EQ(p.line.target, "/a?b=c");
  EXPECT_EQ(p.line.minor_version, 1);
  ASSERT_EQ(p.fields.size(), 3u);
  EXPECT_EQ(p.fields.get(FieldId::host), "example.org");
  EXPECT_EQ(p.fields.get("x-empty"), "");
  EXPECT_EQ(p.fields.get("X-Two"), "2");
}

TEST(RequestHead, wrong_request_lines_and_fields_are_malformed) {
  for (const std::string line : {"GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET", "GET / http/1.1", "GET / HTTP/1",
                                 "G@T / HTTP/1.1", " GET / HTTP/1.1", "GET\t/ HTTP/1.1", "GET / HTTP/1.1x", ""}) {
    EXPECT_NE(parse(line + "\r\nHost: a\r\n\r\n").error, HeadError::none) << line;
  }
  for (const std::string field : {"Host : a", "Ho st: a", ": a", "Host", "H\x01st: a", "X: a\x01z", "X: \x7f"}) {
    EXPECT_NE(parse("GET / HTTP/1.1\r\n" + field + "\r\n\r\n").error, HeadError::none) << field;
  }
}

TEST(RequestHead, other_versions_are_told_apart) {
  EXPECT_EQ(parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n").error, HeadError::version);
  EXPECT_EQ(parse("GET / HTTP/0.9\r\nHost: a\r\n\r\n").error, HeadError::version);
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n").error, HeadError::none);
  for (const std::string none : {"HTTP/1.10", "HTTP/1", "HTTP/1.1x", "http/1.1", "HTTP/1,1", "b HTTP/1.1 "}) {
    EXPECT_EQ(parse("GET / " + none + "\r\nHost: a\r\n\r\n").error, HeadError::malformed) << none;
  }
}

TEST(RequestHead, later_minor_versions_are_read_as_1_1) {
  const std::string head = "GET /a HTTP/1.7\r\nHost: a\r\n\r\n";
  const Parsed p = parse(head);
  ASSERT_EQ(p.error, HeadError::none);
  EXPECT_EQ(p.line.minor_version, 1);
  EXPECT_EQ(p.line.target, "/a");
}

TEST(ResponseHead, white_space_before_a_colon_is_taken_out) {
  const std::string head = "HTTP/1.2 200 OK\r\nA \t: b\r\n\r\n";
  StatusLine out;
  Fields fields;
  fields.clear(head.data());
  ASSERT_EQ(parse_response(head, out, fields), HeadError::none);
  EXPECT_EQ(out.minor_version, 1);
  EXPECT_EQ(fields.get("A"), "b");
}

TEST(ResponseHead, status_lines_are_three_digits_and_a_space) {
  const auto status = [](const std::string& line) {
    const std::string head = line + "\r\nA: b\r\n\r\n";
    StatusLine out;
    Fields fields;
    fields.clear(head.data());
    return parse_response(head, out, fields) == HeadError::none ? out.status : -1;
  };
  EXPECT_EQ(status("HTTP/1.1 200 OK"), 200);
  EXPECT_EQ(status("HTTP/1.1 204 "), 204);
  EXPECT_EQ(status("HTTP/1.0 503 Not now"), 503);
  for (const char* bad :
       {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 abc OK", "200 OK", "HTTP/1.1  200 OK", "ICY 200 OK"}) {
    EXPECT_EQ(status(bad), -1) << bad;
  }
}

RequestFraming framing_of(const std::string& field_lines, int minor = 1) {
  static std::string head;
  head = "POST / HTTP/1.1\r\nHost: a\r\n" + field_lines + "\r\n";
  Fields fields;
  fields.clear(head.data());
  std::size_t at = head.find("\r\n") + 2;
  while (head.compare(at, 2, "\r\n") != 0) {  // by hand: Beast refuses some of these itself
    const std::size_t end = head.find("\r\n", at), colon = head.find(':', at);
    const std::size_t value = head.find_first_not_of(' ', colon + 1);
    fields.add_parsed(at, colon - at, value, end - value);
    at = end + 2;
  }
  return request_framing(fields, minor);
}

TEST(RequestFraming, follows_rfc9112_6_3) {
  EXPECT_EQ(framing_of("").framing.kind, Framing::Kind::none);
  EXPECT_EQ(framing_of("Content-Length: 5\r\n").framing.length, 5u);
  EXPECT_EQ(framing_of("Transfer-Encoding: chunked\r\n").framing.kind, Framing::Kind::chunked);
  EXPECT_EQ(framing_of("Transfer-Encoding: Chunked\r\n").framing.kind, Framing::Kind::chunked);
}

TEST(RequestFraming, refuses_whatever_could_be_read_in_two_ways) {
  for (const char* lines :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n",
        "Content-Length: -1\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n",
        "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked;a=b\r\n", "Transfer-Encoding: chunked, chunked\r\n"}) {
    EXPECT_EQ(framing_of(lines).refuse, 400) << lines;
  }
  EXPECT_EQ(framing_of("Transfer-Encoding: gzip, chunked\r\n").refuse, 501);
  EXPECT_EQ(framing_of("Transfer-Encoding: chunked\r\n", 0).refuse, 400) << "never with HTTP/1.0";
}

TEST(ResponseFraming, has_no_content_where_there_is_none_by_definition) {
  const std::string head = "Content-Length: 9\r\n";
  Fields fields;
  fields.clear(head.data());
  fields.add_parsed(0, 14, 16, 1);
  Framing out;
  ASSERT_TRUE(response_framing(fields, 200, 1, Method::get, out));
  EXPECT_EQ(out.length, 9u);
  for (const int status : {100, 103, 204, 304}) {
    ASSERT_TRUE(response_framing(fields, status, 1, Method::get, out));
    EXPECT_EQ(out.kind, Framing::Kind::none) << status;
  }
  ASSERT_TRUE(response_framing(fields, 200, 1, Method::head, out));
  EXPECT_EQ(out.kind, Framing::Kind::none);
  ASSERT_TRUE(response_framing(Fields(), 200, 1, Method::get, out));
  EXPECT_EQ(out.kind, Framing::Kind::until_close);
}

TEST(HopByHop, what_connection_names_is_removed_and_framing_is_not) {
  Fields fields;
  fields.add("Connection", "close, X-Secret, Host, Content-Length");
  fields.add("X-Secret", "1");
  fields.add("Host", "a");
  fields.add("Content-Length", "3");
  fields.add("Keep-Alive", "timeout=5");
  fields.add("TE", "trailers, deflate");
  fields.add("Upgrade", "websocket");
  fields.add("X-Kept", "2");
  remove_hop_by_hop(fields);
  EXPECT_FALSE(fields.get("X-Secret"));
  EXPECT_FALSE(fields.get("Connection"));
  EXPECT_FALSE(fields.get("Keep-Alive"));
  EXPECT_FALSE(fields.get("Upgrade"));
  EXPECT_EQ(fields.get("Host"), "a");
  EXPECT_EQ(fields.get("Content-Length"), "3");
  EXPECT_EQ(fields.get("TE"), "trailers");
  EXPECT_EQ(fields.get("X-Kept"), "2");
}

struct Decoded {
  ChunkedDecoder::State state = ChunkedDecoder::State::more;
  std::string content;
  std::size_t used = 0;
  std::string trailer;
};

// `cuts`: how many bytes each call gets.
Decoded decode(std::string_view wire, const std::vector<std::size_t>& cuts) {
  Decoded d;
  ChunkedDecoder decoder;
  std::size_t at = 0, turn = 0;
  while (at < wire.size()) {
    const std::size_t n = std::min(cuts[turn++ % cuts.size()], wire.size() - at);
    std::string_view in = wire.substr(at, n), out;
    do {
      out = {};
      d.state = decoder.next(in, out);
      d.content += out;
    } while (d.state == ChunkedDecoder::State::data);
    at += n - in.size();
    if (d.state != ChunkedDecoder::State::more) break;
  }
  d.used = at;
  if (decoder.trailers()) d.trailer = decoder.trailers()->joined("X-T");
  return d;
}

TEST(Chunked, content_and_trailers_come_out_whatever_the_segmentation) {
  const std::string wire = "5\r\nhello\r\n1;x=y\r\n \r\n0b \t;q=\"a;b\"\r\nworld and a\r\n0\r\nX-T: yes\r\n\r\nNEXT";
  std::mt19937 random(7);
  const Decoded whole = decode(wire, {wire.size()});
  ASSERT_EQ(whole.state, ChunkedDecoder::State::end);
  EXPECT_EQ(whole.content, "hello world and a");
  EXPECT_EQ(whole.trailer, "yes");
  EXPECT_EQ(wire.substr(whole.used), "NEXT");
  for (int round = 0; round < 300; ++round) {
    std::vector<std::size_t> cuts;
    for (int i = 0; i < 8; ++i) cuts.push_back(1 + random() % 7);
    const Decoded d = decode(wire, cuts);
    EXPECT_EQ(d.state, whole.state);
    EXPECT_EQ(d.content, whole.content);
    EXPECT_EQ(d.used, whole.used);
  }
}

TEST(Chunked, anything_off_the_grammar_is_malformed) {
  for (const char* wire : {"\r\n", "g\r\n", "-1\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
                           "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
                           "FFFFFFFFFFFFFFFFF\r\n", "5;a\nb\r\n", "5\rhello", "0\r\nX: a\n\r\n", "0\r\n folded\r\n\r\n",
                           "0\r\nno colon\r\n\r\n", "+5\r\nhello\r\n", " 5\r\nhello\r\n", "5;a=\x01\r\n"}) {
    EXPECT_EQ(decode(wire, {1000}).state, ChunkedDecoder::State::malformed) << wire;
    EXPECT_EQ(decode(wire, {1}).state, ChunkedDecoder::State::malformed) << wire << " byte by byte";
  }
}

TEST(Chunked, endless_extensions_and_trailers_are_cut) {
  EXPECT_EQ(decode("5;" + std::string(5000, 'a'), {1 << 20}).state, ChunkedDecoder::State::malformed);
  EXPECT_EQ(decode("0\r\nX: " + std::string(70000, 'a'), {1 << 20}).state, ChunkedDecoder::State::malformed);
  std::string flood;
  for (int i = 0; i < 2000; ++i) flood += "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n";
  EXPECT_EQ(decode(flood, {1 << 20}).state, ChunkedDecoder::State::malformed);
}

}  // namespace
}  // namespace genkan::http::h1
