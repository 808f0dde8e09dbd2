// The lane of a group of relays: carriers that keep a connection each, to the member that smtp/relay.hpp chooses.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "smtp/client/connection.hpp"
#include "smtp/delivery/lane.hpp"
#include "smtp/operate/tls_reports.hpp"
#include "smtp/relay.hpp"

namespace genkan::smtp {

class RelayLane : public Lane {
 public:
  RelayLane(Dispatcher& dispatcher, std::string name);
  void configure(const PlanPtr& plan) override;
  void cancel() override;
  net::Task<Verdict> probe(std::string address) override;

 private:
  friend class Passage;
  struct Link;

 protected:
  struct Member {
    std::string address, node;
    std::string host;  // the name that led to the address, where that is another
    ClientOptions with_tls, without_tls;
    bool may_do_without = true;                   // in the clear when TLS fails
    bool testing = false;                         // a failure of TLS is only reported (MTA-STS)
    std::shared_ptr<const TlsPolicyFacts> facts;  // what TLS is reported by; null: it is not
    MemberState state;                            // in_flight counts open connections
    Time heard{};                                 // when its node announced what state.sent is counted from
    Time no_tls_until{};
  };

  // Makes members_ what they are now. False: not to be found out, the lane was paused. `never`: this mail can not be
  // delivered.
  virtual net::Task<bool> find_members(std::string* never);
  void set_connections(std::uint32_t connections);
  void replace_members(std::vector<std::shared_ptr<Member>> members);  // who stays keeps what is known of it
  std::vector<std::shared_ptr<Member>> members_;

 private:
  net::Task<Verdict> probe_members(std::string address);
  // What a carrier holds between messages.
  struct Link {
    std::unique_ptr<Connection> connection;
    std::shared_ptr<Member> member;
    unsigned used = 0;
    Time since{};
  };

  // For Passage.
  net::Task<bool> borrow(Link& link, std::string* why);
  net::Task<bool> borrow_one(Link& link, std::string* why);
  void give_back(Link& link) noexcept;
  void took(Link& link, bool good);

  // One item's way along the members.
  struct Attempt {
    std::vector<bool> failed;  // members that did not take it
    std::vector<Outcome> outcomes;
    Carried carried;
  };

  std::size_t carrier_limit() const override;
  net::Task<void> carry() override;
  net::Task<void> carry_one(Work& work, Link& link);
  net::Task<bool> carry_part(Work& work, Link& link, Delivery& delivery, Attempt& attempt);
  net::Task<bool> open(Link& link, std::vector<bool>& failed);
  net::Task<bool> open_to(Link& link, std::shared_ptr<Member> member, std::string* why);
  net::Task<void> drop(Link& link);
  void lose(Link& link) noexcept;
  void note_tls(const Member& member, const base::Endpoint& at, bool encrypted, const TlsMiss& miss);
  bool worn(const Link& link) const;
  std::size_t index_of(const Member& member) const;
  std::vector<MemberState> states() const;
  std::optional<std::size_t> choose(const std::vector<MemberState>& states, const std::vector<bool>& skip);

  ChoiceRules rules_;
  ChoiceTurn turn_;
  std::size_t per_member_ = 1;  // connections to one member from this worker
  std::set<Connection*> open_;
};

}  // namespace genkan::smtp
