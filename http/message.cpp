#include "http/message.hpp"

#include "base/text.hpp"

namespace genkan::http {

Method method_of(std::string_view text) noexcept {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "POST") return Method::post;
      if (text == "HEAD") return Method::head;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      if (text == "PURGE") return Method::purge;
      break;
    case 6:
      if (text == "DELETE") return Method::delete_;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      if (text == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

std::string_view Request::origin_target() {
  if (!has_query) return path;
  if (path.data() == target.data()) return target;  // as received
  target_store_.assign(path).append("?").append(query);
  return target_store_;
}

ResponseHead& Request::reply_head(int status) {
  reply_head_.status = status;
  reply_head_.reason = {};
  reply_head_.minor_version = 1;
  reply_head_.fields.clear();
  return reply_head_;
}

Response Request::reply(int status) { return {&reply_head(status), nullptr}; }

Response Request::reply(int status, std::string_view content_type, std::string text) {
  Response response{&reply_head(status), nullptr};
  response.head->fields.add(FieldId::content_type, content_type);
  response.body.reset(new TextBody(std::move(text)));
  return response;
}

Response error_page(Request& request, int status, std::string_view what) {
  const auto accept = request.fields.get("Accept").value_or("");
  const std::string code = std::to_string(status);
  Response response;
  if (accept.find("application/json") != std::string_view::npos) {
    std::string json = "{\"status\":" + code + ",\"error\":" + base::json_quote(reason_phrase(status)) +
                       ",\"detail\":" + base::json_quote(what) + "}\n";
    response = request.reply(status, "application/json", std::move(json));
  } else {
    std::string page =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">"
        "<title>";
    page += code;
    page += ' ';
    page += reason_phrase(status);
    page +=
        "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:18vh auto;padding:0 1.5rem;"
        "color:#222;background:#fafafa}h1{font-size:1.4rem}p{color:#555}@media(prefers-color-scheme:dark){body{color:#"
        "eee;"
        "background:#161618}p{color:#aaa}}</style><h1>";
    page += code;
    page += ' ';
    page += reason_phrase(status);
    page += "</h1><p>";
    page += base::html_escape(what);
    page += "</p></html>\n";
    response = request.reply(status, "text/html; charset=utf-8", std::move(page));
  }
  response.head->fields.add(FieldId::cache_control, "no-store");
  return response;
}

}  // namespace genkan::http
