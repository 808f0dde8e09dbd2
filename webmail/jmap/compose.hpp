// Email/set create: the client's properties become a draft (RFC 8621 4.6). Private to jmap/.
#pragma once

#include <string>
#include <vector>

#include "webmail/jmap/method.hpp"
#include "webmail/mime/builder.hpp"

namespace genkan::webmail::jmap {

struct Composed {
  std::string message;
  std::vector<std::string> mailbox_ids, keywords;
  std::int64_t received = 0;
};

// On failure `error` is a SetError.
bool compose(Call& call, const json::object& object, Composed& out, json::object& error);

// {"id":true,...}; false when something else stands there.
bool read_mailbox_ids(Call& call, const json::value& value, std::vector<std::string>& out);
bool read_keywords(const json::value& value, std::vector<std::string>& out);
bool mailboxes_exist(Call& call, const std::vector<std::string>& ids);

}  // namespace genkan::webmail::jmap
