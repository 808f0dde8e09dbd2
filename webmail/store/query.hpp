// Email/query as values, and its SQL (RFC 8621 4.4). Making the SQL is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace genkan::webmail {

struct Filter {
  enum class Kind {
    all_of,
    any_of,
    none_of,  // children
    in_mailbox,
    not_in_mailboxes,
    before,
    after,
    min_size,
    max_size,
    has_keyword,
    not_keyword,
    all_in_thread,
    some_in_thread,
    none_in_thread,
    has_attachment,
    text,
    from,
    to,
    cc,
    bcc,
    subject,
    body
  };
  Kind kind = Kind::all_of;
  std::vector<Filter> children;
  std::string text;                // mailbox id, keyword or words
  std::vector<std::string> texts;  // mailbox ids
  std::int64_t number = 0;         // seconds, bytes or 0/1
};

struct Comparator {
  enum class Key { received, sent, size, from, to, subject, has_keyword, all_in_thread, some_in_thread };
  Key key = Key::received;
  bool ascending = true;
  std::string keyword;
};

struct EmailQuery {
  Filter filter;                 // all_of nothing: every email
  std::vector<Comparator> sort;  // empty: newest first
  bool collapse_threads = false;
  std::int64_t position = 0;  // negative: from the end
  std::string anchor;         // not empty: instead of position
  std::int64_t anchor_offset = 0;
  std::optional<std::uint64_t> limit;
  bool total = true;  // false: the result's total may be too small
};

struct EmailQueryResult {
  std::vector<std::string> ids;
  std::int64_t position = 0;
  std::int64_t total = 0;
  bool anchor_found = true;
};

struct Sql {
  std::string text;
  std::vector<std::variant<std::int64_t, std::string>> values;
};
// SELECT row, thread ... ORDER BY ...
Sql email_query_sql(const EmailQuery& query);

// The words of a text filter: blanks separate, "..." keeps a phrase; folded as the index is.
std::vector<std::string> search_words(const std::string& text);

}  // namespace genkan::webmail
