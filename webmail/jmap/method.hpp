// What every JMAP method has in its hands. Private to jmap/.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webmail/jmap/jmap.hpp"

namespace genkan::webmail::jmap {

namespace json = boost::json;

using CreatedIds = std::map<std::string, std::string, std::less<>>;

// One method call. A method answers exactly once with respond() or fail(), and may add responses of implied calls.
class Call {
 public:
  Call(Context& c, CreatedIds& created, json::array& responses, std::string_view name, std::string_view id)
      : context(c), created_ids(created), responses_(responses), name_(name), id_(id) {}

  Context& context;
  CreatedIds& created_ids;
  json::object args;

  void respond(json::object object) { respond(name_, std::move(object)); }
  void respond(std::string_view name, json::object object);
  void fail(std::string_view type, std::string_view why = {});
  // A failure of the store: serverFail, or what fits better.
  void fail(const Error& error);
  // For the call that EmailSubmission/set implies.
  Call implied(std::string_view name) { return Call(context, created_ids, responses_, name, id_); }

  // accountId is there and ours, and no argument is unknown. False: answered already.
  bool check(std::initializer_list<std::string_view> known);

  // An argument or null when missing or null. `bad` is set when it has another type.
  const json::array* array(std::string_view key, bool& bad) const;
  const json::object* object(std::string_view key, bool& bad) const;
  std::optional<std::string> text(std::string_view key, bool& bad) const;
  std::optional<std::int64_t> integer(std::string_view key, bool& bad) const;
  bool boolean(std::string_view key, bool otherwise, bool& bad) const;

  // "#name" of a creation id, else the id itself. None: an unknown creation id.
  std::optional<std::string> resolve(std::string_view id) const;

 private:
  json::array& responses_;
  std::string_view name_, id_;
};

using Method = void (*)(Call& call);

// SetError (RFC 8620 5.3).
json::object set_error(std::string_view type, std::string_view description = {},
                       const std::vector<std::string>& properties = {});
json::object set_error(const Error& error);

// /get (5.1): reads ids and properties. False: answered already. `all` is true when ids was null.
struct GetArgs {
  bool all = false;
  std::vector<std::string> ids;
  std::optional<std::vector<std::string>> properties;  // "id" always included
  bool wants(std::string_view property) const;
};
bool read_get(Call& call, GetArgs& out, std::initializer_list<std::string_view> more_args = {});
json::object get_response(Call& call, std::string_view state, json::array list, json::array not_found);

// /changes (5.2), complete.
void changes(Call& call, Kind kind);

// /set (5.3): the frame. `create` etc. return the object to report, or an error.
struct SetOutcome {
  json::object object;
  bool failed = false;
  static SetOutcome good(json::object o = {}) { return {std::move(o), false}; }
  static SetOutcome bad(json::object o) { return {std::move(o), true}; }
};
struct SetMethods {
  SetOutcome (*create)(Call& call, const json::object& object);                        // object: what the client gets
  SetOutcome (*update)(Call& call, const std::string& id, const json::object& patch);  // object: server-set changes
  SetOutcome (*destroy)(Call& call, const std::string& id);
};
// Reads, checks and carries out a /set; returns false when it has failed as a whole. Puts the result in `out`.
bool run_set(Call& call, Kind kind, const SetMethods& methods, json::object& out);

std::string to_text(const json::value& value);
json::array to_array(const std::vector<std::string>& list);
std::string_view view(const json::string& s);
// "a~1b" of a JSON pointer.
std::string unescape_pointer(std::string_view token);
bool valid_keyword(std::string_view keyword);

// The methods.
void mailbox_get(Call& call);
void mailbox_query(Call& call);
void mailbox_set(Call& call);
void thread_get(Call& call);
void email_get(Call& call);
void email_query(Call& call);
void email_set(Call& call);
void email_import(Call& call);
void identity_get(Call& call);
void identity_changes(Call& call);
void identity_set(Call& call);
void submission_get(Call& call);
void submission_query(Call& call);
void submission_set(Call& call);
void cannot_calculate(Call& call);

}  // namespace genkan::webmail::jmap
