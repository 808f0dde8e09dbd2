// Commands of a script, checked and typed.
#include <algorithm>

#include "base/text.hpp"
#include "smtp/address.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/sieve/compile_test.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/text.hpp"

namespace genkan::webmail::sieve {

namespace {

class Compiler {
 public:
  explicit Compiler(Problem& problem) : problem_(problem) {}

  bool block(const std::vector<Node>& nodes, std::vector<Command>& out, bool top) {
    bool begun = !top;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto& node = nodes[i];
      if (node.name == "require") {
        if (begun) return fail(node.place, "'require' must stand before everything else");
        if (!require(node)) return false;
        continue;
      }
      begun = true;
      const bool next = node.name == "elsif" || node.name == "else";
      const bool open = i > 0 && (nodes[i - 1].name == "if" || nodes[i - 1].name == "elsif");
      if (next && !open) return fail(node.place, "'" + node.name + "' must follow an 'if' or 'elsif'");
      auto& command = next ? out.back() : out.emplace_back();
      if (!(node.name == "if" || next ? choice(node, command) : action(node, command))) return false;
    }
    return true;
  }

 private:
  bool fail(Place place, std::string why) {
    problem_.place = place;
    problem_.text = std::move(why);
    return false;
  }

  bool extension(std::string_view name, const Node& node) {
    return need_extension(required_, name, node.place, node.name, problem_);
  }

  bool no_more(const Node& node) {
    if (!node.tests.empty()) return fail(node.tests.front().place, "'" + node.name + "' takes no test");
    if (node.has_block) return fail(node.place, "'" + node.name + "' takes no block");
    return true;
  }

  bool require(const Node& node) {
    static const Extensions kNone;  // no string of it is more than text
    Arguments arguments(node, kNone, problem_);
    Texts names;
    if (!arguments.texts("names of extensions", names) || !arguments.done() || !no_more(node)) return false;
    for (const auto& name : names) {
      const auto& known = capabilities();
      if (!std::binary_search(known.begin(), known.end(), name.literal))
        return fail(node.arguments.front().place, "there is no extension '" + name.literal.substr(0, 64) + "'");
      required_.insert(name.literal);
    }
    return true;
  }

  bool choice(const Node& node, Command& out) {
    if (node.name == "if") {
      out.kind = Command::Kind::choice;
      out.place = node.place;
    }
    auto& branch = out.branches.emplace_back();
    Arguments arguments(node, required_, problem_);
    if (!arguments.done()) return false;
    if (!node.has_block) return fail(node.place, "'" + node.name + "' needs a block");
    if (node.name == "else") {
      if (!node.tests.empty()) return fail(node.tests.front().place, "'else' takes no test");
    } else {
      if (node.tests.size() != 1 || node.test_list) return fail(node.place, "'" + node.name + "' needs one test");
      if (!compile_test(node.tests.front(), required_, branch.test.emplace(), problem_)) return false;
    }
    return block(node.block, branch.block, false);
  }

  bool action(const Node& node, Command& out) {
    out.place = node.place;
    if (!no_more(node)) return false;
    Arguments arguments(node, required_, problem_);
    const auto& name = node.name;
    if (name == "stop" || name == "discard") {
      out.kind = name == "stop" ? Command::Kind::stop : Command::Kind::discard;
      return arguments.done();
    }
    if (name == "keep") return keep(arguments, out);
    if (name == "redirect") return redirect(arguments, out);
    if (name == "fileinto") return extension("fileinto", node) && fileinto(arguments, out);
    if (name == "reject" || name == "ereject") {
      out.kind = Command::Kind::reject;
      return extension(name, node) && arguments.text("a reason", out.target) && arguments.done();
    }
    if (name == "vacation") return extension("vacation", node) && vacation(arguments, out);
    if (name == "set") return extension("variables", node) && set(arguments, out);
    if (name == "setflag" || name == "addflag" || name == "removeflag") {
      out.kind = name == "setflag"   ? Command::Kind::set_flag
                 : name == "addflag" ? Command::Kind::add_flag
                                     : Command::Kind::remove_flag;
      return extension("imap4flags", node) && flag_command(node, arguments, out);
    }
    return fail(node.place, "there is no command '" + name.substr(0, 64) + "'");
  }

  static bool flags_tag(Arguments& arguments, Command& out) {
    out.has_flags = true;
    return arguments.needs("imap4flags") && arguments.texts("flags", out.flags);
  }

  static bool keep(Arguments& arguments, Command& out) {
    out.kind = Command::Kind::keep;
    std::string tag;
    while (arguments.tag(tag)) {
      if (tag != "flags") return arguments.unknown_tag();
      flags_tag(arguments, out);
    }
    return arguments.done();
  }

  static bool redirect(Arguments& arguments, Command& out) {
    out.kind = Command::Kind::redirect;
    std::string tag;
    while (arguments.tag(tag)) {
      if (tag != "copy") return arguments.unknown_tag();
      out.copy = arguments.needs("copy");
    }
    if (!arguments.text("an address", out.target)) return false;
    smtp::AddressView view;
    if (out.target.fixed() && smtp::parse_mailbox(out.target.literal, view) != smtp::AddressFault::none)
      return arguments.fail("'" + out.target.literal.substr(0, 64) + "' is not an address");
    return arguments.done();
  }

  static bool fileinto(Arguments& arguments, Command& out) {
    out.kind = Command::Kind::fileinto;
    std::string tag;
    while (arguments.tag(tag)) {
      if (tag == "copy") {
        out.copy = arguments.needs("copy");
      } else if (tag == "create") {
        out.create = arguments.needs("mailbox");
      } else if (tag == "flags") {
        flags_tag(arguments, out);
      } else {
        return arguments.unknown_tag();
      }
    }
    if (!arguments.text("a mailbox", out.target)) return false;
    if (out.target.fixed() && !valid_mailbox(out.target.literal))
      return arguments.fail("'" + out.target.literal.substr(0, 64) + "' can not be the name of a mailbox");
    return arguments.done();
  }

  static bool vacation(Arguments& arguments, Command& out) {
    out.kind = Command::Kind::vacation;
    auto& options = out.vacation;
    std::string tag;
    while (arguments.tag(tag)) {
      if (tag == "days" || tag == "seconds") {
        if (options.seconds) return arguments.fail("one of :days and :seconds");
        if (tag == "seconds" && !arguments.needs("vacation-seconds")) return false;
        std::uint64_t number = 0;
        if (!arguments.number("a number", number)) return false;
        constexpr std::uint64_t kYears = 100ull * 365 * 86'400;
        options.seconds = tag == "seconds" ? std::min(number, kYears) : std::min(number, kYears / 86'400) * 86'400;
      } else if (tag == "subject") {
        arguments.text("a subject", options.subject.emplace());
      } else if (tag == "from") {
        arguments.text("an address", options.from.emplace());
      } else if (tag == "handle") {
        arguments.text("a handle", options.handle.emplace());
      } else if (tag == "addresses") {
        arguments.texts("addresses", options.addresses);
      } else if (tag == "mime") {
        options.mime = true;
      } else {
        return arguments.unknown_tag();
      }
    }
    return arguments.text("a reason", out.target) && arguments.done();
  }

  static bool set(Arguments& arguments, Command& out) {
    out.kind = Command::Kind::set;
    std::string tag;
    auto& m = out.modifiers;
    const auto once = [&](Modifiers::Letters& slot, Modifiers::Letters value) {
      if (slot != Modifiers::Letters::as_is) arguments.fail("there is a modifier of this kind already");
      slot = value;
    };
    while (arguments.tag(tag)) {
      if (tag == "lower" || tag == "upper") {
        once(m.all, tag == "lower" ? Modifiers::Letters::lower : Modifiers::Letters::upper);
      } else if (tag == "lowerfirst" || tag == "upperfirst") {
        once(m.first, tag == "lowerfirst" ? Modifiers::Letters::lower : Modifiers::Letters::upper);
      } else if (tag == "quotewildcard") {
        m.quote_wildcard = true;
      } else if (tag == "length") {
        m.length = true;
      } else {
        return arguments.unknown_tag();
      }
    }
    return variable(arguments, out) && arguments.text("a value", out.target) && arguments.done();
  }

  static bool variable(Arguments& arguments, Command& out) {
    if (!arguments.constant("the name of a variable", out.variable)) return false;
    out.variable = base::to_lower(out.variable);
    return valid_variable(out.variable) || arguments.fail("this is not the name of a variable");
  }

  bool flag_command(const Node& node, Arguments& arguments, Command& out) {
    if (arguments.left() > 1 && (!extension("variables", node) || !variable(arguments, out))) return false;
    return arguments.texts("flags", out.flags) && arguments.done();
  }

  Problem& problem_;
  Extensions required_;
};

}  // namespace

const std::vector<std::string>& capabilities() {
  static const std::vector<std::string> kAll = [] {
    std::vector<std::string> all = {"body",
                                    "comparator-i;ascii-casemap",
                                    "comparator-i;ascii-numeric",
                                    "comparator-i;octet",
                                    "copy",
                                    "encoded-character",
                                    "envelope",
                                    "ereject",
                                    "fileinto",
                                    "imap4flags",
                                    "mailbox",
                                    "reject",
                                    "relational",
                                    "subaddress",
                                    "vacation",
                                    "vacation-seconds",
                                    "variables"};
    std::sort(all.begin(), all.end());
    return all;
  }();
  return kAll;
}

Compiled compile(std::string_view script) {
  Compiled out;
  std::vector<Node> nodes;
  if (!parse_script(script, nodes, out.problem)) return out;
  Program program;
  if (Compiler(out.problem).block(nodes, program.commands, true)) out.program = std::move(program);
  return out;
}

}  // namespace genkan::webmail::sieve
