#include "webmail/sieve/run.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "smtp/address.hpp"
#include "webmail/sieve/mail_view.hpp"
#include "webmail/sieve/mailbox.hpp"
#include "webmail/sieve/state.hpp"
#include "webmail/sieve/text.hpp"

namespace genkan::webmail::sieve {

namespace {

class Runner {
 public:
  Runner(const Input& input, const Limits& limits, Outcome outcome)
      : input_(input), limits_(limits), state_(limits), mail_(input.content), outcome_(std::move(outcome)) {}

  Outcome run(const Program& program) {
    outcome_.implicit_keep = true;
    outcome_.explicit_keep = false;
    block(program.commands);
    if (outcome_.error) {
      Outcome kept;
      kept.error = std::move(outcome_.error);
      return kept;
    }
    if (outcome_.implicit_keep && !outcome_.explicit_keep) outcome_.keep_flags = state_.flags("");
    return std::move(outcome_);
  }

 private:
  // False: it is over.
  bool block(const std::vector<Command>& commands) {
    return std::all_of(commands.begin(), commands.end(), [&](const Command& c) { return command(c); });
  }

  bool fail(const Command& command, std::string why) {
    outcome_.error = Problem{command.place, std::move(why)};
    return false;
  }

  bool command(const Command& command) {
    bool going = true;
    if (command.kind == Command::Kind::choice) {
      going = choice(command);
    } else if (command.kind == Command::Kind::stop) {
      return false;
    } else {
      going = act(command);
    }
    if (going && !state_.why.empty()) return fail(command, state_.why);
    return going;
  }

  bool choice(const Command& command) {
    for (const auto& branch : command.branches) {
      const bool taken = !branch.test || test_holds(*branch.test, mail_, input_, limits_, state_);
      if (!state_.why.empty()) return fail(command, state_.why);
      if (taken) return block(branch.block);
    }
    return true;
  }

  bool act(const Command& command) {
    switch (command.kind) {
      case Command::Kind::set:
        state_.set(command.variable, modified(state_.text(command.target), command.modifiers));
        return true;
      case Command::Kind::set_flag:
      case Command::Kind::add_flag:
      case Command::Kind::remove_flag:
        change_flags(command);
        return true;
      default:
        break;
    }
    const bool sends = command.kind != Command::Kind::reject && command.kind != Command::Kind::discard;
    if (command.kind == Command::Kind::reject ? disposes() || outcome_.reject : sends && outcome_.reject.has_value())
      return fail(command, "'reject' can not go together with other actions");
    if (outcome_.actions++ >= limits_.actions)
      return fail(command, "more than " + std::to_string(limits_.actions) + " actions for one message");
    switch (command.kind) {
      case Command::Kind::keep:
        outcome_.explicit_keep = true;
        outcome_.keep_flags = flags_for(command);
        outcome_.implicit_keep = false;
        return true;
      case Command::Kind::discard:
        outcome_.discarded = true;
        outcome_.implicit_keep = false;
        return true;
      case Command::Kind::reject:
        outcome_.reject = state_.text(command.target);
        outcome_.implicit_keep = false;
        return true;
      case Command::Kind::fileinto:
        return fileinto(command);
      case Command::Kind::redirect:
        return redirect(command);
      default:
        return vacation(command);
    }
  }

  bool disposes() const {
    return outcome_.explicit_keep || !outcome_.stores.empty() || !outcome_.redirects.empty() || outcome_.vacation;
  }

  std::vector<std::string> flags_for(const Command& command) {
    return command.has_flags ? State::flags_of(state_.texts(command.flags)) : state_.flags("");
  }

  void change_flags(const Command& command) {
    const auto given = State::flags_of(state_.texts(command.flags));
    auto flags = command.kind == Command::Kind::set_flag ? std::vector<std::string>() : state_.flags(command.variable);
    if (command.kind == Command::Kind::remove_flag) {
      std::erase_if(flags, [&](const std::string& flag) {
        return std::any_of(given.begin(), given.end(), [&](const std::string& g) { return base::iequals(g, flag); });
      });
    } else {
      flags.insert(flags.end(), given.begin(), given.end());
      flags = State::flags_of(flags);
    }
    state_.set_flags(command.variable, std::move(flags));
  }

  bool fileinto(const Command& command) {
    Store store;
    store.mailbox = state_.text(command.target);
    if (!valid_mailbox(store.mailbox)) return fail(command, "this can not be the name of a mailbox");
    store.flags = flags_for(command);
    store.create = command.create;
    if (!command.copy) outcome_.implicit_keep = false;
    const auto folder = mailbox_folder(store.mailbox);
    const auto same = [&](const Store& other) { return mailbox_folder(other.mailbox) == folder; };
    if (std::none_of(outcome_.stores.begin(), outcome_.stores.end(), same)) outcome_.stores.push_back(std::move(store));
    return true;
  }

  bool redirect(const Command& command) {
    auto to = state_.text(command.target);
    smtp::AddressView view;
    if (smtp::parse_mailbox(to, view) != smtp::AddressFault::none)
      return fail(command, "'" + to.substr(0, 64) + "' is not an address");
    if (!command.copy) outcome_.implicit_keep = false;
    const auto same = [&](const std::string& other) { return base::iequals(other, to); };
    if (std::any_of(outcome_.redirects.begin(), outcome_.redirects.end(), same)) return true;
    if (outcome_.redirects.size() >= limits_.redirects)
      return fail(command, "more than " + std::to_string(limits_.redirects) + " redirects for one message");
    outcome_.redirects.push_back(std::move(to));
    return true;
  }

  bool vacation(const Command& command) {
    if (outcome_.vacation) return fail(command, "'vacation' was there already");
    const auto& options = command.vacation;
    VacationWish wish;
    wish.reason = state_.text(command.target);
    if (options.handle) wish.handle = state_.text(*options.handle);
    if (options.subject) wish.subject = state_.text(*options.subject);
    if (options.from) wish.from = state_.text(*options.from);
    smtp::AddressView view;
    if (wish.from && smtp::parse_mailbox(*wish.from, view) != smtp::AddressFault::none)
      return fail(command, ":from '" + wish.from->substr(0, 64) + "' is not an address");
    wish.addresses = state_.texts(options.addresses);
    wish.seconds = options.seconds;
    wish.mime = options.mime;
    outcome_.vacation = std::move(wish);
    return true;
  }

  const Input& input_;
  const Limits& limits_;
  State state_;
  const MailView mail_;
  Outcome outcome_;
};

}  // namespace

Outcome run(const Program& program, const Input& input, const Limits& limits, Outcome before) {
  return Runner(input, limits, std::move(before)).run(program);
}

}  // namespace genkan::webmail::sieve
