// Tests of a running script.
#include <algorithm>

#include "base/text.hpp"
#include "webmail/mime/address.hpp"
#include "webmail/mime/charset.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/state.hpp"

namespace genkan::webmail::sieve {

namespace {

constexpr std::size_t kFieldCost = 16;  // of looking at a name

class Tester {
 public:
  Tester(const MailView& mail, const Input& input, const Limits& limits, State& state)
      : mail_(mail), input_(input), limits_(limits), state_(state) {}

  bool holds(const Test& test) {
    if (stopped()) return false;
    switch (test.kind) {
      case Test::Kind::always:
        return true;
      case Test::Kind::never:
        return false;
      case Test::Kind::negation: {
        const bool inner = holds(test.children.front());
        return !inner && !stopped();
      }
      case Test::Kind::any_of:
        return std::any_of(test.children.begin(), test.children.end(), [&](const Test& t) { return holds(t); });
      case Test::Kind::all_of:
        return std::all_of(test.children.begin(), test.children.end(), [&](const Test& t) { return holds(t); });
      case Test::Kind::size:
        return test.over ? mail_.size() > test.size : mail_.size() < test.size;
      case Test::Kind::exists: {
        const auto names = state_.texts(test.names);
        return std::all_of(names.begin(), names.end(), [&](const std::string& n) { return !fields(n).empty(); });
      }
      case Test::Kind::mailbox_exists: {
        const auto names = state_.texts(test.names);
        return std::all_of(names.begin(), names.end(),
                           [&](const std::string& n) { return input_.mailbox_exists && input_.mailbox_exists(n); });
      }
      default:
        return compare(test, values_of(test));
    }
  }

 private:
  bool stopped() {
    if (state_.budget.over() && state_.why.empty()) state_.why = "the script's tests take too much work";
    return !state_.why.empty();
  }

  std::vector<std::string_view> fields(std::string_view name) {
    state_.budget.spend(mail_.fields().size() * kFieldCost);
    auto found = mail_.raw(name);
    for (const auto value : found) state_.budget.spend(value.size());
    return state_.budget.over() ? std::vector<std::string_view>() : found;
  }

  void put_part(std::string_view address, AddressPart part, std::vector<std::string>& out) {
    std::string value;
    if (address_part(address, part, value)) out.push_back(std::move(value));
  }

  std::vector<std::string> values_of(const Test& test) {
    std::vector<std::string> out;
    if (test.kind == Test::Kind::body) return bodies(test);
    if (test.kind == Test::Kind::has_flag) return flags(test);
    for (const auto& name : state_.texts(test.names)) {
      if (test.kind == Test::Kind::string) {
        if (test.matching.type != MatchType::count || !name.empty()) out.push_back(name);
      } else if (test.kind == Test::Kind::envelope) {
        if (base::iequals(name, "from")) put_part(input_.sender, test.part, out);
        if (base::iequals(name, "to")) put_part(input_.recipient, test.part, out);
      } else if (test.kind == Test::Kind::address) {
        for (const auto value : fields(name)) {
          for (const auto& address : mime::parse_addresses(value)) put_part(address.email, test.part, out);
        }
      } else {
        for (const auto value : fields(name)) out.push_back(mime::decode_text(value));
      }
    }
    return out;
  }

  std::vector<std::string> flags(const Test& test) {
    if (!test.listed) return state_.flags("");
    std::vector<std::string> out;
    for (const auto& name : test.names) {
      for (auto& flag : state_.flags(base::to_lower(name.literal))) out.push_back(std::move(flag));
    }
    return out;
  }

  std::vector<std::string> bodies(const Test& test) {
    std::vector<std::string> out;
    if (test.raw) {
      out.emplace_back(mail_.body().substr(0, limits_.body));
      return out;
    }
    const auto types = state_.texts(test.names);
    const auto content = mail_.content().substr(0, mail_.content().size() - mail_.body().size() + 2 * limits_.body);
    if (!state_.budget.spend(content.size())) return out;
    const auto message = mime::parse(content);
    std::size_t left = limits_.body;
    for (const auto* part : mime::leaves(message)) {
      const bool wanted = test.listed ? std::any_of(types.begin(), types.end(),
                                                    [&](const std::string& t) { return is_of(part->type, t); })
                                      : part->is_text();
      if (!wanted || left == 0) continue;
      out.push_back(part->is_text() ? mime::part_text(content, *part, left).value
                                    : mime::part_bytes(content, *part, left));
      left -= std::min(left, out.back().size());
    }
    return out;
  }

  // "", "text", "text/html" (RFC 5173 5.2).
  static bool is_of(std::string_view type, std::string_view wanted) {
    if (wanted.empty() || base::iequals(type, wanted)) return true;
    return wanted.find('/') == wanted.npos && base::iequals(type.substr(0, type.find('/')), wanted);
  }

  bool compare(const Test& test, const std::vector<std::string>& values) {
    auto keys = state_.texts(test.keys);
    if (test.kind == Test::Kind::has_flag) keys = State::flags_of(keys);
    if (test.matching.type == MatchType::count) {
      return std::any_of(keys.begin(), keys.end(),
                         [&](const std::string& key) { return count_matches(test.matching, values.size(), key); });
    }
    std::vector<std::string> captures;
    for (const auto& value : values) {
      for (const auto& key : keys) {
        if (test.matching.type == MatchType::matches && key.size() > kMaxWildcardKey) {
          state_.why = "a key of :matches is longer than " + std::to_string(kMaxWildcardKey) + " octets";
          return false;
        }
        const bool found = value_matches(test.matching, value, key, state_.budget, &captures);
        if (stopped()) return false;
        if (!found) continue;
        if (test.matching.type == MatchType::matches) state_.match = std::move(captures);
        return true;
      }
    }
    return false;
  }

  const MailView& mail_;
  const Input& input_;
  const Limits& limits_;
  State& state_;
};

}  // namespace

bool test_holds(const Test& test, const MailView& mail, const Input& input, const Limits& limits, State& state) {
  return Tester(mail, input, limits, state).holds(test);
}

}  // namespace genkan::webmail::sieve
