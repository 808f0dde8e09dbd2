// Header fields as JMAP properties: "header:List-Id:asText:all" and the short names (RFC 8621 4.1.2, 4.1.3).
// Private to jmap/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "webmail/jmap/method.hpp"
#include "webmail/mime/builder.hpp"
#include "webmail/mime/parser.hpp"

namespace genkan::webmail::jmap {

enum class Form { raw, text, addresses, grouped, message_ids, date, urls };

struct HeaderProperty {
  std::string field;
  Form form = Form::raw;
  bool all = false;
};

// None: not of that form, or a form that the field may not have.
std::optional<HeaderProperty> header_property(std::string_view property);
// messageId, from, subject, ...; none for others.
std::optional<HeaderProperty> short_property(std::string_view property);

json::value header_value(std::string_view message, const mime::Part& part, const HeaderProperty& property);
json::array all_headers(std::string_view message, const mime::Part& part);  // [{"name":..., "value":...}]

// For Email/set: puts the value into the draft; false when it has the wrong type or the field can't be set.
bool set_header(const HeaderProperty& property, const json::value& value, mime::Draft& draft);

}  // namespace genkan::webmail::jmap
