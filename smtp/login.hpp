// AUTH as a machine of its own: mechanism and responses in, name and password out. Pure.
// RFC 4954 (SMTP AUTH), 4616 (PLAIN), draft-murchison-sasl-login (LOGIN). No reply of ours ever repeats what the client
// sent.
#pragma once

#include <string>
#include <string_view>

namespace genkan::smtp {

struct Credentials {
  std::string user, password;
};

class LoginMachine {
 public:
  enum class Step {
    challenge,  // ask with `out` as it is: "334 ..."
    verify,     // credentials() are complete
    refused,    // `out` holds the error; the exchange is over
  };

  Step begin(std::string_view argument, std::string& out);  // what follows AUTH
  Step response(std::string_view line, std::string& out);
  bool active() const noexcept { return state_ != State::idle; }
  void abandon() noexcept { *this = LoginMachine(); }
  const Credentials& credentials() const noexcept { return credentials_; }

 private:
  enum class State { idle, plain, name, password };
  Step plain(std::string_view text, std::string& out);
  Step ask(State state, std::string& out);
  Step refuse(int code, std::string_view status, std::string_view text, std::string& out);

  State state_ = State::idle;
  Credentials credentials_;
};

}  // namespace genkan::smtp
