#include "webmail/sieve/arguments.hpp"

#include "webmail/sieve/text.hpp"

namespace genkan::webmail::sieve {

bool need_extension(const Extensions& required, std::string_view extension, Place place, std::string_view what,
                    Problem& problem) {
  if (required.contains(extension)) return true;
  problem.place = place;
  problem.text = "'" + std::string(what) + "' needs: require \"" + std::string(extension) + "\";";
  return false;
}

bool Arguments::fail_at(Place place, std::string why) {
  if (failed_) return false;
  failed_ = true;
  problem_.place = place;
  problem_.text = std::move(why);
  return false;
}

bool Arguments::fail(std::string why) { return fail_at(last_, std::move(why)); }

bool Arguments::tag(std::string& name) {
  if (failed_ || at_end() || node_.arguments[next_].kind != Argument::Kind::tag) return false;
  name = node_.arguments[next_].tag;
  last_ = node_.arguments[next_].place;
  ++next_;
  if (seen_.insert(name).second) return true;
  return fail(":" + name + " stands twice");
}

bool Arguments::unknown_tag() {
  return fail("'" + node_.name + "' has no :" + node_.arguments[next_ - 1].tag.substr(0, 64));
}

bool Arguments::needs(std::string_view extension) {
  if (failed_) return false;
  const auto what = ":" + node_.arguments[next_ - 1].tag;
  failed_ = !need_extension(required_, extension, last_, what, problem_);
  return !failed_;
}

const Argument* Arguments::take(std::string_view what, Argument::Kind kind) {
  if (failed_) return nullptr;
  if (at_end()) {
    fail_at(node_.place, "'" + node_.name + "' needs " + std::string(what));
    return nullptr;
  }
  const auto& argument = node_.arguments[next_];
  last_ = argument.place;
  if (argument.kind != kind) {
    fail("'" + node_.name + "' needs " + std::string(what) + " here");
    return nullptr;
  }
  ++next_;
  return &argument;
}

bool Arguments::convert(const std::string& raw, Text& out) {
  std::string why, decoded;
  if (required_.contains("encoded-character")) {
    if (!decode_characters(raw, decoded, why)) return fail(std::move(why));
  } else {
    decoded = raw;
  }
  if (!required_.contains("variables")) {
    out.literal = std::move(decoded);
    return true;
  }
  return find_references(decoded, out, why) || fail(std::move(why));
}

bool Arguments::text(std::string_view what, Text& out) {
  const auto* argument = take(what, Argument::Kind::strings);
  if (!argument) return false;
  if (argument->list) return fail("'" + node_.name + "' needs " + std::string(what) + ", not a list");
  return convert(argument->strings.front(), out);
}

bool Arguments::texts(std::string_view what, Texts& out) {
  const auto* argument = take(what, Argument::Kind::strings);
  if (!argument) return false;
  for (const auto& raw : argument->strings) {
    if (!convert(raw, out.emplace_back())) return false;
  }
  return true;
}

bool Arguments::number(std::string_view what, std::uint64_t& out) {
  const auto* argument = take(what, Argument::Kind::number);
  if (argument) out = argument->number;
  return argument != nullptr;
}

bool Arguments::constant(std::string_view what, std::string& out) {
  Text text_value;
  if (!text(what, text_value)) return false;
  if (!text_value.fixed()) return fail(std::string(what) + " can not hold variables");
  out = std::move(text_value.literal);
  return true;
}

bool Arguments::done() {
  if (failed_) return false;
  if (at_end()) return true;
  const auto& argument = node_.arguments[next_];
  if (argument.kind == Argument::Kind::tag)
    return fail_at(argument.place, ":" + argument.tag.substr(0, 64) + " can not stand here");
  return fail_at(argument.place, "'" + node_.name + "' has one argument too many");
}

}  // namespace genkan::webmail::sieve
