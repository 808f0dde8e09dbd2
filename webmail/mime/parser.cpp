#include "webmail/mime/parser.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "webmail/mime/charset.hpp"

namespace genkan::webmail::mime {

namespace {

// One line of `s` from `at`: its length without the line end, and where the next begins.
struct Line {
  std::size_t length = 0, next = 0;
};
Line line_at(std::string_view s, std::size_t at, std::size_t end) {
  const auto newline = s.substr(0, end).find('\n', at);
  if (newline == s.npos) return {end - at, end};
  std::size_t length = newline - at;
  if (length > 0 && s[newline - 1] == '\r') --length;
  return {length, newline + 1};
}

bool blank_line(std::string_view s, std::size_t at, const Line& line) {
  return s.substr(at, line.length).find_first_not_of(" \t\r") == s.npos;
}

class Builder {
 public:
  Builder(std::string_view bytes, const Limits& limits) : s_(bytes), limits_(limits) {}

  Message run() {
    Message message;
    build(message.root, 0, s_.size(), 0, "text/plain", "");
    message.truncated = truncated_;
    return message;
  }

 private:
  void build(Part& part, std::size_t at, std::size_t end, int depth, const char* default_type, const std::string& id) {
    ++parts_;
    const std::size_t body = read_fields(part, at, end);
    part.header = {at, body - at};
    part.body = {body, end - body};
    describe(part, default_type);
    if (part.is_multipart()) {
      if (depth < limits_.depth && build_children(part, depth, id)) return;
      truncated_ |= depth >= limits_.depth;
      part.type = "text/plain";  // no boundary anywhere: at least the text can be read
    }
    part.id = id.empty() ? "1" : id;
  }

  // Returns where the body begins.
  std::size_t read_fields(Part& part, std::size_t at, std::size_t end) {
    const std::size_t start = at;
    while (at < end) {
      const auto line = line_at(s_, at, end);
      if (line.length == 0) return line.next;
      const bool folded = s_[at] == ' ' || s_[at] == '\t';
      if (!folded && blank_line(s_, at, line)) return line.next;
      if (at - start > limits_.header_bytes) {
        truncated_ = true;
      } else if (folded && !part.fields.empty()) {
        auto& value = part.fields.back().value;
        value.length = at + line.length - value.offset;
      } else if (!folded) {
        add_field(part, at, line);
      }
      at = line.next;
    }
    return end;
  }

  void add_field(Part& part, std::size_t at, const Line& line) {
    const auto text = s_.substr(at, line.length);
    const auto colon = text.find(':');
    if (colon == text.npos || colon == 0) return;  // "From " of an mbox, or garbage
    const auto name = base::trim(text.substr(0, colon));
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
    if (!good) return;
    if (part.fields.size() >= limits_.fields) {
      truncated_ = true;
      return;
    }
    part.fields.push_back({std::string(name), {at + colon + 1, line.length - colon - 1}});
  }

  void describe(Part& part, const char* default_type) {
    part.type = default_type;
    if (const auto* field = part.find_first("content-type")) {
      part.type_parameters = parse_parameters(field->value.in(s_));
      const auto& value = part.type_parameters.value;
      const auto slash = value.find('/');
      const bool good = slash != value.npos && slash > 0 && slash + 1 < value.size() &&
                        value.find_first_of(" \t") == value.npos && valid_utf8(value);
      if (good) {
        part.type = value;
      } else if (value == "text") {
        part.type = "text/plain";
      }
    }
    part.charset = part.type_parameters.find("charset");
    if (const auto* field = part.find_first("content-disposition")) {
      const auto disposition = parse_parameters(field->value.in(s_));
      part.disposition = repair_utf8(disposition.value);
      part.name = disposition.find("filename");
    }
    if (part.name.empty()) part.name = part.type_parameters.find("name");
    if (const auto* field = part.find_first("content-id")) {
      const auto ids = parse_message_ids(field->value.in(s_));
      part.cid = ids.empty() ? decode_text(field->value.in(s_)) : ids.front();
    }
    if (const auto* field = part.find_first("content-transfer-encoding")) {
      part.encoding = encoding_from(unfold(field->value.in(s_)), &part.encoding_known);
    }
  }

  // The boundary, or, when the parameter is missing, the first line that looks like one.
  std::string boundary_of(const Part& part) const {
    std::string boundary(part.type_parameters.find("boundary"));
    if (!boundary.empty()) return boundary;
    const std::size_t end = part.body.offset + part.body.length;
    for (std::size_t at = part.body.offset; at < end;) {
      const auto line = line_at(s_, at, end);
      auto text = base::trim(s_.substr(at, line.length));
      if (text.size() > 4 && text.size() < 200 && text.starts_with("--")) return std::string(text.substr(2));
      at = line.next;
    }
    return {};
  }

  bool build_children(Part& part, int depth, const std::string& id) {
    const std::string boundary = boundary_of(part);
    if (boundary.empty()) return false;
    const auto ranges = split(part.body, "--" + boundary);
    if (ranges.empty()) return false;
    const char* child_type = part.type == "multipart/digest" ? "message/rfc822" : "text/plain";
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (parts_ >= limits_.parts) {
        truncated_ = true;
        break;
      }
      auto child_id = (id.empty() ? std::string() : id + ".") + std::to_string(i + 1);
      part.children.emplace_back();
      build(part.children.back(), ranges[i].offset, ranges[i].offset + ranges[i].length, depth + 1, child_type,
            child_id);
    }
    return true;
  }

  // RFC 2046 5.1.1: the line end before a delimiter belongs to the delimiter. A missing close delimiter ends at the
  // end.
  std::vector<Range> split(const Range& body, const std::string& delimiter) const {
    std::vector<Range> ranges;
    const std::size_t end = body.offset + body.length;
    std::optional<std::size_t> open;
    for (std::size_t at = body.offset; at < end && ranges.size() <= limits_.parts;) {
      const auto line = line_at(s_, at, end);
      auto text = s_.substr(at, line.length);
      if (text.starts_with(delimiter)) {
        text.remove_prefix(delimiter.size());
        const bool close = text.starts_with("--");
        if (close) text.remove_prefix(2);
        if (base::trim(text).empty()) {
          if (open) ranges.push_back({*open, before_line_end(at, *open) - *open});
          open = close ? std::nullopt : std::optional(line.next);
          if (close) break;
        }
      }
      at = line.next;
    }
    if (open) ranges.push_back({*open, end - *open});
    return ranges;
  }

  std::size_t before_line_end(std::size_t at, std::size_t from) const {
    if (at > from && s_[at - 1] == '\n') --at;
    if (at > from && s_[at - 1] == '\r') --at;
    return at;
  }

  std::string_view s_;  // the message; outlives the builder
  Limits limits_;
  std::size_t parts_ = 0;
  bool truncated_ = false;
};

void collect(const Part& part, std::vector<const Part*>& out) {
  if (part.is_multipart()) {
    for (const auto& child : part.children) collect(child, out);
  } else {
    out.push_back(&part);
  }
}

}  // namespace

const Field* Part::find(std::string_view wanted) const {
  for (auto i = fields.rbegin(); i != fields.rend(); ++i) {
    if (base::iequals(i->name, wanted)) return &*i;
  }
  return nullptr;
}

const Field* Part::find_first(std::string_view wanted) const {
  for (const auto& field : fields) {
    if (base::iequals(field.name, wanted)) return &field;
  }
  return nullptr;
}

Message parse(std::string_view bytes, const Limits& limits) { return Builder(bytes, limits).run(); }

std::string part_bytes(std::string_view message, const Part& part, std::size_t max) {
  return decode_transfer(part.body.in(message), part.encoding, max);
}

Text part_text(std::string_view message, const Part& part, std::size_t max) {
  // UTF-32 has four bytes where UTF-8 has one: this bounds the work and still fills the answer.
  const std::size_t most = max > part.body.length ? std::string::npos : max * 4 + 16;
  auto bytes = part_bytes(message, part, most);
  auto decoded = to_utf8(bytes, part.charset);
  Text out;
  out.problem = decoded.problem || !part.encoding_known;
  std::string& text = decoded.text;
  std::erase(text, '\r');
  if (text.size() > max) {
    text.resize(utf8_prefix(text, max).size());
    out.truncated = true;
  }
  out.truncated |= bytes.size() >= most;
  out.value = std::move(text);
  return out;
}

std::vector<const Part*> leaves(const Message& message) {
  std::vector<const Part*> out;
  collect(message.root, out);
  return out;
}

const Part* find_part(const Message& message, std::string_view id) {
  for (const auto* part : leaves(message)) {
    if (part->id == id) return part;
  }
  return nullptr;
}

}  // namespace genkan::webmail::mime
