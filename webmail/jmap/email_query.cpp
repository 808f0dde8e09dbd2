// Email/query (RFC 8621 4.4): reads the filter and the sort order; the store does the rest.
#include "base/text.hpp"
#include "webmail/jmap/method.hpp"
#include "webmail/mime/header.hpp"

namespace genkan::webmail::jmap {

namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxConditions = 100;

struct Problem {
  std::string type, why;
};

class FilterReader {
 public:
  bool read(const json::object& object, Filter& out, int depth = 0) {
    if (depth > kMaxDepth || ++count_ > kMaxConditions) return wrong("unsupportedFilter", "the filter is too large");
    return object.contains("operator") ? read_operator(object, out, depth) : read_condition(object, out);
  }
  Problem problem;

 private:
  bool wrong(std::string type, std::string why) {
    problem = {std::move(type), std::move(why)};
    return false;
  }

  bool read_operator(const json::object& object, Filter& out, int depth) {
    const auto name = to_text(object.at("operator"));
    const auto* conditions = object.if_contains("conditions");
    if (!conditions || !conditions->is_array() || object.size() != 2)
      return wrong("invalidArguments", "a filter is malformed");
    if (name == "AND") {
      out.kind = Filter::Kind::all_of;
    } else if (name == "OR") {
      out.kind = Filter::Kind::any_of;
    } else if (name == "NOT") {
      out.kind = Filter::Kind::none_of;
    } else {
      return wrong("invalidArguments", "unknown operator");
    }
    for (const auto& c : conditions->get_array()) {
      if (!c.is_object()) return wrong("invalidArguments", "a filter is malformed");
      out.children.emplace_back();
      if (!read(c.get_object(), out.children.back(), depth + 1)) return false;
    }
    return true;
  }

  // All properties of a condition must hold.
  bool read_condition(const json::object& object, Filter& out) {
    for (const auto& [key, value] : object) {
      const std::string_view name(key.data(), key.size());
      if (++count_ > kMaxConditions) return wrong("unsupportedFilter", "the filter is too large");
      Filter leaf;
      if (name == "header") return wrong("unsupportedFilter", "header filters are not supported");
      if (!read_leaf(name, value, leaf)) {
        return wrong("invalidArguments", "unknown or malformed condition " + std::string(name.substr(0, 100)));
      }
      out.children.push_back(std::move(leaf));
    }
    return true;
  }

  static bool read_leaf(std::string_view name, const json::value& value, Filter& f) {
    using K = Filter::Kind;
    struct Text {
      std::string_view name;
      K kind;
    };
    for (const auto& t :
         {Text{"text", K::text}, Text{"from", K::from}, Text{"to", K::to}, Text{"cc", K::cc}, Text{"bcc", K::bcc},
          Text{"subject", K::subject}, Text{"body", K::body}, Text{"inMailbox", K::in_mailbox}}) {
      if (t.name != name) continue;
      f.kind = t.kind;
      f.text = to_text(value);
      return value.is_string();
    }
    for (const auto& t :
         {Text{"hasKeyword", K::has_keyword}, Text{"notKeyword", K::not_keyword},
          Text{"allInThreadHaveKeyword", K::all_in_thread}, Text{"someInThreadHaveKeyword", K::some_in_thread},
          Text{"noneInThreadHaveKeyword", K::none_in_thread}}) {
      if (t.name != name) continue;
      f.kind = t.kind;
      f.text = base::to_lower(to_text(value));
      return valid_keyword(f.text);
    }
    if (name == "before" || name == "after") {
      const auto seconds = mime::parse_rfc3339(to_text(value));
      f.kind = name == "before" ? K::before : K::after;
      f.number = seconds.value_or(0);
      return seconds.has_value();
    }
    if (name == "minSize" || name == "maxSize") {
      const auto* n = value.if_int64();
      f.kind = name == "minSize" ? K::min_size : K::max_size;
      f.number = n ? *n : 0;
      return n && *n >= 0;
    }
    if (name == "hasAttachment") {
      f.kind = K::has_attachment;
      f.number = value.is_bool() && value.get_bool() ? 1 : 0;
      return value.is_bool();
    }
    if (name != "inMailboxOtherThan" || !value.is_array()) return false;
    f.kind = K::not_in_mailboxes;
    for (const auto& id : value.get_array()) {
      if (!id.is_string() || f.texts.size() >= kMaxConditions) return false;
      f.texts.push_back(to_text(id));
    }
    return true;
  }

  std::size_t count_ = 0;
};

bool read_sort(const json::array& sort, std::vector<Comparator>& out, Problem& problem) {
  using Key = Comparator::Key;
  struct Named {
    std::string_view name;
    Key key;
  };
  problem = {"invalidArguments", "a comparator is malformed"};
  for (const auto& item : sort) {
    const auto* object = item.if_object();
    const auto* property = object ? object->if_contains("property") : nullptr;
    if (!property || !property->is_string()) return false;
    Comparator c;
    bool found = false;
    for (const auto& n : {Named{"receivedAt", Key::received}, Named{"sentAt", Key::sent}, Named{"size", Key::size},
                          Named{"from", Key::from}, Named{"to", Key::to}, Named{"subject", Key::subject},
                          Named{"hasKeyword", Key::has_keyword}, Named{"allInThreadHaveKeyword", Key::all_in_thread},
                          Named{"someInThreadHaveKeyword", Key::some_in_thread}}) {
      if (n.name != to_text(*property)) continue;
      c.key = n.key;
      found = true;
    }
    const auto* collation = object->if_contains("collation");
    const auto name = collation ? to_text(*collation) : std::string();
    if (!found || sort.size() > 10 || (!name.empty() && name != "i;ascii-casemap" && name != "i;unicode-casemap")) {
      problem = {"unsupportedSort", ""};
      return false;
    }
    if (const auto* ascending = object->if_contains("isAscending")) {
      if (!ascending->is_bool()) return false;
      c.ascending = ascending->get_bool();
    }
    if (const auto* keyword = object->if_contains("keyword")) c.keyword = base::to_lower(to_text(*keyword));
    if (c.key >= Key::has_keyword && !valid_keyword(c.keyword)) return false;
    out.push_back(std::move(c));
  }
  return true;
}

// False: answered already.
bool read_query(Call& call, EmailQuery& query, bool& total) {
  bool bad = false;
  const auto* filter = call.object("filter", bad);
  const auto* sort = call.array("sort", bad);
  query.position = call.integer("position", bad).value_or(0);
  query.anchor = call.text("anchor", bad).value_or("");
  query.anchor_offset = call.integer("anchorOffset", bad).value_or(0);
  query.collapse_threads = call.boolean("collapseThreads", false, bad);
  total = call.boolean("calculateTotal", false, bad);
  const auto limit = call.integer("limit", bad);
  if (bad || (limit && *limit < 0)) {
    call.fail("invalidArguments", "an argument has the wrong type");
    return false;
  }
  if (limit) query.limit = static_cast<std::uint64_t>(*limit);
  FilterReader reader;
  if (filter && !reader.read(*filter, query.filter)) {
    call.fail(reader.problem.type, reader.problem.why);
    return false;
  }
  Problem problem;
  if (sort && !read_sort(*sort, query.sort, problem)) {
    call.fail(problem.type, problem.why);
    return false;
  }
  return true;
}

}  // namespace

void email_query(Call& call) {
  if (!call.check(
          {"filter", "sort", "position", "anchor", "anchorOffset", "limit", "calculateTotal", "collapseThreads"})) {
    return;
  }
  EmailQuery query;
  bool total = false;
  if (!read_query(call, query, total)) return;
  query.total = total;
  const auto most = call.context.limits.max_query;
  const bool limited = !query.limit || *query.limit > most;
  if (limited) query.limit = most;
  auto result = call.context.store.query(query);
  if (!result) return call.fail(result.error());
  if (!result->anchor_found) return call.fail("anchorNotFound");
  auto state = call.context.store.state(Kind::email);
  if (!state) return call.fail(state.error());
  json::object out{{"accountId", call.context.user.account_id},
                   {"queryState", *state},
                   {"canCalculateChanges", false},
                   {"position", result->position},
                   {"ids", to_array(result->ids)}};
  if (query.collapse_threads) out["collapseThreads"] = true;
  if (total) out["total"] = result->total;
  if (limited) out["limit"] = most;
  call.respond(std::move(out));
}

}  // namespace genkan::webmail::jmap
