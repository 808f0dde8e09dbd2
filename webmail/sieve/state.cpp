#include "webmail/sieve/state.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::sieve {

std::string State::text(const Text& text) {
  if (text.fixed()) return text.literal;
  std::string out;
  for (const auto& piece : text.pieces) {
    if (!piece.variable) {
      out += piece.text;
    } else if (piece.text.front() >= '0' && piece.text.front() <= '9') {
      const auto number = base::parse_uint(piece.text).value_or(kCaptures + 1);
      if (number < match.size()) out += match[static_cast<std::size_t>(number)];
    } else {
      out += variable(piece.text);
    }
    if (out.size() > kMaxText) {
      why = "a string becomes too long";
      out.resize(mime::utf8_prefix(out, kMaxText).size());
      break;
    }
  }
  return out;
}

std::vector<std::string> State::texts(const Texts& list) {
  std::vector<std::string> out;
  std::size_t octets = 0;
  for (const auto& one : list) {
    out.push_back(text(one));
    octets += out.back().size();
    if (octets > 4 * kMaxText) {
      why = "strings become too long";
      break;
    }
  }
  return out;
}

void State::set(const std::string& name, std::string value) {
  value.resize(mime::utf8_prefix(value, kMaxValue).size());
  const auto found = variables_.find(name);
  if (found != variables_.end()) {
    found->second = std::move(value);
  } else if (variables_.size() < kMaxVariables) {
    variables_.emplace(name, std::move(value));
  } else {
    why = "there are more than " + std::to_string(kMaxVariables) + " variables";
  }
}

const std::string& State::variable(std::string_view name) const {
  static const std::string kNone;
  const auto found = variables_.find(name);
  return found == variables_.end() ? kNone : found->second;
}

std::vector<std::string> State::flags_of(const std::vector<std::string>& list) {
  std::vector<std::string> out;
  for (const auto& text : list) {
    for (const auto word : base::split(text, ' ')) {
      const auto same = [&](const std::string& flag) { return base::iequals(flag, word); };
      if (word.empty() || word.size() > 128 || out.size() >= kMaxFlags || std::any_of(out.begin(), out.end(), same))
        continue;
      out.emplace_back(word);
    }
  }
  return out;
}

std::vector<std::string> State::flags(const std::string& name) const {
  return name.empty() ? flags_ : flags_of({variable(name)});
}

void State::set_flags(const std::string& name, std::vector<std::string> flags) {
  if (name.empty()) {
    flags_ = std::move(flags);
    return;
  }
  std::string joined;
  for (const auto& flag : flags) joined += (joined.empty() ? "" : " ") + flag;
  set(name, std::move(joined));
}

}  // namespace genkan::webmail::sieve
