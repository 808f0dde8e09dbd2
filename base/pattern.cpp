#include "base/pattern.hpp"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

namespace genkan::base {
namespace {

// Bytes, not UTF-8: in UTF-8 mode `.` does not match an invalid byte, so that one stray byte in a path or a User-Agent
// would walk around a rule. For the same reason `.` matches a newline (paths are matched percent-decoded).
re2::RE2::Options options(bool ignore_case) {
  re2::RE2::Options o;
  o.set_encoding(re2::RE2::Options::EncodingLatin1);
  o.set_dot_nl(true);
  o.set_log_errors(false);
  o.set_case_sensitive(!ignore_case);
  return o;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct Pattern::Impl {
  Impl(std::string_view pattern, bool ignore_case) : source(pattern), re(piece(pattern), options(ignore_case)) {}
  std::string source;
  re2::RE2 re;
};

Result<Pattern> Pattern::compile(std::string_view pattern, std::string& why, bool ignore_case) {
  auto impl = std::make_shared<Impl>(pattern, ignore_case);
  if (!impl->re.ok()) {
    why = impl->re.error();
    return Errc::malformed;
  }
  Pattern out;
  out.impl_ = std::move(impl);
  return out;
}

bool Pattern::matches(std::string_view text) const { return impl_ && re2::RE2::PartialMatch(piece(text), impl_->re); }

bool Pattern::matches_fully(std::string_view text) const {
  return impl_ && re2::RE2::FullMatch(piece(text), impl_->re);
}

bool Pattern::match(std::string_view text, std::vector<std::string_view>& groups) const {
  groups.clear();
  if (!impl_) return false;
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(impl_->re.NumberOfCapturingGroups()) + 1);
  if (!impl_->re.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, found.data(),
                       static_cast<int>(found.size()))) {
    return false;
  }
  for (const auto& group : found) groups.emplace_back(group.data(), group.size());
  return true;
}

const std::string& Pattern::source() const {
  static const std::string kNone;
  return impl_ ? impl_->source : kNone;
}

namespace {

// Room for the automaton of thousands of patterns; used as it is needed. RE2's own 8 MiB end at some 5,000.
constexpr std::int64_t kSetMemory = 256 << 20;

re2::RE2::Options set_options() {
  auto o = options(false);
  o.set_max_mem(kSetMemory);
  return o;
}

}  // namespace

struct PatternSet::Impl {
  Impl() : set(set_options(), re2::RE2::UNANCHORED) {}
  re2::RE2::Set set;
  std::vector<std::unique_ptr<re2::RE2>> single;  // used one by one should the automaton run out of its memory budget
  bool compiled = false;
};

PatternSet::PatternSet() : impl_(std::make_shared<Impl>()) {}

Result<int> PatternSet::add(std::string_view pattern, std::string& why) {
  auto re = std::make_unique<re2::RE2>(piece(pattern), options(false));
  if (!re->ok()) {
    why = re->error();
    return Errc::malformed;
  }
  int index = impl_->set.Add(piece(pattern), &why);
  if (index < 0) return Errc::malformed;
  impl_->single.push_back(std::move(re));
  return index;
}

void PatternSet::compile() { impl_->compiled = impl_->set.Compile(); }

void PatternSet::match(std::string_view text, std::vector<int>& indices) const {
  indices.clear();
  if (impl_->single.empty()) return;
  re2::RE2::Set::ErrorInfo info{re2::RE2::Set::kNoError};
  if (impl_->compiled && (impl_->set.Match(piece(text), &indices, &info) || info.kind == re2::RE2::Set::kNoError)) {
    std::sort(indices.begin(), indices.end());
    return;
  }
  indices.clear();
  for (std::size_t i = 0; i < impl_->single.size(); ++i) {
    if (re2::RE2::PartialMatch(piece(text), *impl_->single[i])) indices.push_back(static_cast<int>(i));
  }
}

bool PatternSet::empty() const { return impl_->single.empty(); }

}  // namespace genkan::base
