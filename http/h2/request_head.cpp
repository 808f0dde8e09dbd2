#include "http/h2/request_head.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/target.hpp"

namespace genkan::http::h2 {
namespace {

constexpr std::size_t kUsualText = 511, kUsualFields = 16;  // room that most requests need no more than

}  // namespace

bool RequestHead::add(std::string_view name, std::string_view value, const conf::Http& limits) {
  bytes_ += name.size() + value.size() + 4;  // as it would be in HTTP/1.1
  if (refuse_) return false;
  if (bytes_ > limits.max_head || name.size() > 0xffff) {
    refuse_ = 431;
    return false;
  }
  if (text_.capacity() < kUsualText) text_.reserve(kUsualText);
  if (!name.empty() && name.front() == ':') {
    add_pseudo(name, value);
    return true;
  }
  const FieldId id = field_id(name);
  if (id != FieldId::cookie && ++count_ > limits.max_fields) {
    refuse_ = 431;
    return false;
  }
  if (entries_.empty()) entries_.reserve(kUsualFields);
  add_line(id, name, value);
  return true;
}

// As HTTP/1.1 has it: what goes on in that is then one piece (Fields::each_run).
void RequestHead::add_line(FieldId id, std::string_view name, std::string_view value) {
  const auto at = static_cast<std::uint32_t>(text_.size());
  entries_.push_back({at, static_cast<std::uint32_t>(at + name.size() + 2), static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(name.size()), id});
  text_.append(name).append(": ").append(value).append("\r\n");
}

void RequestHead::add_pseudo(std::string_view name, std::string_view value) {
  const Part part{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(value.size())};
  if (name == ":method") {
    method_ = part;
  } else if (name == ":path") {
    path_ = part;
  } else if (name == ":authority") {
    authority_ = part;
  } else if (name == ":scheme") {
    scheme_ = part;
  } else if (name == ":protocol") {
    protocol_ = part;
  } else {
    return;
  }
  text_ += value;
}

// RFC 9113 8.2.3: crumbs were split for compression only; whoever goes on in HTTP/1.1 sends one field.
void RequestHead::join_cookies() {
  const auto is_cookie = [](const Entry& e) { return e.id == FieldId::cookie; };
  if (std::count_if(entries_.begin(), entries_.end(), is_cookie) < 2) return;
  std::string all;
  for (const Entry& e : entries_) {
    if (e.id != FieldId::cookie) continue;
    if (!all.empty()) all += "; ";
    all.append(text_, e.value_at, e.value_size);
  }
  std::erase_if(entries_, is_cookie);
  add_line(FieldId::cookie, "cookie", all);
}

int RequestHead::make(Request& r, const conf::Http& limits) {
  join_cookies();
  const auto is_host = [](const Entry& e) { return e.id == FieldId::host; };
  const bool add_host = authority_.size > 0 && std::none_of(entries_.begin(), entries_.end(), is_host);
  const std::size_t host_at = text_.size();
  if (add_host) text_ += "host";
  // Nothing is added from here on: views of the text stay.
  r.fields.clear(text_.data());
  if (add_host) r.fields.add_parsed(FieldId::host, host_at, 4, authority_.at, authority_.size);
  for (const Entry& e : entries_) r.fields.add_parsed(e.id, e.name_at, e.name_size, e.value_at, e.value_size);
  r.method_text = text(method_);
  r.method = method_of(r.method_text);
  r.target = text(path_);
  if (refuse_) return refuse_;
  if (const int status = check_authority(r)) return status;
  return check_target(r, limits);
}

// RFC 9113 8.3.1: Host and :authority, where both are there, say the same.
int RequestHead::check_authority(Request& r) {
  if (r.fields.count(FieldId::host) != 1) return 400;
  const std::string_view host_field = *r.fields.get(FieldId::host);
  r.authority = host_field;
  if (authority_.size > 0) {
    r.authority = text(authority_);
    if (r.authority.data() != host_field.data() && !base::iequals(host_field, r.authority)) return 400;
  }
  const auto authority = parse_authority(r.authority);
  if (!authority) return 400;
  r.host = authority->host;
  if (std::any_of(r.host.begin(), r.host.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    host_store_ = base::to_lower(r.host);
    r.host = host_store_;
  }
  return 0;
}

int RequestHead::check_target(Request& r, const conf::Http& limits) {
  if (r.method == Method::connect && protocol_.size == 0) return 405;
  if (path_.size > limits.max_target) return 414;
  const std::string_view scheme = text(scheme_);
  if (scheme != "http" && scheme != "https") return 400;
  const auto target = split_target(r.target);
  if (!target) return 400;
  if (target->form == TargetForm::asterisk) {
    if (r.method != Method::options) return 400;
    r.path = "*";
  } else {
    if (target->form != TargetForm::origin) return 400;
    const auto path = normalise_path(target->path, path_store_, limits.merge_slashes);
    if (!path) return 400;
    r.path = *path;
  }
  r.query = target->query;
  r.has_query = target->has_query;
  return 0;
}

}  // namespace genkan::http::h2
