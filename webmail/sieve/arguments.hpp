// The arguments of one command or test, taken one after the other: tags first, then what has its place (RFC 5228 2.6).
// Whatever fails remembers why and where; all later calls fail too.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "webmail/sieve/parse.hpp"
#include "webmail/sieve/program.hpp"

namespace genkan::webmail::sieve {

using Extensions = std::set<std::string, std::less<>>;

class Arguments {
 public:
  // All three must outlive it.
  Arguments(const Node& node, const Extensions& required, Problem& problem)
      : node_(node), required_(required), problem_(problem) {}

  // The next tag; false when there is no more, or after a failure. Each may stand once.
  bool tag(std::string& name);
  // The tag just read is not one of this command's.
  bool unknown_tag();
  // The tag just read needs this extension.
  bool needs(std::string_view extension);

  bool text(std::string_view what, Text& out);
  bool texts(std::string_view what, Texts& out);
  bool number(std::string_view what, std::uint64_t& out);
  // A string that no variable may stand in.
  bool constant(std::string_view what, std::string& out);
  bool at_end() const { return next_ >= node_.arguments.size(); }
  // Whether `count` arguments without tag are left.
  std::size_t left() const { return node_.arguments.size() - next_; }
  // Nothing may be left.
  bool done();
  bool fail(std::string why);
  bool fail_at(Place place, std::string why);
  bool failed() const { return failed_; }
  Place last_place() const { return last_; }

 private:
  const Argument* take(std::string_view what, Argument::Kind kind);
  bool convert(const std::string& raw, Text& out);
  const Node& node_;
  const Extensions& required_;
  Problem& problem_;
  std::size_t next_ = 0;
  std::set<std::string> seen_;
  Place last_;
  bool failed_ = false;
};

// Whether the extension was required; else `problem` says that it must be.
bool need_extension(const Extensions& required, std::string_view extension, Place place, std::string_view what,
                    Problem& problem);

}  // namespace genkan::webmail::sieve
