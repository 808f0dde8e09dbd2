// The session object (RFC 8620 section 2, RFC 8621 section 1.3).
#include "webmail/jmap/method.hpp"

namespace genkan::webmail::jmap {

namespace {

json::object core_capability(const Limits& l) {
  return {{"maxSizeUpload", l.max_size_upload},
          {"maxConcurrentUpload", l.max_concurrent_upload},
          {"maxSizeRequest", l.max_size_request},
          {"maxConcurrentRequests", l.max_concurrent_requests},
          {"maxCallsInRequest", l.max_calls},
          {"maxObjectsInGet", l.max_objects_in_get},
          {"maxObjectsInSet", l.max_objects_in_set},
          {"collationAlgorithms", json::array{"i;ascii-casemap", "i;unicode-casemap"}}};
}

json::object mail_capability(const Limits& l) {
  return {{"maxMailboxesPerEmail", nullptr},
          {"maxMailboxDepth", 10},
          {"maxSizeMailboxName", 200},
          {"maxSizeAttachmentsPerEmail", l.max_attachments},
          {"emailQuerySortOptions", json::array{"receivedAt", "sentAt", "size", "from", "to", "subject", "hasKeyword",
                                                "allInThreadHaveKeyword", "someInThreadHaveKeyword"}},
          {"mayCreateTopLevelMailbox", true}};
}

}  // namespace

std::string session_json(const User& user, const Limits& limits, std::string_view base_url) {
  const std::string base(base_url);
  const json::object submission{{"maxDelayedSend", 0}, {"submissionExtensions", json::object()}};
  const json::object account{
      {"name", user.address},
      {"isPersonal", true},
      {"isReadOnly", false},
      {"accountCapabilities", json::object{{"urn:ietf:params:jmap:core", json::object()},
                                           {"urn:ietf:params:jmap:mail", mail_capability(limits)},
                                           {"urn:ietf:params:jmap:submission", submission}}}};
  json::object out;
  out["capabilities"] = json::object{{"urn:ietf:params:jmap:core", core_capability(limits)},
                                     {"urn:ietf:params:jmap:mail", json::object()},
                                     {"urn:ietf:params:jmap:submission", json::object()}};
  out["accounts"] = json::object{{user.account_id, account}};
  out["primaryAccounts"] = json::object{{"urn:ietf:params:jmap:core", user.account_id},
                                        {"urn:ietf:params:jmap:mail", user.account_id},
                                        {"urn:ietf:params:jmap:submission", user.account_id}};
  out["username"] = user.address;
  out["apiUrl"] = base + "/webmail/jmap/api";
  out["downloadUrl"] = base + "/webmail/jmap/download/{accountId}/{blobId}/{name}?type={type}";
  out["uploadUrl"] = base + "/webmail/jmap/upload/{accountId}/";
  out["eventSourceUrl"] = base + "/webmail/jmap/events?types={types}&closeafter={closeafter}&ping={ping}";
  out["state"] = kSessionState;
  return json::serialize(out);
}

}  // namespace genkan::webmail::jmap
