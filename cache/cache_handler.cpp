#include <algorithm>

#include "cache/bodies.hpp"
#include "cache/cache.hpp"
#include "cache/key.hpp"
#include "cache/validation.hpp"

namespace genkan::cache {
namespace {

using http::FieldId;
using http::Fields;
using http::Method;
using http::Request;
using http::Response;
using Served = Cache::Served;

constexpr int kRounds = 3;  // how often a request waits for another one's before it goes by itself

std::string_view served_name(Served served) {
  switch (served) {
    case Served::hit:
      return "hit";
    case Served::stale:
      return "stale";
    case Served::revalidated:
      return "revalidated";
    case Served::miss:
      return "miss";
    case Served::bypass:
    case Served::count_:
      break;
  }
  return "bypass";
}

bool is_server_error(int status) { return status == 500 || (status >= 502 && status <= 504); }

seconds time_to_live(const Object& object, Time now) { return object.policy.lifetime - object.age(now); }

// Routes do not wait for each other's responses.
std::string flight_key_of(const std::string& key, std::string_view scope) {
  std::string out = key;
  out += '\n';
  out += scope;
  return out;
}

// Requests that are for the origin and nobody else.
bool for_origin(const Request& r) {
  return (r.method != Method::get && r.method != Method::head) || r.body != nullptr || r.fields.has(FieldId::upgrade) ||
         r.tunnel || has_origin_conditions(r.fields);
}

// Everything about a response but its content, when its head is there.
std::unique_ptr<Object> make_object(const Request& r, const Fields& asked, int status, Fields fields,
                                    const ResponseDirectives& cc, const Fields& received, Time sent) {
  auto object = std::make_unique<Object>();
  const auto now = Clock::now();
  const auto wall = WallClock::now();
  object->status = status;
  object->fields = std::move(fields);
  object->scope = r.route;
  object->vary_names = vary_names(object->fields);
  object->vary_key = vary_key(object->vary_names, asked);
  object->policy = reuse_policy(cc, freshness_lifetime(status, object->fields, cc, wall).value);
  object->received = now;
  object->age_then = initial_age(received, now - sent, wall);
  return object;
}

// May the waiting requests use it without asking the origin themselves?
bool shareable(const Object& object) {
  return !object.policy.always_validate && object.policy.lifetime > object.age(object.received);
}

}  // namespace

struct CacheHandler::Worker {
  Flights flights;
};

// Takes the content of a response that may be stored. On the worker of its request, before that request ends.
class CacheHandler::Fill final : public Keeper {
 public:
  Fill(Cache& cache, Flights& flights, std::string flight_key, std::string key, std::unique_ptr<Object> object,
       Lead lead, Time sent)
      : cache_(cache),
        flights_(flights),
        flight_key_(std::move(flight_key)),
        key_(std::move(key)),
        object_(std::move(object)),
        lead_(std::move(lead)),
        sent_(sent) {}

  void kept(std::string content) override {
    content.shrink_to_fit();
    object_->content = std::make_shared<const std::string>(std::move(content));
    ObjectPtr done = std::move(object_);
    cache_.insert(key_, done, sent_);
    if (lead_) lead_.land(std::move(done));
  }

  void spilled() override {
    flights_.mark(flight_key_, Clock::now());
    lead_.refuse();
  }

 private:
  Cache& cache_;
  Flights& flights_;
  std::string flight_key_, key_;
  std::unique_ptr<Object> object_;
  Lead lead_;
  Time sent_;
};

CacheHandler::CacheHandler(std::shared_ptr<Cache> cache, std::shared_ptr<http::Handler> next, const conf::Cache& conf,
                           std::string name)
    : cache_(std::move(cache)),
      next_(std::move(next)),
      max_object_(conf.max_object),
      purge_from_(conf.purge_from),
      name_(std::move(name)) {}

CacheHandler::~CacheHandler() = default;

CacheHandler::Worker& CacheHandler::worker(const Request& r) {
  auto& place = workers_[static_cast<std::size_t>(r.loop.slot())];
  if (!place) place = std::make_unique<Worker>();
  return *place;
}

net::Task<Result<Response>> CacheHandler::handle(Request& r) {
  if (r.method == Method::purge) co_return purge(r);
  if (for_origin(r)) {
    CacheStatus status;
    status.forward = http::is_safe(r.method) ? Forward::bypass : Forward::method;
    auto passed = co_await pass(r, status);
    co_return std::move(passed);
  }
  auto answer = co_await look_up(r);
  co_return std::move(answer);
}

net::Task<Result<Response>> CacheHandler::pass(Request& r, CacheStatus status) {
  auto response = co_await next_->handle(r);
  if (!response) co_return response.error();
  if (invalidates(r.method, response->head->status)) invalidate(r, *response->head);
  finish(r, *response, status, Served::bypass);
  co_return std::move(response);
}

net::Task<Result<Response>> CacheHandler::look_up(Request& r) {
  const auto asked = request_directives(r.fields);
  const bool whole = r.method == Method::get && !r.fields.has(FieldId::range);
  const std::string key = url_key(r);
  std::string flight_key;  // made when the look-up finds nothing to serve
  Flights& flights = worker(r).flights;
  CacheStatus status;
  ObjectPtr object;
  bool together = whole && !asked.no_store;  // may wait for others, and others for it
  for (int round = 0;; ++round) {
    auto found = cache_->find(key, r.route, r.fields);
    object = std::move(found.object);
    status.forward = found.other_variants ? Forward::vary_miss : Forward::uri_miss;
    if (object) {
      const auto choice = reuse(object->policy, asked, object->age(r.loop.now()));
      if (choice == Reuse::fresh || choice == Reuse::stale) {
        co_return serve(r, object, status, choice == Reuse::fresh ? Served::hit : Served::stale);
      }
      status.forward = choice == Reuse::refused ? Forward::request : Forward::stale;
      if (choice == Reuse::refused || !shareable(*object)) together = false;
    } else if (has_cache_conditions(r.fields)) {
      together = false;  // its answer may be a 304, which is of no use to others
    }
    if (asked.only_if_cached) {
      auto page = http::error_page(r, 504, "The response is not in the cache, and the request asks for no other.");
      finish(r, page, {}, Served::bypass);
      co_return page;
    }
    if (flight_key.empty()) flight_key = flight_key_of(key, r.route);
    if (!together || round == kRounds || flights.marked(flight_key, Clock::now())) break;
    auto flight = flights.under_way(flight_key);
    if (!flight || cache_->purged_since(key, flight->started())) break;
    FlightWait wait(r.loop, flight, Flights::kPatience);
    const bool ended = co_await wait;
    cache_->count_collapsed();
    status.collapsed = true;
    if (!ended || flight->end() == Flight::End::refused) {
      together = false;
      break;
    }
    // The one that landed may already have left the store, where that is small.
    const auto& landed = flight->object();
    if (landed && vary_key(landed->vary_names, r.fields) == landed->vary_key &&
        reuse(landed->policy, asked, landed->age(Clock::now())) == Reuse::fresh) {
      co_return serve(r, landed, status, Served::hit);
    }
  }
  Lead lead;
  if (together && !flights.marked(flight_key, Clock::now())) {
    lead = flights.lead(flight_key, Clock::now());
  }
  status.collapsed = false;
  if (object && whole && validators_of(object->fields).any()) {
    auto validated = co_await validate(r, key, std::move(object), std::move(lead), status);
    co_return std::move(validated);
  }
  auto fetched = co_await fetch(r, key, std::move(lead), status);
  co_return std::move(fetched);
}

net::Task<Result<Response>> CacheHandler::fetch(Request& r, std::string key, Lead lead, CacheStatus status) {
  // The layers below may rewrite the request; what it is stored under is what the next client will send.
  const Fields asked = r.fields;
  const auto sent = Clock::now();
  auto response = co_await next_->handle(r);
  if (!response) co_return response.error();
  keep(r, asked, *response, key, std::move(lead), sent, status);
  finish(r, *response, status, Served::miss);
  co_return std::move(response);
}

net::Task<Result<Response>> CacheHandler::validate(Request& r, std::string key, ObjectPtr old, Lead lead,
                                                   CacheStatus status) {
  const Fields asked = r.fields;
  make_conditional(r.fields, validators_of(old->fields));
  auto sent = Clock::now();
  auto response = co_await next_->handle(r);
  r.fields = asked;
  const bool failed = !response || is_server_error(response->head->status);
  if (failed && reusable_on_error(old->policy, old->age(Clock::now()))) {
    status.forward_status = response ? response->head->status : 502;
    if (response) response->body.reset();
    co_return serve(r, old, status, Served::stale);
  }
  if (!response) co_return response.error();
  if (response->head->status == 304) {
    status.forward_status = 304;
    if (same_representation(validators_of(old->fields), response->head->fields)) {
      auto fresh = freshen(r, asked, response->head->fields, key, old, sent);
      response->body.reset();
      if (lead && shareable(*fresh)) lead.land(fresh);
      co_return serve(r, fresh, status, Served::revalidated);
    }
    // The origin has another representation than it says we have: ask for it plainly, once.
    response->body.reset();
    sent = Clock::now();
    response = co_await next_->handle(r);
    if (!response) co_return response.error();
  }
  keep(r, asked, *response, key, std::move(lead), sent, status);
  finish(r, *response, status, Served::miss);
  co_return std::move(response);
}

void CacheHandler::keep(Request& r, const Fields& asked, Response& response, const std::string& key, Lead lead,
                        Time sent, CacheStatus& status) {
  const auto& head = *response.head;
  const auto cc = response_directives(head.fields);
  const auto wall = WallClock::now();
  const auto verdict = storable(r.method, asked, head.status, head.fields, cc, wall);
  const auto flight_key = flight_key_of(key, r.route);
  auto& flights = worker(r).flights;
  const auto length = response.body ? response.body->length() : std::optional<std::uint64_t>(0);
  if (verdict != Storable::yes || (length && *length > max_object_)) {
    status.detail = verdict == Storable::yes ? "too-large" : storable_name(verdict);
    // An origin in trouble is not asked by everybody at once: the next one leads.
    if (head.status >= 500 || verdict == Storable::method) return;
    if (lead) flights.mark(flight_key, Clock::now());
    lead.refuse();
    return;
  }
  auto object = make_object(r, asked, head.status, stored_fields(head.fields, cc, wall), cc, head.fields, sent);
  status.stored = true;
  if (!shareable(*object)) {
    if (lead) flights.mark(flight_key, Clock::now());
    lead.refuse();
  }
  auto fill = std::make_unique<Fill>(*cache_, flights, flight_key, key, std::move(object), std::move(lead), sent);
  if (!response.body) {
    fill->kept({});
    return;
  }
  response.body.reset(new TeeBody(std::move(response.body), std::move(fill), max_object_));
}

ObjectPtr CacheHandler::freshen(const Request& r, const Fields& asked, const Fields& newer, const std::string& key,
                                const ObjectPtr& old, Time sent) {
  const auto wall = WallClock::now();
  auto fields = freshened_fields(old->fields, newer, response_directives(newer), wall);
  const auto cc = response_directives(fields);
  // The 304 says how old it is itself; without a Date it is from now.
  auto object = make_object(r, asked, old->status, std::move(fields), cc, newer, sent);
  object->content = old->content;
  ObjectPtr fresh = std::move(object);
  // A 304 may also say that the response is to be kept no longer.
  if (storable(Method::get, asked, fresh->status, fresh->fields, cc, wall) == Storable::yes) {
    cache_->replace(key, old, fresh, sent);
  } else {
    cache_->purge(key);
  }
  return fresh;
}

Response CacheHandler::serve(Request& r, const ObjectPtr& object, CacheStatus status, Served served) {
  const auto now = r.loop.now();
  status.hit = served == Served::hit || (served == Served::stale && status.forward_status == 0);
  if (status.hit) status.forward = Forward::none;
  status.ttl = time_to_live(*object, now);
  const auto& content = object->content;
  ByteRange range;
  auto part = RangeAnswer::whole;
  int code = object->status;
  if (code == 200) {
    if (client_is_current(r.fields, object->fields)) {
      code = 304;
    } else if (r.method == Method::get) {
      part = choose_range(r.fields, object->fields, content->size(), range);
      if (part != RangeAnswer::whole) code = part == RangeAnswer::partial ? 206 : 416;
    }
  }
  Response response{&r.reply_head(code), nullptr};
  auto& fields = response.head->fields;
  if (code == object->status) {
    fields = object->fields;
  } else {
    object->fields.each([&](std::string_view name, std::string_view value, FieldId id) {
      if (code == 206 || belongs_in_304(name, id)) fields.add(name, value);
    });
  }
  fields.add(FieldId::age, std::to_string(object->age(now).count()));
  const auto size = std::to_string(content->size());
  if (code == 206) {
    auto text = "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + size;
    fields.add(FieldId::content_range, text);
    response.body.reset(new StoredBody(content, range));
  } else if (code == 416) {
    fields.add(FieldId::content_range, "bytes */" + size);
  } else if (code != 304) {
    if (r.method == Method::head) {
      fields.add(FieldId::content_length, size);
    } else {
      response.body.reset(new StoredBody(content));
    }
  }
  finish(r, response, status, served);
  return response;
}

void CacheHandler::finish(Request& r, Response& response, const CacheStatus& status, Served served) {
  response.head->fields.add(FieldId::cache_status, cache_status_text(name_, status));
  r.cache_result = served_name(served);
  cache_->count(served);
}

void CacheHandler::invalidate(const Request& r, const http::ResponseHead& head) {
  cache_->purge(url_key(r));
  for (const auto& name : {std::string_view("Location"), std::string_view("Content-Location")}) {
    auto reference = head.fields.get(name);
    auto key = reference ? related_key(r, *reference) : std::string();
    if (!key.empty()) cache_->purge(key);
  }
}

Response CacheHandler::purge(Request& r) {
  const bool local = r.client && (r.client->is_unix() || r.client->ip.is_loopback());
  const bool listed = r.client && !r.client->is_unix() &&
                      std::any_of(purge_from_.begin(), purge_from_.end(),
                                  [&](const base::Cidr& c) { return c.contains(r.client->ip); });
  if (purge_from_.empty() ? !local : !listed) return http::error_page(r, 403, "Purging is not allowed from here.");
  const auto count = cache_->purge(url_key(r));
  auto response = r.reply(200, "text/plain; charset=utf-8", "purged " + std::to_string(count) + "\n");
  response.head->fields.add(FieldId::cache_control, "no-store");
  r.cache_result = "purge";
  return response;
}

}  // namespace genkan::cache
