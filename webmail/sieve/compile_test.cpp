#include "webmail/sieve/compile_test.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "webmail/mime/builder.hpp"
#include "webmail/sieve/text.hpp"

namespace genkan::webmail::sieve {

namespace {

// Fields that hold addresses (RFC 5228 5.1).
constexpr std::array<std::string_view, 19> kAddressFields = {"from",
                                                             "to",
                                                             "cc",
                                                             "bcc",
                                                             "sender",
                                                             "reply-to",
                                                             "resent-from",
                                                             "resent-to",
                                                             "resent-cc",
                                                             "resent-bcc",
                                                             "resent-sender",
                                                             "resent-reply-to",
                                                             "return-path",
                                                             "delivered-to",
                                                             "errors-to",
                                                             "approved",
                                                             "disposition-notification-to",
                                                             "list-post",
                                                             "x-original-to"};

class TestCompiler {
 public:
  TestCompiler(const Node& node, const Extensions& required, Test& out, Problem& problem)
      : node_(node), required_(required), out_(out), problem_(problem), arguments_(node, required, problem) {}

  bool run() {
    out_.place = node_.place;
    const auto& name = node_.name;
    if (name == "true" || name == "false") {
      out_.kind = name == "true" ? Test::Kind::always : Test::Kind::never;
      return plain();
    }
    if (name == "not") return children(Test::Kind::negation, false);
    if (name == "anyof") return children(Test::Kind::any_of, true);
    if (name == "allof") return children(Test::Kind::all_of, true);
    if (name == "header") return header();
    if (name == "address") return address();
    if (name == "envelope") return extension("envelope") && envelope();
    if (name == "exists") return exists();
    if (name == "size") return size();
    if (name == "string") return extension("variables") && string();
    if (name == "hasflag") return extension("imap4flags") && has_flag();
    if (name == "mailboxexists") return extension("mailbox") && mailbox_exists();
    if (name == "body") return extension("body") && body();
    return arguments_.fail_at(node_.place, "there is no test '" + name.substr(0, 64) + "'");
  }

 private:
  bool extension(std::string_view name) { return need_extension(required_, name, node_.place, node_.name, problem_); }

  bool no_tests() {
    if (node_.tests.empty()) return true;
    return arguments_.fail_at(node_.tests.front().place, "'" + node_.name + "' takes no test");
  }

  bool plain() { return arguments_.done() && no_tests(); }

  bool children(Test::Kind kind, bool list) {
    out_.kind = kind;
    if (!arguments_.done()) return false;
    if (node_.tests.empty() || node_.test_list != list) {
      return arguments_.fail_at(node_.place,
                                "'" + node_.name + "' needs " + (list ? "tests in parentheses" : "a test"));
    }
    return std::all_of(node_.tests.begin(), node_.tests.end(), [&](const Node& child) {
      return compile_test(child, required_, out_.children.emplace_back(), problem_);
    });
  }

  bool comparator() {
    std::string name;
    if (!arguments_.constant("the name of a comparator", name)) return false;
    if (name == "i;ascii-casemap") {
      out_.matching.comparator = Comparator::casemap;
    } else if (name == "i;octet") {
      out_.matching.comparator = Comparator::octet;
    } else if (name == "i;ascii-numeric") {
      out_.matching.comparator = Comparator::numeric;
      if (!required_.contains("comparator-i;ascii-numeric"))
        return arguments_.fail("this comparator needs: require \"comparator-i;ascii-numeric\";");
    } else {
      return arguments_.fail("there is no comparator '" + name.substr(0, 64) + "'");
    }
    return true;
  }

  bool relation(MatchType type) {
    out_.matching.type = type;
    std::string word;
    if (!arguments_.needs("relational") || !arguments_.constant("gt, ge, lt, le, eq or ne", word)) return false;
    constexpr std::array<std::string_view, 6> kWords = {"gt", "ge", "lt", "le", "eq", "ne"};
    const auto found = std::find(kWords.begin(), kWords.end(), base::to_lower(word));
    if (found == kWords.end()) return arguments_.fail("a relation is one of gt, ge, lt, le, eq, ne");
    out_.matching.relation = static_cast<Relation>(found - kWords.begin());
    return true;
  }

  // Whether the tag is one of matching; then it is read.
  bool matching_tag(const std::string& tag) {
    const bool type = tag == "is" || tag == "contains" || tag == "matches" || tag == "count" || tag == "value";
    if (type && std::exchange(typed_, true)) {
      arguments_.fail("there is a match type already");
      return true;
    }
    if (tag == "is") {
      out_.matching.type = MatchType::is;
    } else if (tag == "contains") {
      out_.matching.type = MatchType::contains;
    } else if (tag == "matches") {
      out_.matching.type = MatchType::matches;
    } else if (tag == "count") {
      relation(MatchType::count);
    } else if (tag == "value") {
      relation(MatchType::value);
    } else if (tag == "comparator") {
      comparator();
    } else {
      return false;
    }
    return true;
  }

  bool part_tag(const std::string& tag) {
    constexpr std::array<std::string_view, 5> kParts = {"all", "localpart", "domain", "user", "detail"};
    const auto found = std::find(kParts.begin(), kParts.end(), tag);
    if (found == kParts.end()) return false;
    out_.part = static_cast<AddressPart>(found - kParts.begin());
    if (out_.part >= AddressPart::user) arguments_.needs("subaddress");
    if (std::exchange(parted_, true)) arguments_.fail("there is a part of the address already");
    return true;
  }

  bool matching_tags(bool parts) {
    std::string tag;
    while (arguments_.tag(tag)) {
      if (!matching_tag(tag) && !(parts && part_tag(tag))) return arguments_.unknown_tag();
    }
    return check_matching();
  }

  bool check_matching() {
    if (arguments_.failed()) return false;
    const auto& matching = out_.matching;
    const bool part = matching.type == MatchType::contains || matching.type == MatchType::matches;
    if (part && matching.comparator == Comparator::numeric)
      return arguments_.fail_at(node_.place, "numbers can be compared as a whole only, not with :contains or :matches");
    return true;
  }

  bool names(std::string_view what) {
    if (!arguments_.texts(what, out_.names)) return false;
    for (const auto& name : out_.names) {
      if (name.fixed() && !mime::valid_field_name(name.literal))
        return arguments_.fail("'" + name.literal.substr(0, 64) + "' is not the name of a field");
    }
    return true;
  }

  bool keys() { return arguments_.texts("keys to compare with", out_.keys) && plain(); }

  bool header() {
    out_.kind = Test::Kind::header;
    return matching_tags(false) && names("names of fields") && keys();
  }

  bool address() {
    out_.kind = Test::Kind::address;
    if (!matching_tags(true) || !names("names of fields")) return false;
    for (const auto& name : out_.names) {
      const auto lower = base::to_lower(name.literal);
      if (name.fixed() && std::find(kAddressFields.begin(), kAddressFields.end(), lower) == kAddressFields.end())
        return arguments_.fail("the field '" + name.literal.substr(0, 64) + "' holds no addresses");
    }
    return keys();
  }

  bool envelope() {
    out_.kind = Test::Kind::envelope;
    if (!matching_tags(true) || !arguments_.texts("parts of the envelope", out_.names)) return false;
    for (const auto& name : out_.names) {
      if (name.fixed() && !base::iequals(name.literal, "from") && !base::iequals(name.literal, "to"))
        return arguments_.fail("an envelope has \"from\" and \"to\", not '" + name.literal.substr(0, 64) + "'");
    }
    return keys();
  }

  bool exists() {
    out_.kind = Test::Kind::exists;
    std::string tag;
    if (arguments_.tag(tag)) return arguments_.unknown_tag();
    return names("names of fields") && plain();
  }

  bool size() {
    out_.kind = Test::Kind::size;
    std::string tag;
    if (!arguments_.tag(tag) || (tag != "over" && tag != "under"))
      return arguments_.fail_at(node_.place, "'size' needs :over or :under");
    out_.over = tag == "over";
    return arguments_.number("a number", out_.size) && plain();
  }

  bool string() {
    out_.kind = Test::Kind::string;
    return matching_tags(false) && arguments_.texts("strings to look at", out_.names) && keys();
  }

  // hasflag [matching] [variables] keys
  bool has_flag() {
    out_.kind = Test::Kind::has_flag;
    if (!matching_tags(false)) return false;
    if (arguments_.left() > 1) {
      out_.listed = true;
      if (!extension("variables") || !arguments_.texts("names of variables", out_.names)) return false;
      for (const auto& name : out_.names) {
        if (!name.fixed() || !valid_variable(name.literal))
          return arguments_.fail("this is not the name of a variable");
      }
    }
    return keys();
  }

  bool mailbox_exists() {
    out_.kind = Test::Kind::mailbox_exists;
    std::string tag;
    if (arguments_.tag(tag)) return arguments_.unknown_tag();
    return arguments_.texts("names of mailboxes", out_.names) && plain();
  }

  bool body() {
    out_.kind = Test::Kind::body;
    std::string tag;
    bool transformed = false;
    while (arguments_.tag(tag)) {
      const bool transform = tag == "raw" || tag == "text" || tag == "content";
      if (transform && std::exchange(transformed, true)) return arguments_.fail("one of :raw, :text and :content");
      if (tag == "raw") out_.raw = true;
      if (tag == "content") out_.listed = arguments_.texts("types of content", out_.names);
      if (!transform && !matching_tag(tag)) return arguments_.unknown_tag();
    }
    return check_matching() && keys();
  }

  const Node& node_;
  const Extensions& required_;
  Test& out_;
  Problem& problem_;
  Arguments arguments_;
  bool typed_ = false, parted_ = false;
};

}  // namespace

bool compile_test(const Node& node, const Extensions& required, Test& out, Problem& problem) {
  return TestCompiler(node, required, out, problem).run();
}

}  // namespace genkan::webmail::sieve
