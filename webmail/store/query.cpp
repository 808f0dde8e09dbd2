#include "webmail/store/query.hpp"

#include <string_view>

#include "webmail/mime/charset.hpp"

namespace genkan::webmail {

namespace {

class Writer {
 public:
  Sql run(const EmailQuery& query) {
    if (const auto* mailbox = only_mailbox(query)) {
      // The list that everybody looks at: one index has it all in order.
      sql_.text = "SELECT m.email, m.thread FROM membership m WHERE m.mailbox = (SELECT row FROM mailbox WHERE id = ";
      value(*mailbox);
      sql_.text += ") ORDER BY m.received DESC, m.email DESC";
      return std::move(sql_);
    }
    sql_.text = "SELECT e.row, e.thread FROM email e WHERE ";
    condition(query.filter);
    sql_.text += " ORDER BY ";
    for (const auto& comparator : query.sort) order(comparator);
    sql_.text += query.sort.empty() ? "e.received DESC, e.row DESC" : "e.row DESC";
    return std::move(sql_);
  }

 private:
  static const std::string* only_mailbox(const EmailQuery& query) {
    const bool newest_first = query.sort.empty() || (query.sort.size() == 1 && !query.sort[0].ascending &&
                                                     query.sort[0].key == Comparator::Key::received);
    const Filter* filter = &query.filter;
    while (filter->kind == Filter::Kind::all_of && filter->children.size() == 1) filter = &filter->children[0];
    return newest_first && filter->kind == Filter::Kind::in_mailbox ? &filter->text : nullptr;
  }

  void value(std::int64_t v) {
    sql_.values.emplace_back(v);
    sql_.text += '?';
  }
  void value(std::string v) {
    sql_.values.emplace_back(std::move(v));
    sql_.text += '?';
  }

  void join(const std::vector<Filter>& children, std::string_view operation, std::string_view nothing) {
    if (children.empty()) {
      sql_.text += nothing;
      return;
    }
    sql_.text += '(';
    for (std::size_t i = 0; i < children.size(); ++i) {
      if (i > 0) sql_.text += operation;
      condition(children[i]);
    }
    sql_.text += ')';
  }

  void keyword(const std::string& name) {
    sql_.text += "instr(e.keywords, ";
    value(" " + name + " ");
    sql_.text += ") > 0";
  }

  // The thread of e: does it have (`exists`) a mail with, or without, the keyword?
  void in_thread(const std::string& name, bool exists, bool with) {
    sql_.text += exists ? "EXISTS" : "NOT EXISTS";
    sql_.text += " (SELECT 1 FROM email o WHERE o.thread = e.thread AND instr(o.keywords, ";
    value(" " + name + " ");
    sql_.text += with ? ") > 0)" : ") = 0)";
  }

  // Each word stands in one of the columns.
  void words(const std::string& text, std::initializer_list<std::string_view> columns) {
    const auto list = search_words(text);
    if (list.empty()) {
      sql_.text += '1';
      return;
    }
    sql_.text += "EXISTS (SELECT 1 FROM email_text t WHERE t.row = e.row";
    for (const auto& word : list) {
      std::string_view separator = " AND (";
      for (const auto column : columns) {
        sql_.text += separator;
        sql_.text += "instr(t.";
        sql_.text += column;
        sql_.text += ", ";
        value(word);
        sql_.text += ") > 0";
        separator = " OR ";
      }
      sql_.text += ')';
    }
    sql_.text += ')';
  }

  void compare(std::string_view expression, std::int64_t number) {
    sql_.text += expression;
    value(number);
  }

  void condition(const Filter& f) {
    switch (f.kind) {
      case Filter::Kind::all_of:
        return join(f.children, " AND ", "1");
      case Filter::Kind::any_of:
        return join(f.children, " OR ", "0");
      case Filter::Kind::none_of:
        sql_.text += "NOT ";
        return join(f.children, " OR ", "0");
      case Filter::Kind::in_mailbox:
        sql_.text += "e.row IN (SELECT m.email FROM membership m JOIN mailbox b ON b.row = m.mailbox WHERE b.id = ";
        value(f.text);
        sql_.text += ')';
        return;
      case Filter::Kind::not_in_mailboxes:
        sql_.text +=
            "EXISTS (SELECT 1 FROM membership m JOIN mailbox b ON b.row = m.mailbox WHERE m.email = e.row AND b.id NOT "
            "IN (''";
        for (const auto& id : f.texts) {
          sql_.text += ", ";
          value(id);
        }
        sql_.text += "))";
        return;
      case Filter::Kind::before:
        return compare("e.received < ", f.number);
      case Filter::Kind::after:
        return compare("e.received >= ", f.number);
      case Filter::Kind::min_size:
        return compare("e.size >= ", f.number);
      case Filter::Kind::max_size:
        return compare("e.size < ", f.number);
      case Filter::Kind::has_attachment:
        return compare("e.has_attachment = ", f.number);
      case Filter::Kind::has_keyword:
        return keyword(f.text);
      case Filter::Kind::not_keyword:
        sql_.text += "NOT ";
        return keyword(f.text);
      case Filter::Kind::all_in_thread:
        return in_thread(f.text, false, false);
      case Filter::Kind::some_in_thread:
        return in_thread(f.text, true, true);
      case Filter::Kind::none_in_thread:
        return in_thread(f.text, false, true);
      case Filter::Kind::text:
        return words(f.text, {"people", "subject", "body"});
      case Filter::Kind::from:
        return words(f.text, {"from_text"});
      case Filter::Kind::to:
        return words(f.text, {"to_text"});
      case Filter::Kind::cc:
        return words(f.text, {"cc_text"});
      case Filter::Kind::bcc:
        return words(f.text, {"bcc_text"});
      case Filter::Kind::subject:
        return words(f.text, {"subject"});
      case Filter::Kind::body:
        return words(f.text, {"body"});
    }
  }

  void order(const Comparator& c) {
    switch (c.key) {
      case Comparator::Key::received:
        sql_.text += "e.received";
        break;
      case Comparator::Key::sent:
        sql_.text += "coalesce(e.sent, e.received)";
        break;
      case Comparator::Key::size:
        sql_.text += "e.size";
        break;
      case Comparator::Key::from:
        sql_.text += "e.from_sort";
        break;
      case Comparator::Key::to:
        sql_.text += "e.to_sort";
        break;
      case Comparator::Key::subject:
        sql_.text += "e.subject_base";
        break;
      case Comparator::Key::has_keyword:
        keyword(c.keyword);
        break;
      case Comparator::Key::all_in_thread:
        in_thread(c.keyword, false, false);
        break;
      case Comparator::Key::some_in_thread:
        in_thread(c.keyword, true, true);
        break;
    }
    sql_.text += c.ascending ? " ASC, " : " DESC, ";
  }

  Sql sql_;
};

}  // namespace

Sql email_query_sql(const EmailQuery& query) { return Writer().run(query); }

std::vector<std::string> search_words(const std::string& text) {
  constexpr std::size_t kMaxWords = 20;
  const auto folded = mime::fold_for_search(text);
  std::vector<std::string> out;
  std::string word;
  bool quoted = false;
  const auto flush = [&] {
    if (!word.empty() && out.size() < kMaxWords) out.push_back(word);
    word.clear();
  };
  for (const char c : folded) {
    if (c == '"') {
      quoted = !quoted;
      flush();
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      flush();
    } else {
      word += c;
    }
  }
  flush();
  return out;
}

}  // namespace genkan::webmail
